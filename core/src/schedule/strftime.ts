import { MONTHS, WEEKDAYS } from './names.ts';
import { formatClock, offsetAt } from './zone.ts';

const DAY = 86_400_000;

/** Fields of a local time; `%-d` leaves out the leading zeros of any of them. */
const FIELDS: Readonly<Record<string, (at: Date, offset: number) => string>> = {
  Y: (at) => pad(at.getUTCFullYear(), 4),
  y: (at) => pad(at.getUTCFullYear() % 100, 2),
  m: (at) => pad(at.getUTCMonth() + 1, 2),
  d: (at) => pad(at.getUTCDate(), 2),
  j: (at) => pad(dayOfYear(at), 3),
  H: (at) => pad(at.getUTCHours(), 2),
  I: (at) => pad(at.getUTCHours() % 12 || 12, 2),
  p: (at) => (at.getUTCHours() < 12 ? 'AM' : 'PM'),
  M: (at) => pad(at.getUTCMinutes(), 2),
  S: (at) => pad(at.getUTCSeconds(), 2),
  a: (at) => WEEKDAYS[at.getUTCDay()]!.slice(0, 3),
  A: (at) => WEEKDAYS[at.getUTCDay()]!,
  b: (at) => MONTHS[at.getUTCMonth()]!.slice(0, 3),
  B: (at) => MONTHS[at.getUTCMonth()]!,
  u: (at) => String(at.getUTCDay() || 7),
  w: (at) => String(at.getUTCDay()),
  G: (at) => pad(isoWeek(at).year, 4),
  V: (at) => pad(isoWeek(at).week, 2),
  s: (at, offset) => String((at.getTime() - offset) / 1000),
  z: (_, offset) => zoneText(offset),
  F: (at) => formatClock(at.getTime()).slice(0, 10),
  T: (at) => formatClock(at.getTime()).slice(11),
};

/** A field of a pattern that `formatStrftime` does not know, as written; null where it knows all and there is at least one. */
export function strftimeFault(pattern: string): string | null {
  let fields = 0;
  for (const [written, , field] of pattern.matchAll(/%(-?)(.?)/gs)) {
    if (field === '%') continue;
    if (field === undefined || !Object.hasOwn(FIELDS, field)) return written;
    fields++;
  }
  return fields === 0 ? pattern : null;
}

/** The fields that `formatStrftime` knows, for messages. */
export const STRFTIME_FIELDS: readonly string[] = Object.keys(FIELDS).map((field) => `%${field}`);

/**
 * An instant as a pattern of strftime writes it (C11, 7.27.3.5, with GNU's `%-d`), by the clock of a zone. Unknown fields stay
 * as they are. Throws SluiceError for an unknown zone.
 */
export function formatStrftime(instant: number, zone: string, pattern: string): string {
  const offset = offsetAt(zone, instant);
  const local = new Date(instant + offset);
  return pattern.replace(/%(-?)(.)/gs, (written, bare: string, field: string) => {
    if (field === '%') return '%';
    const text = Object.hasOwn(FIELDS, field) ? FIELDS[field]!(local, offset) : written;
    return bare === '' ? text : text.replace(/^0+(?=.)/, '');
  });
}

function pad(value: number, width: number): string {
  return String(value).padStart(width, '0');
}

function dayOfYear(at: Date): number {
  return Math.floor((at.getTime() - Date.UTC(at.getUTCFullYear(), 0, 1)) / DAY) + 1;
}

/** ISO 8601: the week belongs to the year of its Thursday. */
function isoWeek(at: Date): { year: number; week: number } {
  const thursday = new Date(at.getTime() + (4 - (at.getUTCDay() || 7)) * DAY);
  return { year: thursday.getUTCFullYear(), week: Math.ceil(dayOfYear(thursday) / 7) };
}

function zoneText(offset: number): string {
  const minutes = Math.round(Math.abs(offset) / 60_000);
  return `${offset < 0 ? '-' : '+'}${pad(Math.floor(minutes / 60), 2)}${pad(minutes % 60, 2)}`;
}
