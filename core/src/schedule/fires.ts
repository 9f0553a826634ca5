import type { Schedule } from '../model/job.ts';
import type { Cron } from './cron.ts';
import { FIRST_YEAR, LAST_YEAR, nextLocal, previousLocal } from './match.ts';
import { localInstant, REACH, spanAt } from './zone.ts';

/** From when (inclusive) and until when (exclusive) a schedule is due at all; instants in milliseconds, null: unbounded. */
export interface Bounds {
  start?: number | null;
  end?: number | null;
}

/**
 * The bounds of a schedule's `start` and `end`: with `Z` or an offset as they say, else on the clock of the schedule's zone. Throws
 * SluiceError for an unknown zone.
 */
export function scheduleBounds({ start, end, timezone }: Pick<Schedule, 'start' | 'end' | 'timezone'>): Bounds {
  const instant = (text: string | null) => (text === null ? null : localInstant(text, timezone));
  return { start: instant(start), end: instant(end) };
}

const EARLIEST = Date.UTC(FIRST_YEAR, 0, 1);
const LATEST = Date.UTC(LAST_YEAR + 1, 0, 1);

/**
 * The next `n` fires, ascending, each later than `from`. Fewer where `bounds` or the year 9999 ends them. The rules at clock
 * changes are those of `Cron`. Throws SluiceError for an unknown zone.
 */
export function nextFires(cron: Cron, zone: string, from: number, n: number, bounds: Bounds = {}): number[] {
  const found: number[] = [];
  if (n < 1) return found;
  for (const at of fires(cron, zone, from, LATEST, bounds)) {
    found.push(at);
    if (found.length >= n) break;
  }
  return found;
}

/** The latest fire at or before `at`; null where there is none within `bounds` or since 1900. */
export function previousFire(cron: Cron, zone: string, at: number, bounds: Bounds = {}): number | null {
  const latest = Math.min(Math.floor(at), (bounds.end ?? LATEST) - 1);
  const found = lastFire(cron, zone, latest);
  return found !== null && found >= (bounds.start ?? EARLIEST) ? found : null;
}

/** Every fire later than `after` and at or before `until`, ascending, one at a time: for long periods. */
export function* fires(
  cron: Cron,
  zone: string,
  after: number,
  until: number,
  bounds: Bounds = {},
): Generator<number, void, undefined> {
  const end = Math.min(until, (bounds.end ?? LATEST) - 1);
  let at = Math.max(Math.floor(after) + 1, bounds.start ?? EARLIEST);
  while (at <= end) {
    const fire = firstFire(cron, zone, at);
    if (fire === null || fire > end) return;
    yield fire;
    at = fire + 1;
  }
}

/**
 * What is to run, oldest first, when a daemon that had handled everything up to `after` looks again at `until`. The fires
 * of the period (after, until]: with `all` every one, with `latest` the last one, with `none` only one that falls on `until`
 * itself, since that one is not late. Nothing is lost or doubled between this and `nextFires(…, until, …)`.
 */
export function missedFires(
  cron: Cron,
  zone: string,
  after: number,
  until: number,
  catchup: Schedule['catchup'],
  bounds: Bounds = {},
): number[] {
  if (catchup === 'all') return [...fires(cron, zone, after, until, bounds)];
  const last = previousFire(cron, zone, until, bounds);
  if (last === null || last <= after) return [];
  return catchup === 'latest' || last === until ? [last] : [];
}

/** The earliest fire at or after a whole millisecond. */
function firstFire(cron: Cron, zone: string, from: number): number | null {
  let at = Math.max(from, EARLIEST);
  while (at < LATEST) {
    const span = spanAt(zone, at);
    if (at === span.start && firesAfterGap(cron, span)) return at;
    const local = nextLocal(cron, earliestLocal(cron, span, at));
    if (local === null) return null;
    if (local - span.offset < span.end) return local - span.offset;
    // No clock change can bring up a due time before this one, so that whole stretches may be left out.
    const due = nextLocal(cron, span.end + span.offset - REACH);
    if (due === null) return null;
    at = Math.max(span.end, due - REACH);
  }
  return null;
}

/** The latest fire at or before a whole millisecond. */
function lastFire(cron: Cron, zone: string, until: number): number | null {
  let at = Math.min(until, LATEST);
  while (at >= EARLIEST) {
    const span = spanAt(zone, at);
    const local = previousLocal(cron, at + span.offset + 1);
    if (local !== null && local >= earliestLocal(cron, span, span.start)) return local - span.offset;
    if (firesAfterGap(cron, span)) return span.start;
    const due = previousLocal(cron, span.start + span.offset + REACH);
    if (due === null) return null;
    at = Math.min(span.start - 1, due + REACH);
  }
  return null;
}

/** A fixed schedule leaves out the local times that the clock shows for the second time. */
function earliestLocal(cron: Cron, span: { offset: number; seen: number }, at: number): number {
  return cron.interval ? at + span.offset : Math.max(at + span.offset, span.seen);
}

function firesAfterGap(cron: Cron, span: { start: number; offset: number; seen: number }): boolean {
  const opens = span.start + span.offset;
  if (cron.interval || span.seen >= opens) return false;
  const local = nextLocal(cron, span.seen);
  return local !== null && local < opens;
}
