import { fires, type Job, nextFires, parseCron, previousFire, scheduleBounds } from '@sluice/core';
import type { DueJob } from '../store/due.ts';

/** A due time that is dealt with this late is not missed yet: a daemon looks once in a while, and may be slow. */
export const ON_TIME_MS = 60_000;
/** Due times of a job that are dealt with at once; the rest comes next. */
const MOST = 1000;

export interface DueTimes {
  /** Milliseconds, ascending. */
  at: number[];
  /** Everything up to here is dealt with, once these are. */
  handledUntil: number;
  nextDue: number | null;
  /** By which schedule this was found, to be kept. */
  schedule: string;
}

/** What of a job decides when it is due, as one text. */
export function scheduleText({ enabled, schedule }: Pick<Job, 'enabled' | 'schedule'>): string {
  return JSON.stringify(enabled ? schedule : null);
}

/**
 * The due times of a job at `now`. A schedule that was changed begins at `now`, a new one when the job was first applied; `catchup` says
 * which of those that were missed are made up for: none, the latest where none is on time, or all. The windows of a windowed job are a
 * matter of its latest due time alone, except under `none`. While a job is paused nothing is dealt with, so that it counts as missed.
 */
export function dueTimes(
  job: Pick<DueJob, 'definition' | 'first_applied' | 'handled_until' | 'schedule' | 'paused'>,
  now: number,
): DueTimes {
  const { schedule: wanted, enabled } = job.definition;
  const schedule = scheduleText(job.definition);
  const parsed = enabled && wanted ? parseCron(wanted.cron) : null;
  if (!wanted || !parsed?.ok) return { at: [], handledUntil: now, nextDue: null, schedule };
  const bounds = scheduleBounds(wanted);
  const clock = [parsed.cron, wanted.timezone] as const;
  const same = job.schedule === null || job.schedule === schedule;
  const before = same ? (job.handled_until ?? job.first_applied) : now;
  const at = job.paused ? [] : found();
  const handledUntil = job.paused ? before : at.length >= MOST ? (at.at(-1) ?? now) : Math.max(before, now);
  return { at, handledUntil, nextDue: nextFires(...clock, handledUntil, 1, bounds)[0] ?? null, schedule };

  function found(): number[] {
    const catchup = wanted?.catchup ?? 'latest';
    const windowed = job.definition.streams.some(({ incremental }) => incremental.type === 'window');
    if (catchup === 'all' && !windowed) return firstOf(fires(...clock, before, now, bounds), MOST);
    const onTime = firstOf(fires(...clock, Math.max(before, now - ON_TIME_MS), now, bounds), MOST);
    if (catchup === 'none' || onTime.length > 0) return windowed && catchup !== 'none' ? onTime.slice(-1) : onTime;
    const last = previousFire(...clock, now, bounds);
    return last !== null && last > before ? [last] : [];
  }
}

function firstOf(found: Iterable<number>, most: number): number[] {
  const taken: number[] = [];
  for (const at of found) {
    if (taken.push(at) >= most) break;
  }
  return taken;
}
