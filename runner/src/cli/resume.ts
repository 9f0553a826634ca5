import type { Command } from 'commander';
import { askedName, eachJob, openApplied, type SelectOptions, withJobs } from './asked.ts';
import { appliedJob, asker, withControl } from './control.ts';
import { withCommon } from './options.ts';
import { type ServerOptions, serverOf, withServer } from './server/client.ts';
import { print } from './terminal.ts';

export function define(command: Command): void {
  withServer(withJobs(withCommon(command, ['text'])))
    .addHelpText('after', '\nDue times that it missed are made up for as `schedule.catchup` says.')
    .action(resume);
}

async function resume(names: string[], options: SelectOptions & ServerOptions): Promise<void> {
  const asked = await openApplied(names, options);
  const tellResumed = (name: string, was: boolean) => print(was ? `${name} goes on` : `${name} was not paused`);
  const server = serverOf(options);
  if (server) {
    const there = await import('./server/control.ts');
    await eachJob(asked, async (one) => tellResumed(one.name, await there.resume(server, askedName(one))));
    return;
  }
  await withControl(options, (control) =>
    eachJob(asked, async (one) => {
      const { row } = await appliedJob(control, one.name);
      tellResumed(row.job, await control.store.jobs.resume(row, asker()));
    }),
  );
}
