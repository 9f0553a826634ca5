import type { ColumnBuffer } from '../../columnar/column.ts';
import { isLeapYear } from '../../model/calendar.ts';
import type { DataType } from '../../model/type.ts';

/**
 * Puts one value, which the server sent as text between two places, into a column; false: the column's type cannot hold it. `zero` is told
 * of dates that are none, which are put as null.
 */
export type Take = (column: ColumnBuffer, view: DataView, from: number, to: number, zero: () => void) => boolean;

const ZERO = 48;
const NINE = 57;
const MINUS = 45;
const PLUS = 43;
const POINT = 46;
/** Digits that a double holds exactly. */
const EXACT_DIGITS = 15;
/** Digits of the decimals that lie in 64 bits. */
const NARROW = 18;
const SECONDS_A_DAY = 86_400;
const MICRO_DIGITS = 6;

/** How the text of a type's values is taken. */
export function takeOf(type: DataType): Take {
  switch (type.kind) {
    case 'boolean':
      return (column, view, from) => {
        column.boolean(view.getUint8(from) !== ZERO);
        return true;
      };
    case 'int':
      return int;
    case 'bigint':
      return (column, view, from, to) => number(column, view, from, to, 0, NARROW);
    case 'decimal':
      return (column, view, from, to) => number(column, view, from, to, type.scale, type.precision);
    case 'double':
      return (column, view, from, to) => {
        column.double(Number(latin1(view, from, to)));
        return true;
      };
    case 'date':
      return date;
    case 'timestamp':
    case 'timestamptz':
      return moment;
    default:
      return bytes;
  }
}

const bytes: Take = (column, view, from, to) => {
  column.bytes(view, from, to);
  return true;
};

/** A time without the zeros at its end, which say how the column is declared and not what the value is. */
export const time: Take = (column, view, from, to) => {
  let end = to;
  const fraction = to - from > MICRO_DIGITS && hasPoint(view, from, to);
  while (fraction && view.getUint8(end - 1) === ZERO) end--;
  if (fraction && view.getUint8(end - 1) === POINT) end--;
  column.bytes(view, from, end);
  return true;
};

function hasPoint(view: DataView, from: number, to: number): boolean {
  for (let i = from; i < to; i++) if (view.getUint8(i) === POINT) return true;
  return false;
}

function latin1(view: DataView, from: number, to: number): string {
  return Buffer.from(view.buffer, view.byteOffset + from, to - from).toString('latin1');
}

const int: Take = (column, view, from, to) => {
  const negative = view.getUint8(from) === MINUS;
  let value = 0;
  for (let i = negative ? from + 1 : from; i < to; i++) {
    const digit = view.getUint8(i) - ZERO;
    if (digit < 0 || digit > 9) return false;
    value = value * 10 + digit;
  }
  if (negative) value = -value;
  if (value !== (value | 0)) return false;
  column.int32(value);
  return true;
};

/** A whole number, or one with a point, as a whole number of its last digits. */
function number(
  column: ColumnBuffer,
  view: DataView,
  from: number,
  to: number,
  scale: number,
  precision: number,
): boolean {
  const sign = view.getUint8(from);
  let value = 0;
  let digits = 0;
  let behind = -1;
  for (let i = sign === MINUS || sign === PLUS ? from + 1 : from; i < to; i++) {
    const byte = view.getUint8(i);
    if (byte === POINT && behind < 0) behind = 0;
    else if (byte < ZERO || byte > NINE) return false;
    else {
      value = value * 10 + byte - ZERO;
      digits++;
      if (behind >= 0) behind++;
    }
  }
  const missing = scale - Math.max(0, behind);
  if (missing < 0 || digits + missing > EXACT_DIGITS) return large(column, latin1(view, from, to), scale, precision);
  for (let i = 0; i < missing; i++) value *= 10;
  const signed = sign === MINUS ? -value : value;
  if (precision > NARROW) column.whole128(signed);
  else column.whole(signed);
  return true;
}

function large(column: ColumnBuffer, text: string, scale: number, precision: number): boolean {
  const [whole = '', fraction = ''] = text.split('.');
  // Digits beyond the scale may only be zeros.
  if (/[1-9]/.test(fraction.slice(scale))) return false;
  const value = BigInt(whole.replace('+', '') + fraction.slice(0, scale).padEnd(scale, '0'));
  if (precision > NARROW) column.big128(value);
  else if (BigInt.asIntN(64, value) !== value) return false;
  else column.big(value);
  return true;
}

/** Days before each month of a year that does not leap. */
const BEFORE = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365];
const DAYS_TO_1970 = 719_528;

function two(view: DataView, at: number): number {
  return (view.getUint8(at) - ZERO) * 10 + view.getUint8(at + 1) - ZERO;
}

/** No day of the calendar. */
const NO_DAY = Number.NaN;
/** A day or month of 0, or the year 0: what the server stores for a date that is none. */
const ZERO_DAY = Number.POSITIVE_INFINITY;

/** Days since 1970 of `YYYY-MM-DD`. */
function dayOf(view: DataView, from: number): number {
  const year = two(view, from) * 100 + two(view, from + 2);
  const month = two(view, from + 5);
  const day = two(view, from + 8);
  if (year === 0 || month === 0 || day === 0) return ZERO_DAY;
  const leap = isLeapYear(year) ? 1 : 0;
  const length = (BEFORE[month] ?? NO_DAY) - (BEFORE[month - 1] ?? NO_DAY) + (month === 2 ? leap : 0);
  if (!(day <= length)) return NO_DAY;
  const before = year - 1;
  // The year 0 leaps.
  const leapDays = Math.floor(before / 4) - Math.floor(before / 100) + Math.floor(before / 400) + 1;
  return year * 365 + leapDays + (BEFORE[month - 1] ?? 0) + (month > 2 ? leap : 0) + day - 1 - DAYS_TO_1970;
}

const date: Take = (column, view, from, to, zero) => {
  if (to - from !== 10) return false;
  const days = dayOf(view, from);
  if (Number.isNaN(days)) return false;
  if (days !== ZERO_DAY) column.int32(days);
  else {
    zero();
    column.none();
  }
  return true;
};

/** `YYYY-MM-DD HH:MM:SS`, and up to six digits of a second. */
const moment: Take = (column, view, from, to, zero) => {
  if (to - from < 19) return false;
  const days = dayOf(view, from);
  if (Number.isNaN(days)) return false;
  if (days === ZERO_DAY) {
    zero();
    column.none();
    return true;
  }
  const seconds = two(view, from + 11) * 3600 + two(view, from + 14) * 60 + two(view, from + 17);
  let micros = 0;
  for (let i = 0; i < MICRO_DIGITS; i++)
    micros = micros * 10 + (from + 20 + i < to ? view.getUint8(from + 20 + i) - ZERO : 0);
  column.micros(days * SECONDS_A_DAY + seconds, micros);
  return true;
};
