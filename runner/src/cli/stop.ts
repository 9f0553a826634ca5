import { SluiceError } from '@sluice/core';
import type { Command } from 'commander';
import { appliedJob, asker, withControl } from './control.ts';
import { type CommonOptions, outputOf, withCommon } from './options.ts';
import { type ServerOptions, serverOf, withServer } from './server/client.ts';
import { print } from './terminal.ts';

interface StopOptions extends CommonOptions, ServerOptions {
  hard?: boolean;
}

export function define(command: Command): void {
  withServer(withCommon(command, ['text', 'json']))
    .argument('<job-or-run>', 'a job’s NAME, all of whose runs are meant, or a run’s id')
    .option('--hard', 'without a grace time')
    .addHelpText(
      'after',
      '\nWhat waits is cancelled; what runs ends gracefully, and is killed after a grace time. A commit that has begun ends.',
    )
    .action(stop);
}

function stop(wanted: string, options: StopOptions): Promise<void> {
  const server = serverOf(options);
  if (server) return import('./server/control.ts').then((there) => there.stop(server, wanted, options));
  return withControl(options, async (control) => {
    const { store, key } = control;
    const isRun = /^[0-9a-f]{8}-[0-9a-f-]{27}$/.test(wanted);
    const job = isRun ? null : (await appliedJob(control, wanted)).row.job;
    const ids = job === null ? [wanted] : (await store.queue.alive({ ...key, job })).map(({ id }) => id);
    const stopped: { run: string; state: string }[] = [];
    for (const run of ids) {
      const state = await store.queue.requestStop({ run, by: asker(), hard: options.hard === true });
      if (state !== null) stopped.push({ run, state });
    }
    if (stopped.length === 0) {
      throw new SluiceError('run/none', 'config', `${isRun ? `Run ${wanted}` : `No run of ${wanted}`} is alive`, {
        hint: '`sluice runs` lists runs with what became of them.',
      });
    }
    if (outputOf(options) === 'json') print(JSON.stringify(stopped));
    else
      print(
        stopped.map(({ run, state }) => `${run} ${state === 'cancelled' ? 'cancelled' : 'asked to stop'}`).join('\n'),
      );
  });
}
