import type { Command } from 'commander';
import { appliedJob, asker, withControl } from './control.ts';
import { type CommonOptions, withCommon } from './options.ts';
import { type ServerOptions, serverOf, withServer } from './server/client.ts';
import { print } from './terminal.ts';

export function define(command: Command): void {
  withServer(withCommon(command, ['text']))
    .argument('<job>', 'the job’s NAME')
    .addHelpText('after', '\nDue times that it missed are made up for as `schedule.catchup` says.')
    .action(resume);
}

function resume(name: string, options: CommonOptions & ServerOptions): Promise<void> {
  const server = serverOf(options);
  if (server) return import('./server/control.ts').then((there) => there.resume(server, name));
  return withControl(options, async (control) => {
    const { row } = await appliedJob(control, name);
    const was = await control.store.jobs.resume(row, asker());
    print(was ? `${row.job} goes on` : `${row.job} was not paused`);
  });
}
