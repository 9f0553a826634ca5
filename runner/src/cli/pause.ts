import { parseDuration } from '@sluice/core';
import type { Command } from 'commander';
import { appliedJob, asker, withControl } from './control.ts';
import { usage } from './errors.ts';
import { type CommonOptions, withCommon } from './options.ts';
import { type ServerOptions, serverOf, withServer } from './server/client.ts';
import { print } from './terminal.ts';

interface PauseOptions extends CommonOptions, ServerOptions {
  reason: string;
  until?: string;
}

export function define(command: Command): void {
  withServer(withCommon(command, ['text']))
    .argument('<job>', 'the job’s NAME')
    .requiredOption('--reason <text>', 'why, for those who wonder')
    .option('--until <time>', 'a time, or a duration from now such as 2h (default: until `sluice resume`)')
    .addHelpText(
      'after',
      '\nIts schedule and backfills rest; a run that is alive goes on, and runs by hand are possible.',
    )
    .action(pause);
}

function pause(name: string, options: PauseOptions): Promise<void> {
  const until = options.until === undefined ? null : timeOf(options.until);
  const server = serverOf(options);
  if (server)
    return import('./server/control.ts').then((there) => there.pause(server, name, { reason: options.reason, until }));
  return withControl(options, async (control) => {
    const { row } = await appliedJob(control, name);
    await control.store.jobs.pause(row, { until, by: asker(), reason: options.reason });
    print(`${row.job} is paused${until === null ? '' : ` until ${until}`}`);
  });
}

function timeOf(text: string): string {
  const ms = parseDuration(text);
  const at = ms === null ? Date.parse(text) : Date.now() + ms;
  if (Number.isNaN(at) || at <= Date.now())
    throw usage('time', `--until wants a time that lies ahead, or a duration such as 2h, not ${text}`);
  return new Date(at).toISOString();
}
