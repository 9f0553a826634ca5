import type { Schedule } from '../model/job.ts';
import { type Cron, parseCron } from './cron.ts';
import { nextFires, previousFire } from './fires.ts';

export type Every = 'hour' | 'day' | 'week' | 'month';

/**
 * A half-open stretch of time, start <= t < end, in milliseconds since 1970 UTC.
 *
 * ### Windows
 * Windows follow each other without gap or overlap. They begin where the zone's clock first shows a full hour, midnight, the
 * midnight of a Monday, or the midnight of the first of a month; where that local time does not exist, at the first moment
 * after the gap. So a day is 23 or 25 hours long when the clocks change, an hour that occurs twice is one window of two
 * hours, and no two windows begin at the same local time.
 */
export interface TimeWindow {
  start: number;
  end: number;
}

/** A window that is to run; `again` where it was finished before and is run once more for late rows. */
export interface DueWindow extends TimeWindow {
  again: boolean;
}

export interface DueQuestion {
  every: Every;
  zone: string;
  /** The due time that is asked about, and the one before it (null: this is the first). */
  dueAt: number;
  previousDueAt: number | null;
  /** What is finished, in any order; neighbours may be merged, as `mergeWindows` does. */
  finished: readonly TimeWindow[];
  catchup: Schedule['catchup'];
  /** How many finished windows are run again. */
  lookback: number;
  /** `schedule.start`, or null. */
  start: number | null;
  /** When the job was first applied: where there is no `start`, the windows begin with the last one complete by then. */
  firstApplied: number;
}

/** Windows begin where a fixed schedule of this cron fires. */
const BORDERS: Readonly<Record<Every, Cron>> = {
  hour: border('0 * * * *'),
  day: border('0 0 * * *'),
  week: border('0 0 * * MON'),
  month: border('0 0 1 * *'),
};

function border(text: string): Cron {
  const parsed = parseCron(text);
  if (!parsed.ok) throw new Error(parsed.message);
  return { ...parsed.cron, interval: false };
}

/** The window that holds an instant (years 1900 to 9999; RangeError beyond). Throws SluiceError for an unknown zone. */
export function windowOf(instant: number, every: Every, zone: string): TimeWindow {
  const start = previousFire(BORDERS[every], zone, instant);
  const end = start === null ? undefined : nextFires(BORDERS[every], zone, instant, 1)[0];
  if (start === null || end === undefined) throw new RangeError(`no window holds the time ${instant}`);
  return { start, end };
}

/** The windows that share time with from <= t < to, ascending: those of a backfill. */
export function windowsBetween(from: number, to: number, every: Every, zone: string): TimeWindow[] {
  const found: TimeWindow[] = [];
  if (from >= to) return found;
  for (let window = windowOf(from, every, zone); window.start < to; window = windowOf(window.end, every, zone))
    found.push(window);
  return found;
}

/** The windows from the one that holds `from` on that have ended at `until`, ascending. */
export function completeWindows(from: number, until: number, every: Every, zone: string): TimeWindow[] {
  return windowsBetween(from, until, every, zone).filter((window) => window.end <= until);
}

/** The last window that has ended at an instant. */
export function lastCompleteWindow(instant: number, every: Every, zone: string): TimeWindow {
  return windowOf(windowOf(instant, every, zone).start - 1, every, zone);
}

/**
 * The windows that a due time runs, oldest first: of the complete ones that are not finished, from the first window on,
 * - with catchup `all` every one;
 * - with `latest` the newest one;
 * - with `none` only the newest that ends at or before this due time and after the previous one;
 * and the last `lookback` finished ones again. A window counts as finished when finished ones cover it whole, so that a
 * change of zone does not begin everything anew. Throws SluiceError for an unknown zone.
 */
export function dueWindows(question: DueQuestion): DueWindow[] {
  const finished = mergeWindows(question.finished);
  const due = [
    ...unfinished(question, finished).map((window) => ({ ...window, again: false })),
    ...lastFinished(question, finished).map((window) => ({ ...window, again: true })),
  ];
  return due.sort((a, b) => a.start - b.start);
}

/** The same time in as few windows as possible, ascending: neighbours become one. */
export function mergeWindows(windows: readonly TimeWindow[]): TimeWindow[] {
  const merged: TimeWindow[] = [];
  for (const { start, end } of [...windows].sort((a, b) => a.start - b.start)) {
    const last = merged.at(-1);
    if (last && start <= last.end) last.end = Math.max(last.end, end);
    else merged.push({ start, end });
  }
  return merged;
}

function unfinished(question: DueQuestion, finished: readonly TimeWindow[]): TimeWindow[] {
  const { every, zone, dueAt, catchup, previousDueAt } = question;
  const first =
    question.start === null
      ? lastCompleteWindow(question.firstApplied, every, zone)
      : windowOf(question.start, every, zone);
  if (catchup === 'all') {
    const found: TimeWindow[] = [];
    for (let window = first; window.end <= dueAt; ) {
      const cover = covering(finished, window);
      if (!cover) found.push(window);
      window = windowOf(cover ? cover.end : window.end, every, zone);
    }
    return found;
  }
  const after = catchup === 'none' ? (previousDueAt ?? Number.NEGATIVE_INFINITY) : Number.NEGATIVE_INFINITY;
  let window = lastCompleteWindow(dueAt, every, zone);
  while (window.start >= first.start && window.end > after) {
    const cover = covering(finished, window);
    if (!cover) return [window];
    window = windowOf(cover.start - 1, every, zone);
  }
  return [];
}

function lastFinished(question: DueQuestion, finished: readonly TimeWindow[]): TimeWindow[] {
  const { every, zone, lookback } = question;
  const found: TimeWindow[] = [];
  let window = lastCompleteWindow(question.dueAt, every, zone);
  while (found.length < lookback) {
    if (covering(finished, window)) found.push(window);
    const { start } = window;
    const before = finished.findLast((stretch) => stretch.start < start);
    if (!before) break;
    window = lastCompleteWindow(Math.min(start, before.end), every, zone);
  }
  return found;
}

function covering(finished: readonly TimeWindow[], window: TimeWindow): TimeWindow | undefined {
  let [low, high] = [0, finished.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (finished[middle]!.start <= window.start) low = middle + 1;
    else high = middle;
  }
  const candidate = finished[low - 1];
  return candidate && candidate.end >= window.end ? candidate : undefined;
}
