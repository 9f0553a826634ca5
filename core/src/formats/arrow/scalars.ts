import { isUtf8 } from 'node:buffer';
import type { DataType as ArrowType, Data } from 'apache-arrow';
import { dayText, momentText, timeText } from '../shared/moments.ts';
import type { Arrow } from './batches.ts';
import { Broken } from './faults.ts';
import { isBytes } from './types.ts';

/** A value that is not null, by its row, as the text that the engine casts to the column's type. */
export type ToText = (row: number) => string;

const DAY_MICROS = 86_400_000_000;
const DAY_MS = 86_400_000n;
/** The engine's last day, and its first and last microsecond. */
const LAST_DAY = 2 ** 31 - 2;
const FIRST_MICRO = -9_223_372_022_400_000_000n;
const LAST_MICRO = 9_223_372_036_854_775_806n;
/** Microseconds of the units second, millisecond, microsecond; a nanosecond is a thousandth of one. */
const MICROS = [1_000_000n, 1000n, 1n] as const;
const NANO = 3;

/** Reads a column without children from a batch's buffers, so that no value goes through a number that cannot hold it. */
export function scalarText(arrow: Arrow, data: Data, uuid: boolean): ToText {
  const { DataType: Is } = arrow;
  const { values } = data;
  const type: ArrowType = data.type;
  if (Is.isBool(type)) return (row) => (((values[row >> 3] ?? 0) >> (row & 7)) & 1 ? 'true' : 'false');
  if (Is.isInt(type)) return (row) => String(values[row]);
  if (Is.isFloat(type)) return floatText(type.precision, values);
  if (Is.isDecimal(type)) return decimalText(values, type.bitWidth / 32, type.scale);
  if (Is.isDate(type))
    return type.unit === arrow.DateUnit.DAY ? (row) => day(Number(values[row])) : (row) => day(wholeDays(values[row]));
  if (Is.isTime(type)) return (row) => time(toMicros(BigInt(values[row]), type.unit));
  if (Is.isTimestamp(type)) {
    const zone = type.timezone ? '+00' : '';
    return (row) => `${moment(toMicros(values[row], type.unit))}${zone}`;
  }
  if (Is.isDuration(type)) return (row) => `PT${seconds(values[row], type.unit)}S`;
  if (Is.isInterval(type)) return intervalText(arrow, type.unit, values);
  const bytes = bytesOf(arrow, data);
  if (uuid) return (row) => hex(bytes(row)).replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
  return isBytes(arrow, type) ? (row) => hex(bytes(row)) : (row) => utf8(bytes(row));
}

function floatText(precision: number, values: ArrayLike<number>): ToText {
  // 0: half precision, whose bits the library keeps as they are.
  const value = precision === 0 ? (row: number) => half(values[row] ?? 0) : (row: number) => values[row] ?? 0;
  return (row) => {
    const number = value(row);
    return Object.is(number, -0) ? '-0.0' : String(number);
  };
}

function half(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25));
}

/** `words` of 32 bits each, the lowest first. */
function decimalText(values: ArrayLike<number>, words: number, scale: number): ToText {
  return (row) => {
    let whole = 0n;
    for (let word = words - 1; word >= 0; word--)
      whole = (whole << 32n) | BigInt((values[row * words + word] as number) >>> 0);
    const value = BigInt.asIntN(words * 32, whole);
    if (scale <= 0) return String(value * 10n ** BigInt(-scale));
    const digits = (value < 0n ? -value : value).toString().padStart(scale + 1, '0');
    return `${value < 0n ? '-' : ''}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
  };
}

function day(days: number): string {
  if (Math.abs(days) > LAST_DAY) throw new Broken('a date is beyond what the engine holds');
  return dayText(days);
}

function wholeDays(value: unknown): number {
  const ms = BigInt(value as bigint);
  if (ms % DAY_MS !== 0n) throw new Broken('a date has a time of day');
  return Number(ms / DAY_MS);
}

function toMicros(value: bigint, unit: number): bigint {
  if (unit !== NANO) return value * (MICROS[unit] ?? 1n);
  if (value % 1000n !== 0n) throw new Broken('a time has digits beyond the microsecond');
  return value / 1000n;
}

function time(micros: bigint): string {
  if (micros < 0n || micros > BigInt(DAY_MICROS)) throw new Broken('a time is beyond the day');
  return timeText(Number(micros));
}

function moment(micros: bigint): string {
  if (micros < FIRST_MICRO || micros > LAST_MICRO) throw new Broken('a timestamp is beyond what the engine holds');
  return momentText(micros);
}

/** Seconds of a count of units (0 s to 3 ns), with their fraction. */
function seconds(value: bigint, unit: number): string {
  const digits = unit * 3;
  const text = (value < 0n ? -value : value).toString().padStart(digits + 1, '0');
  const fraction = text.slice(text.length - digits).replace(/0+$/, '');
  const whole = text.slice(0, text.length - digits);
  return `${value < 0n ? '-' : ''}${whole}${digits > 0 && fraction !== '' ? `.${fraction}` : ''}`;
}

/** ISO 8601, with every part that the unit has. */
function intervalText(arrow: Arrow, unit: number, values: Int32Array): ToText {
  const { IntervalUnit } = arrow;
  const at = (place: number) => values[place] ?? 0;
  if (unit === IntervalUnit.YEAR_MONTH) return (row) => `P${at(row)}M`;
  if (unit === IntervalUnit.DAY_TIME) return (row) => `P${at(row * 2)}DT${seconds(BigInt(at(row * 2 + 1)), 1)}S`;
  return (row) => {
    const nanos = (BigInt(at(row * 4 + 3)) << 32n) | BigInt(at(row * 4 + 2) >>> 0);
    return `P${at(row * 4)}M${at(row * 4 + 1)}DT${seconds(nanos, NANO)}S`;
  };
}

const VIEW = 16;
const INLINE = 12;

function bytesOf(arrow: Arrow, data: Data): (row: number) => Buffer {
  const { DataType: Is } = arrow;
  const { values, valueOffsets, type } = data;
  const all = Buffer.from(values.buffer, values.byteOffset, values.byteLength);
  if (Is.isFixedSizeBinary(type)) return (row) => all.subarray(row * type.byteWidth, (row + 1) * type.byteWidth);
  if (!Is.isUtf8View(type) && !Is.isBinaryView(type))
    return (row) => part(all, Number(valueOffsets[row]), Number(valueOffsets[row + 1]));
  const buffers = data.variadicBuffers.map((b) => Buffer.from(b.buffer, b.byteOffset, b.byteLength));
  return (row) => {
    const at = row * VIEW;
    const size = all.readInt32LE(at);
    if (size <= INLINE) return all.subarray(at + 4, at + 4 + size);
    const from = all.readInt32LE(at + 12);
    return part(buffers[all.readInt32LE(at + 8)] ?? all.subarray(0, 0), from, from + size);
  };
}

function part(bytes: Buffer, from: number, to: number): Buffer {
  if (from < 0 || to < from || to > bytes.length) throw new Broken('a value lies outside of its buffer');
  return bytes.subarray(from, to);
}

function hex(bytes: Buffer): string {
  return bytes.toString('hex');
}

function utf8(bytes: Buffer): string {
  const text = bytes.toString('utf8');
  if (text.includes('\ufffd') && !isUtf8(bytes)) throw new Broken('a text holds bytes that are no UTF-8');
  return text;
}
