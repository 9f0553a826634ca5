import { nearest } from '../check/suggest.ts';
import { SluiceError } from '../model/error.ts';

export const SECOND = 1000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

/**
 * A stretch of time over which a zone's clock keeps one offset from UTC. Instants are milliseconds since 1970 UTC; a *local*
 * time is what the clock shows, as the milliseconds that would be it in UTC.
 */
export interface Span {
  /** First instant of the stretch. */
  start: number;
  /** First instant after it. */
  end: number;
  /** Local time minus instant. */
  offset: number;
  /**
   * Where the local times end that the clock had shown before `start`. Below `start + offset`: the times between do not
   * exist. Above it: the times between occur again.
   */
  seen: number;
}

/** Stretches are found and kept by blocks of this length; the blocks end where no clock change needs to be. */
const BLOCK = 30 * DAY;
/** Two changes of one zone lie further apart than this. */
const PROBE = DAY;
/** How far back a clock change can make local times occur again: more than any change of offset. */
export const REACH = 2 * DAY;
const MOST_BLOCKS = 5000;

interface Clock {
  format: Intl.DateTimeFormat;
  blocks: Map<number, Span[]>;
}

const clocks = new Map<string, Clock>();

/** The stretch of the zone's clock that holds an instant; cut at borders that mean nothing. Throws for an unknown zone. */
export function spanAt(zone: string, instant: number): Span {
  const clock = clockOf(zone);
  const index = Math.floor(instant / BLOCK);
  let spans = clock.blocks.get(index);
  if (!spans) {
    if (clock.blocks.size >= MOST_BLOCKS) clock.blocks.clear();
    spans = findSpans(clock.format, index * BLOCK, (index + 1) * BLOCK);
    clock.blocks.set(index, spans);
  }
  let at = spans.length - 1;
  while (at > 0 && spans[at]!.start > instant) at--;
  return spans[at]!;
}

/** Local time minus instant, in milliseconds. Throws for an unknown zone. */
export function offsetAt(zone: string, instant: number): number {
  return spanAt(zone, instant).offset;
}

/** The stretches of [from, to) that begin with a clock change, ascending. */
export function* changesBetween(zone: string, from: number, to: number): Generator<Span> {
  for (let at = from; at < to; ) {
    const span = spanAt(zone, at);
    const changed = span.start % BLOCK !== 0 || offsetAt(zone, span.start - 1) !== span.offset;
    if (changed && span.start >= from) yield span;
    at = span.end;
  }
}

function clockOf(zone: string): Clock {
  let clock = clocks.get(zone);
  if (!clock) {
    const format = formatOf(zone);
    if (!format) {
      const near = suggestTimeZone(zone);
      throw new SluiceError('value/timezone', 'config', `\`${zone}\` is no time zone.`, {
        hint: near ? `Did you mean \`${near}\`?` : 'Write an IANA name such as `Europe/Berlin`.',
      });
    }
    clock = { format, blocks: new Map() };
    clocks.set(zone, clock);
  }
  return clock;
}

function formatOf(zone: string): Intl.DateTimeFormat | null {
  // Newer engines take offsets as zones, older ones do not: the language must not depend on that.
  if (!/^[A-Za-z]/.test(zone)) return null;
  try {
    return new Intl.DateTimeFormat('en-US', { timeZone: zone, timeZoneName: 'longOffset' });
  } catch {
    return null;
  }
}

function readOffset(format: Intl.DateTimeFormat, instant: number): number {
  const match = /GMT([+-])(\d\d):(\d\d)(?::(\d\d))?$/.exec(format.format(instant));
  if (!match) return 0;
  const size = Number(match[2]) * HOUR + Number(match[3]) * MINUTE + Number(match[4] ?? 0) * SECOND;
  return match[1] === '-' ? -size : size;
}

function findSpans(format: Intl.DateTimeFormat, start: number, end: number): Span[] {
  const spans: Span[] = [];
  let begin = start - REACH;
  let offset = readOffset(format, begin);
  let seen = begin + offset;
  const close = (at: number) => {
    if (at > start) spans.push({ start: begin, end: at, offset, seen });
    seen = Math.max(seen, at + offset);
    begin = at;
  };
  let low = begin;
  for (let probe = begin + PROBE; probe <= end; probe += PROBE) {
    // The last instant of the block, not the first of the next one: a change there belongs to the next.
    const at = Math.min(probe, end - SECOND);
    const found = readOffset(format, at);
    if (found !== offset) {
      close(changeBetween(format, low, at, offset));
      offset = found;
    }
    low = at;
    if (probe === start && begin < start) close(start);
  }
  close(end);
  return spans;
}

/** The first whole second after `low` at which the offset is no longer the given one; at `high` it is another. */
function changeBetween(format: Intl.DateTimeFormat, low: number, high: number, offset: number): number {
  let [before, after] = [low, high];
  while (after - before > SECOND) {
    const middle = before + Math.floor((after - before) / 2 / SECOND) * SECOND;
    if (readOffset(format, middle) === offset) before = middle;
    else after = middle;
  }
  return after;
}

/** Whether a text is an IANA time zone of this engine (`Europe/Berlin`, `UTC`). Offsets such as `+02:00` are none. */
export function isTimeZone(text: string): boolean {
  if (clocks.has(text)) return true;
  const format = formatOf(text);
  if (format) clocks.set(text, { format, blocks: new Map() });
  return format !== null;
}

/** Short names that people write, where one zone is most likely meant. */
const ABBREVIATIONS: Readonly<Record<string, string>> = {
  z: 'UTC',
  zulu: 'UTC',
  bst: 'Europe/London',
  cest: 'Europe/Berlin',
  eest: 'Europe/Helsinki',
  edt: 'America/New_York',
  cst: 'America/Chicago',
  cdt: 'America/Chicago',
  mdt: 'America/Denver',
  pst: 'America/Los_Angeles',
  pdt: 'America/Los_Angeles',
  ist: 'Asia/Kolkata',
  jst: 'Asia/Tokyo',
  aest: 'Australia/Sydney',
  aedt: 'Australia/Sydney',
};

/** The zone that a text which is none most likely means: a city alone, a short name, an offset, a typo; else undefined. */
export function suggestTimeZone(text: string): string | undefined {
  const fold = (word: string) => word.toLowerCase().replace(/[\s_-]/g, '');
  const plain = fold(text);
  const known = Object.hasOwn(ABBREVIATIONS, plain) ? ABBREVIATIONS[plain] : undefined;
  if (known) return known;
  const hours = /^\s*(?:UTC|GMT)?\s*([+-])0?(\d{1,2})(?::?00)?\s*$/i.exec(text);
  if (hours) return fixedZone(hours[1]!, Number(hours[2]));
  const zones = ['UTC', ...Intl.supportedValuesOf('timeZone')];
  const cityOf = (zone: string) => zone.slice(zone.lastIndexOf('/') + 1);
  const city = fold(cityOf(text));
  const exact = zones.find((zone) => fold(zone) === plain) ?? zones.find((zone) => fold(cityOf(zone)) === city);
  if (exact || city === '') return exact;
  const near = nearest(text, zones);
  if (near) return near;
  const nearCity = nearest(city, zones.map(cityOf));
  return nearCity && city.length > 3 ? zones.find((zone) => cityOf(zone) === nearCity) : undefined;
}

/** Zones named after an offset count westward: two hours ahead of UTC is `Etc/GMT-2`. */
function fixedZone(sign: string, hours: number): string | undefined {
  if (hours === 0) return 'UTC';
  const zone = `Etc/GMT${sign === '+' ? '-' : '+'}${hours}`;
  return formatOf(zone) ? zone : undefined;
}

/** An instant as the zone's clock shows it, with its offset: `2024-03-10T03:00:00-04:00`. Throws for an unknown zone. */
export function formatLocal(instant: number, zone: string): string {
  const offset = offsetAt(zone, instant);
  const size = Math.abs(offset);
  const two = (value: number) => String(Math.floor(value)).padStart(2, '0');
  const seconds = size % MINUTE ? `:${two((size % MINUTE) / SECOND)}` : '';
  const sign = offset < 0 ? '-' : '+';
  return `${formatClock(instant + offset)}${sign}${two(size / HOUR)}:${two((size % HOUR) / MINUTE)}${seconds}`;
}

/** A local time as `2024-03-10T03:00:00`. */
export function formatClock(local: number): string {
  return new Date(local).toISOString().slice(0, -5);
}

/**
 * The instant of a date or time in ISO 8601: with `Z` or an offset as it says, else by the clock of a zone (a time that the clock
 * shows twice is the first; one that it leaves out is the end of the gap). null where the text is none. Throws for an unknown zone.
 */
export function localInstant(text: string, zone: string): number | null {
  const match = /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?))?(Z|[+-]\d{2}:?\d{2})?$/.exec(
    text.trim(),
  );
  if (!match) return null;
  const local = Date.parse(`${match[1]}T${match[2] ?? '00:00'}Z`);
  if (Number.isNaN(local) || new Date(local).toISOString().slice(0, 10) !== match[1]) return null;
  if (match[3] !== undefined) {
    const instant = Date.parse(`${match[1]}T${match[2] ?? '00:00'}${match[3].replace(/^(...)(\d\d)$/, '$1:$2')}`);
    return Number.isNaN(instant) ? null : instant;
  }
  const earlier = local - offsetAt(zone, local - DAY);
  const later = local - offsetAt(zone, local + DAY);
  const found = [Math.min(earlier, later), Math.max(earlier, later)].find((at) => at + offsetAt(zone, at) === local);
  if (found !== undefined) return found;
  // The clock leaves this time out: the change lies between the two.
  for (const { start } of changesBetween(zone, local - 2 * DAY, local + 2 * DAY)) {
    if (start + offsetAt(zone, start) > local && start + offsetAt(zone, start - 1) <= local) return start;
  }
  return later;
}
