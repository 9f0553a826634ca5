import { type Job, localInstant, SluiceError } from '@sluice/core';
import type { Command } from 'commander';
import { type Backfill, createBackfill } from '../api/requests.ts';
import { windowedStreams } from '../executor/windowed.ts';
import { windowsToFill } from '../executor/windows.ts';
import { type Asked, askedName, eachJob, openAsked, type SelectOptions, withJobs } from './asked.ts';
import { appliedJob, asker, withControl } from './control.ts';
import { usage } from './errors.ts';
import { eventLog } from './event-log.ts';
import { EXIT } from './exit.ts';
import { type RunMeans, runOnce, runWindows, tellErrors, writeNothingDue } from './job-runs.ts';
import { compileChosen } from './jobs.ts';
import { outputOf, withCommon } from './options.ts';
import { environmentOf, type OpenProject } from './project.ts';
import type { Chosen } from './select.ts';
import { type Server, type ServerOptions, serverOf, withServer } from './server/client.ts';
import { listenForInterrupt } from './signals.ts';
import { plural, print, styleFor, tell } from './terminal.ts';
import { stateStoreOf } from './unset.ts';

interface BackfillOptions extends SelectOptions, ServerOptions {
  from?: string;
  to?: string;
  force?: boolean;
  events?: string;
}

const HELP = `
--from is part of it, --to is not. A windowed job runs once for each window, oldest first, and passes over finished ones unless
--force is given; times without a zone are on the clock of the schedule. A job with a cursor runs once, over from <= cursor < to, and
its cursor stays where it is. Several jobs are filled one after the other. Where a daemon serves the target its runs go into the queue. Ctrl-C stops a run before its commit; the same command goes on where it stopped.`;

export function define(command: Command): void {
  withServer(withJobs(withCommon(command, ['text', 'json'])))
    .option('--from <time>', 'beginning: a date, a time or a value of the cursor')
    .option('--to <time>', 'end, itself left out')
    .option('--force', 'load finished windows again')
    .option('--events <file>', 'append what happens to a file, a line of JSON each, for programs')
    .addHelpText('after', HELP)
    .action(backfill);
}

async function backfill(names: string[], options: BackfillOptions): Promise<void> {
  const { from, to } = options;
  if (from === undefined || to === undefined)
    throw usage('backfill', 'A backfill wants --from and --to', 'Such as --from 2026-01-01 --to 2026-02-01.');
  const server = serverOf(options);
  // The daemon knows its jobs by name; only what selects among files here has to be looked up here.
  if (server && names.length > 0 && options.select === undefined) return at(server, names, { ...options, from, to });
  const asked = await openAsked(names, options);
  if (server) return at(server, asked.chosen.map(askedName), { ...options, from, to });
  const interrupt = listenForInterrupt(() => {
    tell(styleFor(process.stderr).yellow('Stopping; press Ctrl-C again to end at once.'));
  });
  try {
    await eachJob(asked, async (one) => {
      if (interrupt.signal.aborted) return;
      const done = await fill(asked, one, { ...options, from, to }, interrupt.signal);
      if (!done) process.exitCode = Math.max(Number(process.exitCode ?? 0), EXIT.failed);
    });
    if (interrupt.signal.aborted) process.exitCode = EXIT.interrupted;
  } finally {
    interrupt.dispose();
  }
}

async function at(server: Server, names: string[], options: BackfillOptions & Bounds): Promise<void> {
  const there = await import('./server/control.ts');
  for (const name of names) {
    try {
      await there.backfill(server, name, options);
    } catch (error) {
      if (names.length === 1 || !(error instanceof SluiceError)) throw error;
      tellErrors([error.toJSON()]);
      process.exitCode = EXIT.failed;
    }
  }
}

interface Bounds {
  from: string;
  to: string;
}

/** false: a run of it failed. */
async function fill(
  { project }: Asked,
  chosen: Chosen,
  options: BackfillOptions & Bounds,
  signal: AbortSignal,
): Promise<boolean> {
  const { from, to, force = false } = options;
  const wanted = { from, to, force, stream: chosen.stream, reason: null };
  // A file that is named is run as it stands, whatever is applied.
  if (chosen.byPath !== true && (await queuedThere(project, chosen.name, wanted, options, signal))) return true;
  const job = compileChosen(project, chosen, { quiet: options.quiet === true, references: true });
  const stateStore = stateStoreOf(project);
  const means: RunMeans = { project, options, stateStore, events: eventLog(options.events), signal };
  return windowedStreams(job, chosen.stream).length > 0
    ? fillWindows(means, chosen, job, { from, to, force })
    : fillCursor(means, chosen, job, { from, to });
}

/** Where a daemon serves the target it does the backfill. false: there is none. */
async function queuedThere(
  project: OpenProject,
  name: string,
  wanted: Backfill,
  options: BackfillOptions,
  signal: AbortSignal,
): Promise<boolean> {
  const target = project.target ?? project.scope.target;
  const asked = { ...options, ...(target === undefined || target === null ? {} : { target }) };
  return withControl(asked, async (control) => {
    if ((await control.store.nodes.list(control.key)).length === 0) return false;
    const { row } = await appliedJob(control, name);
    const made = await createBackfill(control, row, wanted, { by: asker(), signal });
    if (outputOf(options) === 'json') print(JSON.stringify({ job: name, ...made }));
    else print(`${name}: backfill ${made.backfill}, ${plural(made.runs.length, 'run')} in the queue of the daemon`);
    if (!options.quiet) {
      if (made.passedOver > 0)
        tell(`${plural(made.passedOver, 'window')} passed over: finished (--force loads them again)`);
      if (made.leftOut > 0) tell(`${plural(made.leftOut, 'window')} left out: not over yet`);
    }
    return true;
  });
}

async function fillWindows(
  means: RunMeans,
  chosen: Chosen,
  job: Job,
  { from, to, force }: { from: string; to: string; force: boolean },
): Promise<boolean> {
  const zone = windowedStreams(job, chosen.stream)[0]!.incremental.timezone;
  const wanted = { from: instantOf('--from', from, zone), to: instantOf('--to', to, zone), force, now: Date.now() };
  if (wanted.from >= wanted.to) throw usage('backfill', `--from has to lie before --to: ${from} does not`);
  const { project, options, stateStore, signal } = means;
  const { windows, finished, left } = await windowsToFill(
    {
      projectDir: project.dir,
      job,
      env: environmentOf(project),
      stream: chosen.stream,
      stateStore,
      signal,
      onWait: (holder) => tell(`Waiting: the warehouse is held by ${holder}`),
    },
    wanted,
  );
  if (!options.quiet) {
    if (finished > 0) tell(`${plural(finished, 'window')} passed over: finished (--force loads them again)`);
    if (left > 0) tell(`${plural(left, 'window')} left out: not over yet`);
  }
  if (windows.length === 0) writeNothingDue(job, options);
  return runWindows(means, chosen, job, windows, { kind: 'backfill', fullRefresh: false, windowedOnly: true });
}

function instantOf(option: string, text: string, zone: string): number {
  const instant = localInstant(text, zone);
  if (instant === null) throw usage('time', `${option} wants a date or time such as 2026-03-01, not ${text}`);
  return instant;
}

async function fillCursor(
  means: RunMeans,
  chosen: Chosen,
  job: Job,
  bounds: { from: string; to: string },
): Promise<boolean> {
  const streams = job.streams.filter((one) => chosen.stream === null || one.name === chosen.stream);
  const cursors = streams.filter((one) => one.incremental.type === 'cursor');
  if (cursors.length === 0) {
    throw new SluiceError('backfill/none', 'config', `${job.name} has neither windows nor a cursor`, {
      where: { job: job.name },
      hint: '`sluice run --full-refresh` loads everything anew.',
    });
  }
  const adds = cursors.filter((one) => one.destination.write_disposition === 'append');
  if (adds.length > 0) {
    const names = adds.map((one) => one.name).join(', ');
    tell(`${names} appends: rows of this stretch that were loaded before are added a second time`);
  }
  const window = { ...bounds, again: true };
  const wish = { kind: 'backfill', fullRefresh: false, window, windowedOnly: true } as const;
  return (await runOnce(means, chosen, job, wish)).status === 'succeeded';
}
