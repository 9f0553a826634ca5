import type { Cron } from './cron.ts';
import { nextLocal } from './match.ts';
import { changesBetween, DAY, formatClock, MINUTE, type Span } from './zone.ts';

/** How a clock change touches a schedule. */
export interface DstNote {
  /** When the clocks change. */
  at: number;
  /**
   * `moved`: times that do not exist fire once, at `at`. `skipped`: times that do not exist do not fire. `once`: times that
   * occur twice fire the first time only. `twice`: times that occur twice fire both times.
   */
  kind: 'moved' | 'skipped' | 'once' | 'twice';
  /** What the clock would have shown at `at`, and what it shows: `2024-03-10T02:00:00`. */
  clock: { from: string; to: string };
  /** The local times of the schedule that the change touches, ascending. */
  times: string[];
  /** One or two sentences for the user. */
  text: string;
}

/**
 * The clock changes of from <= t < until that touch a schedule, ascending; none where the schedule keeps clear of them. The
 * rules are those of `Cron`. Throws SluiceError for an unknown zone.
 */
export function dstNotes(cron: Cron, zone: string, from: number, until: number): DstNote[] {
  const notes: DstNote[] = [];
  for (const change of changesBetween(zone, from, until)) {
    const times = touched(cron, change);
    if (times.length > 0) notes.push(note(cron, change, times));
  }
  return notes;
}

function touched(cron: Cron, change: Span): number[] {
  const opens = change.start + change.offset;
  const [low, high] = [Math.min(opens, change.seen), Math.max(opens, change.seen)];
  const times: number[] = [];
  for (let at = nextLocal(cron, low); at !== null && at < high; at = nextLocal(cron, at + MINUTE)) times.push(at);
  return times;
}

function note(cron: Cron, change: Span, times: readonly number[]): DstNote {
  const opens = change.start + change.offset;
  const gap = change.seen < opens;
  const kind = gap ? (cron.interval ? 'skipped' : 'moved') : cron.interval ? 'twice' : 'once';
  const many = times.length > 1;
  const sameDay = Math.floor(change.seen / DAY) === Math.floor(opens / DAY);
  const show = (local: number) => (sameDay ? clockTime(local) : `${date(local)} ${clockTime(local)}`);
  const how = `On ${date(opens)} the clocks go ${gap ? 'forward' : 'back'} from ${show(change.seen)} to ${show(opens)}`;
  const listed = many ? `${show(times[0]!)} to ${show(times.at(-1)!)}` : show(times[0]!);
  const which = many ? `the ${times.length} times from ${listed}` : listed;
  const effect = {
    moved: `${which} ${many ? 'do' : 'does'} not exist and the schedule fires once at ${show(opens)}.`,
    skipped: `${which} ${many ? 'do' : 'does'} not exist and ${many ? 'are' : 'is'} left out.`,
    once: `${which} ${many ? 'occur' : 'occurs'} twice and ${many ? 'fire' : 'fires'} the first time only.`,
    twice: `${which} ${many ? 'occur' : 'occurs'} twice and ${many ? 'fire' : 'fires'} both times.`,
  }[kind];
  return {
    at: change.start,
    kind,
    clock: { from: formatClock(change.seen), to: formatClock(opens) },
    times: times.map(formatClock),
    text: `${how}: ${effect}`,
  };
}

function date(local: number): string {
  return formatClock(local).slice(0, 10);
}

function clockTime(local: number): string {
  const text = formatClock(local).slice(11);
  return text.endsWith(':00') ? text.slice(0, 5) : text;
}
