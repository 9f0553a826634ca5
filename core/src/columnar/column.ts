import type { DataType } from '../model/type.ts';

/** How values lie in the file: https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift (Type). */
export type Physical = 'boolean' | 'int32' | 'int64' | 'double' | 'bytes' | 'fixed16';

/** What a type's values are written as. Throws for types that are not one value: those come as text. */
export function physicalOf(type: DataType): Physical {
  switch (type.kind) {
    case 'boolean':
      return 'boolean';
    case 'int':
    case 'date':
      return 'int32';
    case 'bigint':
    case 'time':
    case 'timestamp':
    case 'timestamptz':
      return 'int64';
    case 'double':
      return 'double';
    case 'text':
    case 'json':
    case 'binary':
      return 'bytes';
    case 'uuid':
      return 'fixed16';
    case 'decimal':
      return type.precision <= 18 ? 'int64' : 'fixed16';
    default:
      throw new Error(`a ${type.kind} is no plain column`);
  }
}

/** Days and microseconds that the engine takes for dates and times without end; of 64 bits the high and the low half. */
export const INFINITE = {
  days: 0x7fffffff,
  micros: { high: 0x7fffffff, low: -1 },
  minusMicros: { high: -0x80000000, low: 1 },
} as const;

const FIRST_BYTES = 1 << 16;
/** Bytes up to which a value is copied in steps. */
const SHORT = 128;

/** A view of the same bytes: its methods are single instructions. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/**
 * The values of one column of one group of rows, as Parquet's PLAIN encoding has them. Each row is one call of a method that puts
 * a value, or of `none`. Wide values come in halves, because a bigint for each costs more than all the rest.
 */
export class ColumnBuffer {
  readonly physical: Physical;
  rows = 0;
  nulls = 0;
  #bytes: Buffer = Buffer.allocUnsafeSlow(FIRST_BYTES);
  #view: DataView = viewOf(this.#bytes);
  #size = 0;
  /** A bit for each row that has a value. */
  #present: Buffer = Buffer.alloc(FIRST_BYTES / 8);
  /** Booleans are bits, counted apart from the bytes. */
  #bits = 0;

  constructor(physical: Physical) {
    this.physical = physical;
  }

  /** Bytes that the values take. */
  get size(): number {
    return this.physical === 'boolean' ? (this.#bits + 7) >> 3 : this.#size;
  }

  values(): Buffer {
    return this.#bytes.subarray(0, this.size);
  }

  /** A bit for each row, the first in the lowest place; 1: the row has a value. */
  present(): Buffer {
    return this.#present.subarray(0, (this.rows + 7) >> 3);
  }

  clear(): void {
    this.#present.fill(0, 0, (this.rows + 7) >> 3);
    this.rows = 0;
    this.nulls = 0;
    this.#size = 0;
    this.#bits = 0;
  }

  none(): void {
    this.nulls++;
    this.#row(0);
  }

  boolean(value: boolean): void {
    this.#row(1);
    const at = this.#bits++;
    this.#reserve(1 + (at >> 3) - this.#size);
    const mask = 1 << (at & 7);
    const byte = at >> 3;
    const before = (at & 7) === 0 ? 0 : (this.#bytes[byte] as number);
    this.#bytes[byte] = value ? before | mask : before;
  }

  int32(value: number): void {
    this.#row(1);
    this.#reserve(4);
    this.#put32(value);
  }

  /** Halves of a number of 64 bits; of each its lowest 32 bits count. */
  int64(high: number, low: number): void {
    this.#row(1);
    this.#reserve(8);
    this.#put32(low);
    this.#put32(high);
  }

  /** A whole number of at most 53 bits. */
  whole(value: number): void {
    const high = Math.floor(value / 0x1_0000_0000);
    this.int64(high, value - high * 0x1_0000_0000);
  }

  /** Microseconds, as whole seconds and what is beyond them. */
  micros(seconds: number, rest: number): void {
    // A second has 2^6 times 15,625 microseconds: 2^16 seconds are counted by 2^22, so that no step leaves what a double holds.
    const large = Math.floor(seconds / 0x1_0000);
    const units = large * 15_625;
    const high = Math.floor(units / 0x400);
    const low = (units - high * 0x400) * 0x40_0000 + (seconds - large * 0x1_0000) * 1_000_000 + rest;
    const over = Math.floor(low / 0x1_0000_0000);
    this.int64(high + over, low - over * 0x1_0000_0000);
  }

  big(value: bigint): void {
    this.int64(Number(BigInt.asIntN(32, value >> 32n)), Number(BigInt.asIntN(32, value)));
  }

  /** Eight bytes that lie with the highest first. */
  reversed64(source: DataView, at: number): void {
    this.#row(1);
    this.#reserve(8);
    const to = this.#size;
    this.#view.setInt32(to, source.getInt32(at + 4), true);
    this.#view.setInt32(to + 4, source.getInt32(at), true);
    this.#size = to + 8;
  }

  double(value: number): void {
    this.#row(1);
    this.#reserve(8);
    this.#view.setFloat64(this.#size, value, true);
    this.#size += 8;
  }

  /** A text or bytes, with their length before them. */
  bytes(source: DataView, from: number, to: number): void {
    this.#row(1);
    const length = to - from;
    this.#reserve(4 + length);
    this.#put32(length);
    this.#copy(source, from, to);
  }

  text(value: string): void {
    this.#row(1);
    this.#reserve(4 + value.length * 3);
    const length = this.#bytes.write(value, this.#size + 4, 'utf8');
    this.#put32(length);
    this.#size += length;
  }

  /** Sixteen bytes, the highest first. */
  fixed16(source: DataView, from: number): void {
    this.#row(1);
    this.#reserve(16);
    this.#copy(source, from, from + 16);
  }

  /** A whole number of at most 53 bits, in 128. */
  whole128(value: number): void {
    this.#row(1);
    this.#reserve(16);
    const high = Math.floor(value / 0x1_0000_0000);
    const sign = value < 0 ? -1 : 0;
    this.#view.setInt32(this.#size, sign);
    this.#view.setInt32(this.#size + 4, sign);
    this.#view.setInt32(this.#size + 8, high);
    this.#view.setInt32(this.#size + 12, value - high * 0x1_0000_0000);
    this.#size += 16;
  }

  /** A number of 128 bits. */
  big128(value: bigint): void {
    this.#row(1);
    this.#reserve(16);
    this.#bytes.writeBigInt64BE(value >> 64n, this.#size);
    this.#bytes.writeBigUInt64BE(BigInt.asUintN(64, value), this.#size + 8);
    this.#size += 16;
  }

  #row(present: 0 | 1): void {
    const row = this.rows++;
    const byte = row >> 3;
    if (byte >= this.#present.length) {
      this.#present = Buffer.concat([this.#present], this.#present.length * 2);
    }
    this.#present[byte] = (this.#present[byte] as number) | (present << (row & 7));
  }

  #put32(value: number): void {
    this.#view.setInt32(this.#size, value, true);
    this.#size += 4;
  }

  /** A call for each short text costs more than to move its bytes, four at a time. */
  #copy(source: DataView, from: number, to: number): void {
    const length = to - from;
    if (length > SHORT) {
      this.#bytes.set(new Uint8Array(source.buffer, source.byteOffset + from, length), this.#size);
    } else {
      const view = this.#view;
      let at = this.#size;
      let i = from;
      for (; i <= to - 4; i += 4, at += 4) view.setInt32(at, source.getInt32(i, true), true);
      for (; i < to; i++, at++) view.setUint8(at, source.getUint8(i));
    }
    this.#size += length;
  }

  #reserve(more: number): void {
    const needed = this.#size + more;
    if (needed <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(this.#bytes.length * 2, needed));
    this.#bytes.copy(larger, 0, 0, this.physical === 'boolean' ? this.#bytes.length : this.#size);
    this.#bytes = larger;
    this.#view = viewOf(larger);
  }
}
