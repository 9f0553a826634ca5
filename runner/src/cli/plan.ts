import { isEmpty, type PartPlan, partOf, planJson, planMarkdown, planText } from '@sluice/core';
import type { Command } from 'commander';
import { askedName, type SelectOptions, withSelect } from './asked.ts';
import { EXIT } from './exit.ts';
import { outputOf, withCommon } from './options.ts';
import { type Planned, withPlan } from './planned.ts';
import { chooseJobs, isPath } from './select.ts';
import { type ServerOptions, serverOf, withServer } from './server/client.ts';
import { print } from './terminal.ts';

interface PlanOptions extends SelectOptions, ServerOptions {
  assertEmpty?: boolean;
}

const FORMS = { text: planText, json: planJson, markdown: planMarkdown } as const;

export function define(command: Command): void {
  withServer(withSelect(withCommon(command, Object.keys(FORMS))))
    .argument('[job...]', 'jobs by NAME, NAME/STREAM or path (default: all)')
    .option('--assert-empty', 'exit with 3 where something would change, or a file has errors')
    .action(plan);
}

function plan(names: string[], options: PlanOptions): Promise<void> {
  const server = serverOf(options);
  if (server) return import('./server/plan.ts').then((there) => there.plan(server, names, options));
  return withPlan(options, names.filter(isPath), async (planned) => {
    const all = names.length === 0 && options.select === undefined;
    const made = all ? planned.plan : await part(planned, names, options.select ?? []);
    print(FORMS[outputOf(options) as keyof typeof FORMS](made));
    const equal = isEmpty(made) && made.problems.length === 0;
    if (options.assertEmpty === true && !equal) process.exitCode = EXIT.notEmpty;
  });
}

/** What the plan says of some jobs; those that have no file any more are known by their names. */
async function part(
  { project, plan: made }: Planned,
  names: readonly string[],
  selectors: readonly string[],
): Promise<PartPlan> {
  const planned = new Set(made.changes.map(({ address }) => address));
  const rest = names.filter((name) => !planned.has(name));
  const chosen = rest.length > 0 || selectors.length > 0 ? await chooseJobs(project, rest, selectors) : [];
  const addresses = new Set([...names, ...chosen.map(askedName)]);
  const files = made.changes.filter(({ address }) => addresses.has(address)).map(({ file }) => file);
  return partOf(made, addresses, new Set([...files, ...chosen.map(({ document }) => document.file)]));
}
