import { isEmpty, type PartPlan, partOf, planJson, planMarkdown, planText, withSeen } from '@sluice/core';
import type { Command } from 'commander';
import { askedName, type SelectOptions, withSelect } from './asked.ts';
import { EXIT } from './exit.ts';
import { outputOf, withCommon } from './options.ts';
import { type Planned, withPlan } from './planned.ts';
import { environmentOf } from './project.ts';
import { chooseJobs, isPath } from './select.ts';
import { type ServerOptions, serverOf, withServer } from './server/client.ts';
import { exitOnInterrupt } from './signals.ts';
import { print, tell } from './terminal.ts';
import { stateStoreOf } from './unset.ts';

interface PlanOptions extends SelectOptions, ServerOptions {
  assertEmpty?: boolean;
  connect?: boolean;
}

const FORMS = { text: planText, json: planJson, markdown: planMarkdown } as const;

export function define(command: Command): void {
  withServer(withSelect(withCommon(command, Object.keys(FORMS))))
    .argument('[job...]', 'jobs by NAME, NAME/STREAM or path (default: all)')
    .option('--connect', 'look at tables and files too, through connections that are as they are applied')
    .option('--assert-empty', 'exit with 3 where something would change, or a file has errors')
    .action(plan);
}

function plan(names: string[], options: PlanOptions): Promise<void> {
  const server = serverOf(options);
  if (server) return import('./server/plan.ts').then((there) => there.plan(server, names, options));
  return withPlan(options, names.filter(isPath), async (planned) => {
    const all = names.length === 0 && options.select === undefined;
    const part = all ? planned.plan : await partPlan(planned, names, options.select ?? []);
    const made = options.connect === true ? await lookedInto(planned, part) : part;
    print(FORMS[outputOf(options) as keyof typeof FORMS](made));
    const equal = isEmpty(made) && made.problems.length === 0;
    if (options.assertEmpty === true && !equal) process.exitCode = EXIT.notEmpty;
  });
}

/** With what is seen of the tables and files of streams that change. */
async function lookedInto<P extends Planned['plan'] | PartPlan>(
  { project, desired, actual }: Planned,
  plan: P,
): Promise<P> {
  const { foresee } = await import('../executor/foresee.ts');
  const interrupt = exitOnInterrupt();
  try {
    const seen = await foresee({
      projectDir: project.dir,
      env: environmentOf(project),
      stateStore: stateStoreOf(project),
      plan,
      desired: desired.jobs,
      applied: actual.jobs,
      signal: interrupt.signal,
      onWait: (holder) => tell(`Waiting: the warehouse is held by ${holder}`),
    });
    return withSeen(plan, seen);
  } finally {
    interrupt.dispose();
  }
}

/** What the plan says of some jobs; those that have no file any more are known by their names. */
async function partPlan(
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
