import { type Job, localInstant, SluiceError } from '@sluice/core';
import type { Command } from 'commander';
import { type Backfill, createBackfill } from '../api/requests.ts';
import { windowedStreams } from '../executor/windowed.ts';
import { windowsToFill } from '../executor/windows.ts';
import { appliedJob, asker, withControl } from './control.ts';
import { usage } from './errors.ts';
import { eventLog } from './event-log.ts';
import { EXIT } from './exit.ts';
import { type RunMeans, runOnce, runWindows, writeNothingDue } from './job-runs.ts';
import { compileChosen } from './jobs.ts';
import { type CommonOptions, outputOf, withCommon } from './options.ts';
import { environmentOf, type OpenProject, openProject } from './project.ts';
import { type Chosen, chooseJob, isPath } from './select.ts';
import { type ServerOptions, serverOf, withServer } from './server/client.ts';
import { listenForInterrupt } from './signals.ts';
import { plural, print, styleFor, tell } from './terminal.ts';
import { stateStoreOf } from './unset.ts';

interface BackfillOptions extends CommonOptions, ServerOptions {
  from?: string;
  to?: string;
  force?: boolean;
  events?: string;
}

const HELP = `
--from is part of it, --to is not. A windowed job runs once for each window, oldest first, and passes over finished ones unless
--force is given; times without a zone are on the clock of the schedule. A job with a cursor runs once, over from <= cursor < to, and
its cursor stays where it is. Where a daemon serves the target its runs go into the queue. Ctrl-C stops a run before its commit; the same command goes on where it stopped.`;

export function define(command: Command): void {
  withServer(withCommon(command, ['text', 'json']))
    .argument('<job>', 'the job’s NAME, NAME/STREAM or path')
    .option('--from <time>', 'beginning: a date, a time or a value of the cursor')
    .option('--to <time>', 'end, itself left out')
    .option('--force', 'load finished windows again')
    .option('--events <file>', 'append what happens to a file, a line of JSON each, for programs')
    .addHelpText('after', HELP)
    .action(backfill);
}

async function backfill(name: string, options: BackfillOptions): Promise<void> {
  const { from, to } = options;
  if (from === undefined || to === undefined)
    throw usage('backfill', 'A backfill wants --from and --to', 'Such as --from 2026-01-01 --to 2026-02-01.');
  const server = serverOf(options);
  if (server) return (await import('./server/control.ts')).backfill(server, name, { ...options, from, to });
  const project = await openProject(options, isPath(name) ? [name] : []);
  const chosen = chooseJob(project, name);
  const wanted = { from, to, force: options.force === true, stream: chosen.stream, reason: null };
  if (!isPath(name) && (await queuedThere(project, chosen.name, wanted, options))) return;
  const job = compileChosen(project, chosen, { quiet: options.quiet === true, references: true });
  const stateStore = stateStoreOf(project);
  const interrupt = listenForInterrupt(() => {
    tell(styleFor(process.stderr).yellow('Stopping; press Ctrl-C again to end at once.'));
  });
  const means: RunMeans = { project, options, stateStore, events: eventLog(options.events), signal: interrupt.signal };
  try {
    const done =
      windowedStreams(job, chosen.stream).length > 0
        ? await fillWindows(means, chosen, job, { from, to, force: options.force === true })
        : await fillCursor(means, chosen, job, { from, to });
    process.exitCode = interrupt.signal.aborted ? EXIT.interrupted : done ? EXIT.done : EXIT.failed;
  } finally {
    interrupt.dispose();
  }
}

/** Where a daemon serves the target it does the backfill. false: there is none. */
async function queuedThere(
  project: OpenProject,
  name: string,
  wanted: Backfill,
  options: BackfillOptions,
): Promise<boolean> {
  const target = project.target ?? project.scope.target;
  const asked = { ...options, ...(target === undefined || target === null ? {} : { target }) };
  return withControl(asked, async (control) => {
    if ((await control.store.nodes.list(control.key)).length === 0) return false;
    const interrupt = listenForInterrupt();
    const { row } = await appliedJob(control, name);
    const made = await createBackfill(control, row, wanted, { by: asker(), signal: interrupt.signal });
    interrupt.dispose();
    if (outputOf(options) === 'json') print(JSON.stringify(made));
    else print(`Backfill ${made.backfill}: ${plural(made.runs.length, 'run')} in the queue of the daemon`);
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
