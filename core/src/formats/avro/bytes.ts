import { isUtf8 } from 'node:buffer';
import { viewOf } from '../../columnar/column.ts';
import { Broken } from './faults.ts';

const HALF = 0x1_0000_0000;
/** A bit in each of four bytes that ASCII leaves out. */
const BEYOND_ASCII = 0x80808080 | 0;

/** Reads the binary encoding of the Avro specification. Throws `Broken` where the bytes end or say nothing. */
export class Bytes {
  at = 0;
  /** Halves of the number that `wide` read; of each its lowest 32 bits count, the higher one has the sign. */
  high = 0;
  low = 0;
  readonly buffer: Buffer;
  readonly view: DataView;

  constructor(buffer: Buffer) {
    this.buffer = buffer;
    this.view = viewOf(buffer);
  }

  byte(): number {
    const value = this.buffer[this.at++];
    if (value === undefined) throw new Broken('it ends in the middle of a value');
    return value;
  }

  /** Reads a zigzag number of up to 64 bits into `high` and `low`: a bigint for each costs more than all the rest. */
  wide(): void {
    let low = 0;
    let high = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.byte();
      const bits = byte & 0x7f;
      if (shift < 28) low |= bits << shift;
      else if (shift === 28) {
        low |= bits << 28;
        high = bits >> 4;
      } else if (shift < 63) high |= bits << (shift - 32);
      else if (byte > 1) throw new Broken('a number has more than 64 bits');
      else high |= bits << 31;
      if (byte < 0x80) break;
    }
    const sign = -(low & 1);
    this.low = ((low >>> 1) | (high << 31)) ^ sign;
    this.high = (high >>> 1) ^ sign;
  }

  /** A zigzag number of up to 64 bits. */
  long(): bigint {
    this.wide();
    return (BigInt(this.high) << 32n) | BigInt(this.low >>> 0);
  }

  /** A count or a length. */
  count(): number {
    const first = this.byte();
    if (first < 0x80) return (first >>> 1) ^ -(first & 1);
    this.at--;
    this.wide();
    const value = this.high * HALF + (this.low >>> 0);
    if (!Number.isSafeInteger(value)) throw new Broken('a length is beyond all bounds');
    return value;
  }

  /** A number as text. */
  integer(): string {
    this.wide();
    const value = this.high * HALF + (this.low >>> 0);
    if (Number.isSafeInteger(value)) return String(value);
    return ((BigInt(this.high) << 32n) | BigInt(this.low >>> 0)).toString();
  }

  /** Goes over bytes and gives the place where they begin. */
  skip(length: number): number {
    const from = this.at;
    if (length < 0 || from + length > this.buffer.length) throw new Broken('it ends in the middle of a value');
    this.at = from + length;
    return from;
  }

  take(length: number): Buffer {
    const from = this.skip(length);
    return this.buffer.subarray(from, from + length);
  }

  block(): Buffer {
    return this.take(this.count());
  }

  /** Goes over a string, which is looked at, and gives the place where it begins; it ends at `at`. */
  string(): number {
    const from = this.skip(this.count());
    if (!this.#isAscii(from) && !isUtf8(this.buffer.subarray(from, this.at)))
      throw new Broken('a string holds bytes that are no UTF-8');
    return from;
  }

  text(): string {
    const from = this.string();
    return this.buffer.toString('utf8', from, this.at);
  }

  /** A call of the runtime for each short text costs more than to look at its bytes, four at a time. */
  #isAscii(from: number): boolean {
    const { view, at: to } = this;
    let found = 0;
    let at = from;
    for (; at <= to - 4; at += 4) found |= view.getInt32(at, true);
    if ((found & BEYOND_ASCII) !== 0) return false;
    for (; at < to; at++) found |= view.getUint8(at);
    return (found & 0x80) === 0;
  }
}
