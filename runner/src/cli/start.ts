import { SluiceError } from '@sluice/core';
import type { Command } from 'commander';
import { alone, enqueue, requireStream, windowsNow } from '../api/requests.ts';
import { type Applied, askedName, eachJob, openApplied, printJson, type SelectOptions, withJobs } from './asked.ts';
import { appliedJob, asker, type Control, followRun, tellUnserved, withControl } from './control.ts';
import { EXIT } from './exit.ts';
import { outputOf, withCommon } from './options.ts';
import { type ServerOptions, serverOf, withServer } from './server/client.ts';
import { listenForInterrupt } from './signals.ts';
import { print, tell } from './terminal.ts';

interface StartOptions extends SelectOptions, ServerOptions {
  fullRefresh?: boolean;
  reason?: string;
  follow?: boolean;
}

const HELP = `
The run goes into the queue, from which a daemon takes it. While a run of the job is alive its schedule.overlap_policy decides: refused
under skip, behind it under queue, and under cancel the other one is stopped. Of several jobs one that cannot be started keeps no other from it.`;

export function define(command: Command): void {
  withServer(withJobs(withCommon(command, ['text', 'json'])))
    .option('--full-refresh', 'load everything anew')
    .option('--reason <text>', 'why, for the history')
    .option('-f, --follow', 'write its log until it is over, and exit as it does')
    .addHelpText('after', HELP)
    .action(start);
}

async function start(names: string[], options: StartOptions): Promise<void> {
  const asked = await openApplied(names, options);
  const level = 'info';
  const json = outputOf(options) === 'json';
  const server = serverOf(options);
  if (server) {
    const there = await import('./server/control.ts');
    return startAll(asked, options, {
      enqueue: (name) => there.start(server, name, options),
      follow: (name, run) => there.followRun(server, name, run, { level, json }),
    });
  }
  return withControl(options, async (control) => {
    const interrupt = listenForInterrupt();
    try {
      await startAll(asked, options, {
        enqueue: (name) => enqueued(control, name, options, interrupt.signal),
        follow: (_, run) => followRun(control.store, run, { level, json }, interrupt.signal),
      });
      if (options.follow !== true && !options.quiet) await tellUnserved(control);
    } finally {
      interrupt.dispose();
    }
  });
}

/** How a job is put into the queue, and a run's log written; either by NAME or NAME/STREAM. */
interface Starting {
  /** Gives the ids of the runs. */
  enqueue(name: string): Promise<string[]>;
  /** Gives the exit status. */
  follow(name: string, run: string): Promise<number>;
}

async function startAll(
  asked: { chosen: Applied[]; several: boolean },
  options: StartOptions,
  { enqueue, follow }: Starting,
): Promise<void> {
  const started = await eachJob(asked, async (one) => ({ runs: await unlessOff(one, options, enqueue) }));
  const runs = started.flatMap(({ one, result }) => result.runs.map((run) => ({ name: askedName(one), run })));
  if (options.follow !== true) {
    const [only] = started;
    if (outputOf(options) !== 'json') {
      if (runs.length > 0) print(runs.map(({ name, run }) => (asked.several ? `${name} ${run}` : run)).join('\n'));
    } else if (asked.several) printJson(asked, started);
    else print(JSON.stringify(only?.result));
    return;
  }
  for (const { name, run } of runs) {
    if (asked.several && !options.quiet) tell(`${name}: run ${run}`);
    const status = await follow(name, run);
    process.exitCode = Math.max(Number(process.exitCode ?? 0), status);
    if (status === EXIT.interrupted) return;
  }
}

/** A job that was not named is passed over where it is switched off, as by `run`. */
async function unlessOff(one: Applied, options: StartOptions, enqueue: Starting['enqueue']): Promise<string[]> {
  try {
    return await enqueue(askedName(one));
  } catch (error) {
    if (!one.selected || !(error instanceof SluiceError) || error.code !== 'job/disabled') throw error;
    if (!options.quiet) tell(`${one.name}: passed over, it is switched off`);
    return [];
  }
}

/** Gives the ids of the runs: of a windowed job one for each window that is due. Throws `run/busy`, `job/disabled`, `run/nothing-due`. */
async function enqueued(control: Control, name: string, options: StartOptions, signal: AbortSignal): Promise<string[]> {
  const { store, key } = control;
  const { row, stream } = await appliedJob(control, name);
  const where = { job: row.job };
  requireStream(row, stream);
  if (!row.definition.enabled) {
    throw new SluiceError('job/disabled', 'config', `The job ${row.job} is switched off by \`enabled: false\``, {
      where,
    });
  }
  const windows = await windowsNow(control, row, { stream, signal });
  const by = asker();
  const more = { ...(stream === null ? {} : { stream }), ...(options.fullRefresh ? { full_refresh: true } : {}) };
  const wanted = { row, kind: 'manual', by, reason: options.reason ?? null, options: more, windows } as const;
  const runs = await alone(control, row.job, signal, async () => {
    const alive = await store.queue.alive({ ...key, job: row.job });
    const policy = row.definition.schedule?.overlap_policy ?? 'skip';
    if (alive[0] && policy === 'skip') {
      throw new SluiceError('run/busy', 'transient', `${row.job} is running already: run ${alive[0].id}`, {
        where: { ...where, run: alive[0].id },
        hint: 'Wait for it, stop it with `sluice stop`, or let `schedule.overlap_policy` be queue or cancel.',
      });
    }
    if (policy === 'cancel') for (const { id } of alive) await store.queue.requestStop({ run: id, by });
    return enqueue(control, wanted);
  });
  if (runs.length === 0) tell(`${row.job}: every window that is due is finished`);
  return runs;
}
