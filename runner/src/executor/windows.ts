import {
  dueWindows,
  finishedWindows,
  firstWindow,
  instantText,
  type Job,
  localInstant,
  type RunWindow,
  type TimeWindow,
  windowsBetween,
} from '@sluice/core';
import { atDestination } from './destination.ts';
import { expandJob } from './expand.ts';
import { withReferences } from './resolve.ts';
import { windowedStreams } from './windowed.ts';

export interface WindowsRequest {
  projectDir: string;
  job: Job;
  env: Record<string, string>;
  /** One stream of the job; null: all. */
  stream: string | null;
  stateStore: string | null;
  signal: AbortSignal;
  onWait(holder: string): void;
}

/**
 * The windows that a run by hand has to do now, oldest first: those of `dueWindows` for each windowed stream, by the finished ones
 * that its destination knows. The first one ever is the one that holds `schedule.start`, else the last complete one. Throws the
 * destination's errors.
 */
export async function windowsToRun(request: WindowsRequest, now: number): Promise<RunWindow[]> {
  const { job } = request;
  const { catchup, start } = job.schedule ?? { catchup: 'latest', start: null };
  const found = new Map<number, TimeWindow & { again: boolean }>();
  for (const { incremental, checkpoint } of await checkpointsOf(request)) {
    const first = start === null ? firstWindow(checkpoint) : localInstant(start, incremental.timezone);
    const due = dueWindows({
      every: incremental.every,
      zone: incremental.timezone,
      dueAt: now,
      previousDueAt: null,
      finished: finishedWindows(checkpoint),
      catchup,
      lookback: incremental.lookback,
      start: first,
      firstApplied: now,
    });
    for (const window of due) {
      const known = found.get(window.start);
      found.set(window.start, { ...window, again: window.again || known?.again === true });
    }
  }
  return [...found.values()].sort((a, b) => a.start - b.start).map(asRunWindow);
}

/**
 * The windows of a backfill, oldest first: those that share time with from <= t < to, in milliseconds, and have ended at `now`;
 * `left` counts those that have not. Without `force` the ones that every windowed stream has finished are left out. Throws the
 * destination's errors.
 */
export async function windowsToFill(
  request: WindowsRequest,
  { from, to, force, now }: { from: number; to: number; force: boolean; now: number },
): Promise<{ windows: RunWindow[]; finished: number; left: number }> {
  const streams = await checkpointsOf(request);
  const found = new Map<number, TimeWindow>();
  const unfinished = new Set<number>();
  for (const { incremental, checkpoint } of streams) {
    const done = finishedWindows(checkpoint);
    for (const window of windowsBetween(from, to, incremental.every, incremental.timezone)) {
      found.set(window.start, window);
      if (!done.some(({ start, end }) => start <= window.start && end >= window.end)) unfinished.add(window.start);
    }
  }
  const all = [...found.values()].sort((a, b) => a.start - b.start);
  const complete = all.filter(({ end }) => end <= now);
  const wanted = complete.filter(({ start }) => force || unfinished.has(start));
  return {
    windows: wanted.map((window) => asRunWindow({ ...window, again: force })),
    finished: complete.length - wanted.length,
    left: all.length - complete.length,
  };
}

function asRunWindow({ start, end, again }: TimeWindow & { again: boolean }): RunWindow {
  return { from: instantText(start), to: instantText(end), again };
}

/** Each windowed stream with its checkpoint as the destination has it. */
async function checkpointsOf(request: WindowsRequest) {
  const { job, projectDir, stateStore, signal, onWait } = request;
  const filled = await withReferences({ ...request, job: await expandJob(request, signal) }, signal);
  const states = [];
  for (const stream of windowedStreams(filled, request.stream)) {
    const key = { project: job.project, target: job.target, job: job.name, stream: stream.name };
    const look = { projectDir, key, use: stream.destination, stateStore, holder: `job ${job.name}`, signal, onWait };
    const state = await atDestination(look, (session) => session.inspect());
    states.push({ incremental: stream.incremental, checkpoint: state?.checkpoint ?? null });
  }
  return states;
}
