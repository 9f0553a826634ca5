import { nearest } from '../check/suggest.ts';
import type { Range } from '../model/diagnostic.ts';
import { CronFault, FIELDS, type Field, fault, parseField } from './field.ts';

/**
 * When a job is due, as sets of local times. Made by `parseCron`; plain JSON.
 *
 * ### The cron of a schedule
 * Five fields: minute (0–59), hour (0–23), day of month (1–31), month (1–12 or JAN–DEC), day of week (0–7 or SUN–SAT; 0 and
 * 7 are Sunday), or one of `@hourly @daily @midnight @weekly @monthly @yearly @annually`. A field is a comma-separated list
 * of: `*` (or `?`) for every value, a value, a range `a-b`, each with a step `/n` behind it where only every nth is meant
 * (`8-18/2`; `5/15` runs from 5 to the field's end). `L` is the last day of the month, `5L` the month's last Friday, `5#2`
 * its second one.
 *
 * - Where both day fields are given, a day that fits either of them is due. A field counts as given unless it is `*` or `?`
 *   (a step of 1 behind it changes nothing).
 * - Fires are exact to the minute; there is no field for seconds or years, and no `W`.
 * - A text that can never fire (`0 0 30 2 *`) is refused.
 *
 * ### Clock changes
 * A schedule is *fixed* when its minute and its hour are plain values, lists or ranges (`0 2 * * *`), and an *interval* when
 * one of them is `*`, has a step or names every value (`0 * * * *`).
 *
 * - Clocks go forward: local times in the gap do not exist. A fixed schedule with times in it fires once, at the first
 *   moment after the gap; an interval has no fire there, so that it keeps its distance in real time.
 * - Clocks go back: local times occur twice. A fixed schedule fires on the first pass only; an interval on both.
 * - No schedule fires twice at one moment, and the next fire is always later than the time it was asked for.
 */
export interface Cron {
  /** Canonical text: one blank between fields, names in capitals. */
  text: string;
  /** Ascending, as all lists here. */
  minutes: number[];
  hours: number[];
  months: number[];
  days: { any: boolean; dates: number[]; last: boolean };
  weekdays: { any: boolean; plain: number[]; last: number[]; nth: { weekday: number; nth: number }[] };
  /** Whether the minute or the hour runs through its field rather than naming times: decides the rule at clock changes. */
  interval: boolean;
}

export type ParsedCron = { ok: true; cron: Cron } | { ok: false; message: string; range: Range };

const NICKNAMES: Readonly<Record<string, string>> = {
  '@hourly': '0 * * * *',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@weekly': '0 0 * * 0',
  '@monthly': '0 0 1 * *',
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
};
/** The most days that each month can have. */
const MONTH_DAYS = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
/** Far beyond any schedule that is meant; keeps a pasted file from being read field by field. */
const MOST_CHARACTERS = 1000;

interface Token {
  text: string;
  start: number;
}

/**
 * Reads a cron text. Where it is none, or one that never fires, gives the message and the range of the part that is at fault
 * (UTF-16 offsets within `text`; the whole text where no part alone is). Never throws.
 */
export function parseCron(text: string): ParsedCron {
  try {
    const tokens = tokensOf(text);
    const whole = wholeRange(tokens, text);
    if (text.length > MOST_CHARACTERS) throw fault('This is too long for a cron.', whole.start, whole.end);
    const first = tokens[0];
    if (first?.text.startsWith('@')) {
      const expanded = tokensOf(nickname(tokens, first, whole));
      return { ok: true, cron: cronOf(expanded, normaliseCron(text)) };
    }
    refuseCount(tokens, whole);
    return { ok: true, cron: cronOf(tokens, normaliseCron(text)) };
  } catch (error) {
    if (error instanceof CronFault) return { ok: false, message: error.message, range: error.range };
    throw error;
  }
}

/**
 * The text with one blank between fields, names and letters in capitals, nicknames in small letters: two texts that differ in
 * nothing else are the same schedule. Takes any text, valid or not.
 */
export function normaliseCron(text: string): string {
  const plain = text.trim().replace(/\s+/g, ' ');
  return plain.startsWith('@') ? plain.toLowerCase() : plain.toUpperCase();
}

function tokensOf(text: string): Token[] {
  return [...text.matchAll(/\S+/g)].map((match) => ({ text: match[0], start: match.index }));
}

function wholeRange(tokens: readonly Token[], text: string): Range {
  const [first, last] = [tokens[0], tokens.at(-1)];
  return first && last ? { start: first.start, end: last.start + last.text.length } : { start: 0, end: text.length };
}

function nickname(tokens: readonly Token[], first: Token, whole: Range): string {
  const word = first.text.toLowerCase();
  const known = Object.hasOwn(NICKNAMES, word) ? NICKNAMES[word] : undefined;
  if (known && tokens.length === 1) return known;
  if (known) throw fault(`\`${first.text}\` stands alone, without further fields.`, whole.start, whole.end);
  if (word === '@every')
    throw fault('`@every` is not known; write a step, such as `*/5 * * * *`.', whole.start, whole.end);
  const near = nearest(word, Object.keys(NICKNAMES));
  const rest = near ? `did you mean \`${near}\`?` : `there are ${Object.keys(NICKNAMES).join(', ')}.`;
  throw fault(`\`${first.text}\` is no schedule; ${rest}`, first.start, first.start + first.text.length);
}

function refuseCount(tokens: readonly Token[], whole: Range): void {
  const count = tokens.length;
  if (count === FIELDS.length) return;
  const wanted = 'five fields (minute, hour, day of month, month, day of week), or `@daily` and the like';
  if (count === 0) throw fault(`A cron is missing: ${wanted}.`, whole.start, whole.end);
  const last = tokens.at(-1)!;
  if (count > FIELDS.length && /^(?:\d{4}\b|.*[-,/]\d{4}$)/.test(last.text))
    throw fault(
      'Fields for years are not supported; a cron has five fields.',
      last.start,
      last.start + last.text.length,
    );
  if (count === 6) {
    const message = `This cron has 6 fields; seconds are not supported. Leave the first one out: ${wanted}.`;
    throw fault(message, tokens[0]!.start, tokens[0]!.start + tokens[0]!.text.length);
  }
  throw fault(`This cron has ${count} field${count === 1 ? '' : 's'}; write ${wanted}.`, whole.start, whole.end);
}

function cronOf(tokens: readonly Token[], text: string): Cron {
  const read = (index: number) => parseField(FIELDS[index]!, tokens[index]!.text, tokens[index]!.start);
  const [minute, hour, date, month, weekday] = [read(0), read(1), read(2), read(3), read(4)];
  const cron: Cron = {
    text,
    minutes: minute.values,
    hours: hour.values,
    months: month.values,
    days: { any: date.any, dates: date.values, last: date.lastDay },
    weekdays: { any: weekday.any, plain: weekday.values, last: weekday.last, nth: weekday.nth },
    interval: runsThrough(FIELDS[0]!, minute) || runsThrough(FIELDS[1]!, hour),
  };
  const possible = (m: number) => date.values.some((d) => d <= MONTH_DAYS[m - 1]!);
  if (!date.any && !date.lastDay && weekday.any && !month.values.some(possible)) {
    const end = tokens[3]!;
    const message = 'This never fires: no such day is in the given months.';
    throw fault(message, tokens[2]!.start, end.start + end.text.length);
  }
  return cron;
}

function runsThrough(field: Field, parsed: { values: number[]; stepped: boolean }): boolean {
  return parsed.stepped || parsed.values.length === field.max - field.min + 1;
}
