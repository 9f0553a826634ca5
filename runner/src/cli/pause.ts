import { parseDuration } from '@sluice/core';
import type { Command } from 'commander';
import { askedName, eachJob, openApplied, type SelectOptions, withJobs } from './asked.ts';
import { appliedJob, asker, withControl } from './control.ts';
import { usage } from './errors.ts';
import { withCommon } from './options.ts';
import { type ServerOptions, serverOf, withServer } from './server/client.ts';
import { print } from './terminal.ts';

interface PauseOptions extends SelectOptions, ServerOptions {
  reason: string;
  until?: string;
}

export function define(command: Command): void {
  withServer(withJobs(withCommon(command, ['text'])))
    .requiredOption('--reason <text>', 'why, for those who wonder')
    .option('--until <time>', 'a time, or a duration from now such as 2h (default: until `sluice resume`)')
    .addHelpText(
      'after',
      '\nIts schedule and backfills rest; a run that is alive goes on, and runs by hand are possible.',
    )
    .action(pause);
}

async function pause(names: string[], options: PauseOptions): Promise<void> {
  const until = options.until === undefined ? null : timeOf(options.until);
  const { reason } = options;
  const asked = await openApplied(names, options);
  const tellPaused = (name: string) => print(`${name} is paused${until === null ? '' : ` until ${until}`}`);
  const server = serverOf(options);
  if (server) {
    const there = await import('./server/control.ts');
    await eachJob(asked, async (one) => tellPaused(await there.pause(server, askedName(one), { reason, until })));
    return;
  }
  await withControl(options, (control) =>
    eachJob(asked, async (one) => {
      const { row } = await appliedJob(control, one.name);
      await control.store.jobs.pause(row, { until, by: asker(), reason });
      tellPaused(row.job);
    }),
  );
}

function timeOf(text: string): string {
  const ms = parseDuration(text);
  const at = ms === null ? Date.parse(text) : Date.now() + ms;
  if (Number.isNaN(at) || at <= Date.now())
    throw usage('time', `--until wants a time that lies ahead, or a duration such as 2h, not ${text}`);
  return new Date(at).toISOString();
}
