import { finishedWindows, type Job, type RunWindow, type TimeWindow, windowsBetween } from '@sluice/core';
import { asRunWindow, windowsDue } from '../schedule/windows.ts';
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
 * The windows that a run by hand has to do now, oldest first, by the finished ones that its destination knows. Throws the destination's
 * errors.
 */
export async function windowsToRun(request: WindowsRequest, now: number): Promise<RunWindow[]> {
  const states = await checkpointsOf(request);
  return windowsDue(request.job, states, { dueAt: now, previousDueAt: null, firstApplied: now });
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
