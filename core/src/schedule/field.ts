import { nearest } from '../check/suggest.ts';
import type { Range } from '../model/diagnostic.ts';

/** One of the five fields of a cron. */
export interface Field {
  name: 'minute' | 'hour' | 'day of month' | 'month' | 'day of week';
  min: number;
  max: number;
  /** Names of values, from `min`. */
  names: readonly string[];
}

const MONTHS = ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC'];
const WEEKDAYS = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'];

export const FIELDS: readonly Field[] = [
  { name: 'minute', min: 0, max: 59, names: [] },
  { name: 'hour', min: 0, max: 23, names: [] },
  { name: 'day of month', min: 1, max: 31, names: [] },
  { name: 'month', min: 1, max: 12, names: MONTHS },
  { name: 'day of week', min: 0, max: 6, names: WEEKDAYS },
];

/** What a field says. Lists ascend; weekdays are 0 (Sunday) to 6. */
export interface ParsedField {
  /** Some part is `*` or `?` without a step: the field restricts nothing. */
  any: boolean;
  values: number[];
  /** Some part is `*` or has a step. */
  stepped: boolean;
  /** `L` in the day of month. */
  lastDay: boolean;
  /** `5L` in the day of week. */
  last: number[];
  /** `5#2` in the day of week. */
  nth: { weekday: number; nth: number }[];
}

/** A fault in a cron text, with the range of the part that is at fault. Caught by `parseCron`. */
export class CronFault extends Error {
  readonly range: Range;

  constructor(message: string, range: Range) {
    super(message);
    this.range = range;
  }
}

export function fault(message: string, start: number, end: number): CronFault {
  return new CronFault(message, { start, end });
}

/** Reads one field that stands at offset `start` of the whole text; throws CronFault. */
export function parseField(field: Field, text: string, start: number): ParsedField {
  const values = new Set<number>();
  const result: ParsedField = { any: false, values: [], stepped: false, lastDay: false, last: [], nth: [] };
  const parts = text.split(',');
  let offset = start;
  for (const part of parts) {
    if (part === '') {
      const at = Math.min(offset, start + text.length - 1);
      throw fault(`An entry is missing in the list of the ${field.name}.`, at, at + 1);
    }
    if (!special(field, part, offset, result)) for (const value of span(field, part, offset, result)) values.add(value);
    offset += part.length + 1;
  }
  const ascending = (a: number, b: number) => a - b;
  result.values = [...values].sort(ascending);
  result.last = [...new Set(result.last)].sort(ascending);
  return result;
}

/** Takes the parts that are no plain set of values: `L`, `5L`, `5#2`; refuses those of other tools that we do not have. */
function special(field: Field, part: string, offset: number, into: ParsedField): boolean {
  const upper = part.toUpperCase();
  const end = offset + part.length;
  if (field.name === 'day of month') {
    if (upper === 'L') {
      into.lastDay = true;
      return true;
    }
    if (/^(?:\d+|L)W$/.test(upper))
      throw fault(`\`${part}\`: the nearest working day (\`W\`) is not supported.`, offset, end);
    if (/^L-\d+$/.test(upper)) throw fault(`\`${part}\`: days before the last one are not supported.`, offset, end);
  }
  if (field.name !== 'day of week') return false;
  if (upper === 'L') throw fault('`L` needs its weekday here: `5L` is the last Friday of the month.', offset, end);
  const last = /^(\d+|[A-Z]{3})L$/.exec(upper);
  if (last) {
    into.last.push(value(field, part.slice(0, -1), offset) % 7);
    return true;
  }
  const nth = /^([^#]*)#(.*)$/.exec(part);
  if (!nth) return false;
  const weekday = value(field, nth[1]!, offset) % 7;
  const count = /^[1-5]$/.test(nth[2]!) ? Number(nth[2]) : null;
  const at = offset + nth[1]!.length + 1;
  if (count === null) throw fault(`After \`#\` stands 1 to 5, not \`${nth[2]}\`.`, nth[2] === '' ? at - 1 : at, end);
  into.nth.push({ weekday, nth: count });
  return true;
}

/** The values of `*`, `a`, `a-b` and their steps. */
function span(field: Field, part: string, offset: number, into: ParsedField): number[] {
  const slash = part.indexOf('/');
  const base = slash < 0 ? part : part.slice(0, slash);
  const step = slash < 0 ? 1 : stepOf(field, part.slice(slash + 1), offset + slash + 1);
  if (slash >= 0) into.stepped = true;
  const [from, to] = bounds(field, base, offset, slash >= 0);
  if (base === '*' || base === '?') {
    into.stepped = true;
    into.any ||= step === 1;
  }
  const values: number[] = [];
  for (let v = from; v <= to; v += step) values.push(field.name === 'day of week' ? v % 7 : v);
  return values;
}

function bounds(field: Field, base: string, offset: number, stepped: boolean): [number, number] {
  if (base === '*' || base === '?') return [field.min, field.max];
  const dash = base.indexOf('-');
  if (dash < 0) {
    const only = value(field, base, offset);
    return [only, stepped ? Math.max(field.max, only) : only];
  }
  let from = value(field, base.slice(0, dash), offset);
  const endText = base.slice(dash + 1);
  let to = value(field, endText, offset + dash + 1);
  if (field.name === 'day of week') {
    if (endText.toUpperCase() === 'SUN' && from > 0) to = 7;
    if (from === 7 && to < 7) from = 0;
  }
  if (from > to) {
    const low = from === field.max ? `${from}` : `${from}-${field.max}`;
    const high = to === field.min ? `${to}` : `${field.min}-${to}`;
    const message = `The range \`${base}\` of the ${field.name} runs backwards; write \`${low},${high}\`.`;
    throw fault(message, offset, offset + base.length);
  }
  return [from, to];
}

function stepOf(field: Field, text: string, offset: number): number {
  const most = field.max - field.min + 1;
  const step = /^\d{1,4}$/.test(text) ? Number(text) : null;
  const end = offset + text.length;
  if (step === null)
    throw fault(`A number of ${field.name} steps stands after \`/\`.`, text === '' ? offset - 1 : offset, end);
  if (step === 0) throw fault('A step of 0 never advances; the least is 1.', offset, end);
  if (step > most) throw fault(`A step of ${step} is more than the ${field.name} has values (${most}).`, offset, end);
  return step;
}

/** One value as number or name; throws with its range. Weekdays may be 7. */
function value(field: Field, text: string, offset: number): number {
  const end = Math.max(offset + text.length, offset + 1);
  const top = field.name === 'day of week' ? 7 : field.max;
  if (/^\d+$/.test(text)) {
    const number = Number(text);
    if (text.length <= 2 && number >= field.min && number <= top) return number;
    throw fault(`\`${text}\` is no ${field.name}; it is ${field.min} to ${top}.`, offset, end);
  }
  const named = field.names.indexOf(text.toUpperCase());
  if (named >= 0) return named + field.min;
  const near = /^[A-Za-z]{3,}$/.test(text) ? nearest(text.slice(0, 3), field.names) : undefined;
  const hint = near ? `did you mean \`${near}\`?` : `it is ${field.min} to ${top}${names(field)}.`;
  throw fault(
    text === '' ? `A ${field.name} is missing; ${hint}` : `\`${text}\` is no ${field.name}; ${hint}`,
    offset,
    end,
  );
}

function names(field: Field): string {
  return field.names.length > 0 ? ` or ${field.names[0]} to ${field.names.at(-1)}` : '';
}
