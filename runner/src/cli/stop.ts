import { SluiceError } from '@sluice/core';
import type { Command } from 'commander';
import { type Applied, askedName, eachJob, openApplied, printJson, type SelectOptions, withSelect } from './asked.ts';
import { appliedJob, asker, type Control, type Stopped, withControl } from './control.ts';
import { outputOf, withCommon } from './options.ts';
import { type ServerOptions, serverOf, withServer } from './server/client.ts';
import { print } from './terminal.ts';

interface StopOptions extends SelectOptions, ServerOptions {
  hard?: boolean;
}

export function define(command: Command): void {
  withServer(withCommon(command, ['text', 'json']))
    .argument('[job-or-run...]', 'jobs by NAME or path, all of whose runs are meant, or runs by id')
    .option('--hard', 'without a grace time')
    .addHelpText(
      'after',
      '\nWhat waits is cancelled; what runs ends gracefully, and is killed after a grace time. A commit that has begun ends.',
    )
    .action(stop);
  withSelect(command);
}

async function stop(names: string[], options: StopOptions): Promise<void> {
  const asked = await openApplied(names, options);
  const server = serverOf(options);
  if (server) {
    const there = await import('./server/control.ts');
    return stopAll(asked, options, (name) => there.stop(server, name, options));
  }
  return withControl(options, (control) => stopAll(asked, options, (name) => stopHere(control, name, options)));
}

async function stopAll(
  asked: { chosen: Applied[]; several: boolean },
  options: StopOptions,
  work: (name: string) => Promise<Stopped[]>,
): Promise<void> {
  const found = await eachJob(asked, async (one) => {
    // Of jobs that were not named those are meant that have runs.
    return work(askedName(one)).catch((error: unknown) => {
      if (one.selected && error instanceof SluiceError && error.code === 'run/none') return [];
      throw error;
    });
  });
  const stopped = found.flatMap(({ one, result }) => result.map((run) => ({ name: askedName(one), ...run })));
  if (stopped.length === 0 && asked.chosen.some(({ selected }) => selected)) throw noneAlive('No run of these jobs');
  const [only] = found;
  if (outputOf(options) !== 'json') {
    const line = ({ name, run, state }: Stopped & { name: string }) =>
      `${asked.several && name !== run ? `${name} ` : ''}${run} ${state === 'cancelled' ? 'cancelled' : 'asked to stop'}`;
    if (stopped.length > 0) print(stopped.map(line).join('\n'));
  } else if (asked.several) printJson(asked, found);
  else print(JSON.stringify(only?.result));
}

async function stopHere(control: Control, wanted: string, { hard = false }: StopOptions): Promise<Stopped[]> {
  const { store, key } = control;
  const isRun = /^[0-9a-f]{8}-[0-9a-f-]{27}$/.test(wanted);
  const job = isRun ? null : (await appliedJob(control, wanted)).row.job;
  const ids = job === null ? [wanted] : (await store.queue.alive({ ...key, job })).map(({ id }) => id);
  const stopped: Stopped[] = [];
  for (const run of ids) {
    const state = await store.queue.requestStop({ run, by: asker(), hard });
    if (state !== null) stopped.push({ run, state });
  }
  if (stopped.length === 0) throw noneAlive(isRun ? `Run ${wanted}` : `No run of ${wanted}`);
  return stopped;
}

function noneAlive(what: string): SluiceError {
  return new SluiceError('run/none', 'config', `${what} is alive`, {
    hint: '`sluice runs` lists runs with what became of them.',
  });
}
