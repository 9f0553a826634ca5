import { type ColumnBuffer, INFINITE } from '../../columnar/column.ts';
import type { DataType } from '../../model/type.ts';

/**
 * Puts one value, which lies between two places in the form that COPY's binary format sends
 * (https://www.postgresql.org/docs/current/sql-copy.html), into a column; false: the column's type cannot hold it.
 */
export type Take = (column: ColumnBuffer, view: DataView, from: number, to: number) => boolean;

/** Days and microseconds between 1970, where Parquet counts from, and 2000, where Postgres does. */
const DAYS = 10_957;
const MICROS = 946_684_800_000_000;
const HALF = 0x1_0000_0000;
const MICROS_HIGH = Math.floor(MICROS / HALF);
const MICROS_LOW = MICROS % HALF;
const MOST = 0x7fffffff;
const LEAST = -0x80000000;

/** How the values of a type are taken; null: a type whose values come as text. */
export function takeOf(type: DataType): Take | null {
  switch (type.kind) {
    case 'boolean':
      return (column, view, from) => {
        column.boolean(view.getUint8(from) === 1);
        return true;
      };
    case 'int':
      return (column, view, from) => {
        column.int32(view.getInt32(from));
        return true;
      };
    case 'bigint':
    case 'double':
    case 'time':
      return (column, view, from) => {
        column.reversed64(view, from);
        return true;
      };
    case 'date':
      return date;
    case 'timestamp':
    case 'timestamptz':
      return timestamp;
    case 'decimal':
      return decimal(type.precision, type.scale);
    case 'uuid':
      return (column, view, from) => {
        column.fixed16(view, from);
        return true;
      };
    case 'text':
    case 'json':
    case 'binary':
      return plain;
    default:
      return null;
  }
}

/** Text and bytes as they are. */
export const plain: Take = (column, view, from, to) => {
  column.bytes(view, from, to);
  return true;
};

/** Jsonb has the number of its form before its text. */
export const jsonb: Take = (column, view, from, to) => {
  column.bytes(view, from + 1, to);
  return true;
};

const date: Take = (column, view, from) => {
  const days = view.getInt32(from);
  if (days === MOST) column.int32(INFINITE.days);
  else if (days === LEAST) column.int32(-INFINITE.days);
  else column.int32(days + DAYS);
  return true;
};

const timestamp: Take = (column, view, from) => {
  const high = view.getInt32(from);
  const low = view.getInt32(from + 4);
  if (high === MOST && low === -1) {
    column.int64(INFINITE.micros.high, INFINITE.micros.low);
    return true;
  }
  if (high === LEAST && low === 0) {
    column.int64(INFINITE.minusMicros.high, INFINITE.minusMicros.low);
    return true;
  }
  const sum = (low >>> 0) + MICROS_LOW;
  const over = sum >= HALF ? 1 : 0;
  const top = high + MICROS_HIGH + over;
  // The engine's years end before the server's.
  if (top > MOST || (top === MOST && (sum | 0) === -1)) return false;
  column.int64(top, sum | 0);
  return true;
};

const NEGATIVE = 0x4000;
/** Digits of a numeric come in groups of four. */
const BASE = 10_000;
const GROUP = 4;
/** What a double holds exactly, with room for one more group. */
const EXACT = Math.floor(Number.MAX_SAFE_INTEGER / BASE) - 1;

/** A number of groups of digits as a whole number of the type's last digits. */
function decimal(precision: number, scale: number): Take {
  const wide = precision > 18;
  return (column, view, from) => {
    const groups = view.getInt16(from);
    const weight = view.getInt16(from + 2);
    const sign = view.getInt16(from + 4);
    // What is neither positive nor negative is no number, or infinite.
    if (sign !== 0 && sign !== NEGATIVE) return false;
    const shift = groups === 0 ? 0 : scale - GROUP * (groups - weight - 1);
    let value = 0;
    for (let i = 0; i < groups && value <= EXACT; i++) value = value * BASE + view.getInt16(from + 8 + i * 2);
    const power = 10 ** Math.abs(shift);
    const small = value <= EXACT && (shift <= 0 || (shift < 15 && value * power <= EXACT));
    if (!small || wide) {
      const big = bigDecimal(view, from + 8, groups, shift);
      const signed = sign === NEGATIVE ? -big : big;
      if (wide) column.big128(signed);
      else column.big(signed);
      return true;
    }
    // Digits beyond the scale are zeros.
    const scaled = shift >= 0 ? value * power : value / power;
    column.whole(sign === NEGATIVE ? -scaled : scaled);
    return true;
  };
}

function bigDecimal(view: DataView, at: number, groups: number, shift: number): bigint {
  let value = 0n;
  for (let i = 0; i < groups; i++) value = value * BigInt(BASE) + BigInt(view.getInt16(at + i * 2));
  const power = 10n ** BigInt(Math.abs(shift));
  return shift >= 0 ? value * power : value / power;
}
