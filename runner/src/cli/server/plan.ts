import { isEmpty, type Plan, planJson, planMarkdown, planText } from '@sluice/core';
import type { FileFinding } from '../../repo/file-findings.ts';
import { confirm } from '../confirm.ts';
import { usage } from '../errors.ts';
import { EXIT } from '../exit.ts';
import { type CommonOptions, outputOf } from '../options.ts';
import { openProject } from '../project.ts';
import { plural, print, printableLine, tell } from '../terminal.ts';
import type { Server } from './client.ts';

const FORMS = { text: planText, json: planJson, markdown: planMarkdown } as const;

type Planned = Plan & { empty: boolean; destructive: boolean; diagnostics?: FileFinding[] };

/** Sends the files of this project and shows what would change there; nothing is applied. */
export async function plan(
  server: Server,
  names: readonly string[],
  options: CommonOptions & { assertEmpty?: boolean; connect?: boolean; select?: string[] },
): Promise<void> {
  if (names.length > 0 || options.select !== undefined) throw usage('server', 'With --server the plan is of all jobs');
  const { config, jobs } = await openProject(options);
  const documents = [...(config ? [config] : []), ...jobs.values()];
  const files = documents.map(({ file, text }) => ({ path: file, text }));
  const found = await server.ask<Planned>('/plan', {
    method: 'POST',
    body: { files, connect: options.connect === true },
  });
  const { empty: _e, destructive: _d, diagnostics = [], ...made } = found;
  print(FORMS[outputOf(options) as keyof typeof FORMS](made));
  for (const { severity, file, range, message } of diagnostics.filter(
    (one) => one.severity === 'error' && !options.quiet,
  ))
    tell(`${severity} ${printableLine(file)}:${range.start.line + 1}: ${printableLine(message)}`);
  if (options.assertEmpty === true && !(isEmpty(made) && made.problems.length === 0)) process.exitCode = EXIT.notEmpty;
}

/** Applies the checkout of the daemon: its files, not the ones here. */
export async function apply(
  server: Server,
  options: CommonOptions & { yes?: boolean; planHash?: string; allowDestructive?: boolean },
): Promise<void> {
  const found = await server.ask<Planned>('/plan');
  const { empty, destructive: _, ...made } = found;
  if (!empty || made.problems.length > 0)
    await confirm(planText(made), options.yes === true || options.planHash !== undefined, options.quiet === true);
  const body = { hash: options.planHash ?? made.hash, allow_destructive: options.allowDestructive === true };
  const done = await server.ask<{ version: number; hash: string; changed: number }>('/apply', { method: 'POST', body });
  if (outputOf(options) === 'json') print(JSON.stringify({ ...done, problems: made.problems }, null, 2));
  else
    print(
      done.changed === 0
        ? `Nothing to apply; version ${done.version}`
        : `Applied ${plural(done.changed, 'change')}; version ${done.version}`,
    );
}
