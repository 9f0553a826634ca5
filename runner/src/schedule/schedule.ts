import { type Job, parseCron, previousFire, type RunWindow, scheduleBounds } from '@sluice/core';
import { needsHost } from '../dispatch/placement.ts';
import { windowedStreams } from '../executor/windowed.ts';
import type { DaemonLog } from '../observe/log.ts';
import { repeat } from '../observe/repeat.ts';
import type { DueJob, Handled } from '../store/due.ts';
import type { AliveRun, EnqueueRequest } from '../store/queue.ts';
import type { Store } from '../store/store.ts';
import type { TargetKey } from '../store/types.ts';
import { openGates } from './depends.ts';
import { dueTimes, ON_TIME_MS } from './due.ts';
import { windowsDue } from './windows.ts';

export interface ScheduleMeans {
  store: Pick<Store, 'due' | 'jobs' | 'queue' | 'nodes' | 'streamStates'>;
  key: TargetKey;
  /** The time that counts, in milliseconds: the database's, so that a wrong clock of one daemon does no harm. */
  clock(): Promise<number>;
  log: DaemonLog;
}

/** Jobs that one statement looks up. */
const BATCH = 200;
const LONGEST_PAUSE_MS = 1000;
const SHORTEST_PAUSE_MS = 20;

/** Puts runs into the queue as they become due, until the signal says stop. Never throws. */
export function runSchedule(means: ScheduleMeans, signal: AbortSignal): Promise<void> {
  return repeat('schedule', { log: means.log, signal }, async () => {
    await tick(means);
    const next = await means.store.due.nextWake(means.key);
    const now = await means.clock();
    return next === null ? LONGEST_PAUSE_MS : Math.min(LONGEST_PAUSE_MS, Math.max(SHORTEST_PAUSE_MS, next - now));
  });
}

/** One look: what has become due, what was changed, what need not wait any more. */
export async function tick(means: ScheduleMeans): Promise<void> {
  const { store, key } = means;
  const now = await means.clock();
  await store.jobs.liftPauses(key);
  const reconciler = await store.nodes.reconciler(key);
  const place = { host: reconciler?.host ?? null, revision: reconciler?.revision ?? null };
  for (const read of [() => store.due.stale(key, BATCH), () => store.due.due(key, now, BATCH)]) {
    for (let jobs = await read(); jobs.length > 0; jobs = jobs.length < BATCH ? [] : await read()) {
      const handled: Handled[] = [];
      for (const job of jobs) handled.push(await handle(means, job, place, now));
      await store.due.set(key, handled);
    }
  }
  await openGates(store, key);
}

interface Place {
  host: string | null;
  revision: string | null;
}

/** A job that cannot be dealt with is told of and left for its next due time: it stops no other. */
async function handle(means: ScheduleMeans, job: DueJob, place: Place, now: number): Promise<Handled> {
  const times = dueTimes(job, now);
  for (const at of times.at) {
    try {
      await fire(means, job, place, { at, now });
    } catch (error) {
      if ((error as { code?: string }).code === 'store/unreachable') throw error;
      means.log.error({ job: job.job, due_at: new Date(at).toISOString(), error: String(error) }, 'due time failed');
    }
  }
  const last = times.at.at(-1);
  const { handledUntil, nextDue, schedule } = times;
  return {
    job: job.job,
    version: job.version,
    handledUntil,
    nextDue,
    schedule,
    latenessMs: last === undefined ? null : now - last,
  };
}

/** Puts the runs of one due time into the queue. Doing it again changes nothing. */
async function fire(means: ScheduleMeans, due: DueJob, place: Place, { at, now }: { at: number; now: number }) {
  const { store, key } = means;
  const job = due.definition;
  const dueAt = new Date(at).toISOString();
  const alive = (await store.queue.alive(due)).filter((run) => run.due_at !== dueAt);
  const request: EnqueueRequest = {
    ...key,
    job,
    kind: 'scheduled',
    dueAt,
    notBefore: dueAt,
    gitRevision: place.revision,
    ready: job.depends_on.length === 0,
    hostWanted: needsHost(job) ? place.host : null,
  };
  const others = alive.filter(({ kind }) => kind !== 'backfill');
  const policy = now - at > ON_TIME_MS ? 'queue' : (job.schedule?.overlap_policy ?? 'skip');
  if (others.length > 0 && policy === 'skip') {
    await store.queue.enqueue({ ...request, state: 'skipped', reason: `run ${others[0]?.id} was not over` });
    return;
  }
  if (policy === 'cancel') {
    for (const { id } of others) await store.queue.requestStop({ run: id, by: 'the next due time' });
  }
  const windows = await windowsOf(means, due, alive, at);
  if (windows === null) {
    await store.queue.enqueue(request);
    return;
  }
  if (windows.length === 0) {
    await store.queue.enqueue({ ...request, state: 'skipped', reason: 'every window that is due is finished' });
    return;
  }
  for (const [i, window] of windows.entries()) {
    await store.queue.enqueue({
      ...request,
      window: { start: window.from, end: window.to },
      // Streams without windows are run beside the first one.
      options: { window, windowed_only: i > 0 },
    });
  }
}

/** The windows of a due time; null: it is one run without a window. */
async function windowsOf(
  { store }: ScheduleMeans,
  due: DueJob,
  alive: readonly AliveRun[],
  at: number,
): Promise<RunWindow[] | null> {
  const job = due.definition;
  const streams = windowedStreams(job, null);
  if (streams.length === 0) return null;
  const known = await store.streamStates(due);
  const states = streams.flatMap((stream) => {
    const own = known.filter((state) =>
      stream.tables ? isOfPattern(job, state.stream) : state.stream === stream.name,
    );
    const checkpoints = own.length === 0 ? [null] : own.map((state) => state.checkpoint);
    return checkpoints.map((checkpoint) => ({ incremental: stream.incremental, checkpoint }));
  });
  const taken = alive.flatMap(({ window_start, window_end }) =>
    window_start && window_end ? [{ start: Date.parse(window_start), end: Date.parse(window_end) }] : [],
  );
  const found = windowsDue(job, states, {
    dueAt: at,
    previousDueAt: previousDue(job, at),
    firstApplied: due.first_applied,
    taken,
  });
  const others = job.streams.some((stream) => stream.enabled && stream.incremental.type !== 'window');
  return found.length === 0 && others ? null : found;
}

/** A stream that no entry names: one of a pattern of tables. */
function isOfPattern(job: Job, name: string): boolean {
  return !job.streams.some((stream) => !stream.tables && stream.name === name);
}

function previousDue(job: Job, at: number): number | null {
  const { schedule } = job;
  const parsed = schedule ? parseCron(schedule.cron) : null;
  if (!schedule || !parsed?.ok) return null;
  return previousFire(parsed.cron, schedule.timezone, at - 1, scheduleBounds(schedule));
}
