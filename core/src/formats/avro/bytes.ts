import { isUtf8 } from 'node:buffer';
import { Broken } from './faults.ts';

/** Reads the binary encoding of the Avro specification. Throws `Broken` where the bytes end or say nothing. */
export class Bytes {
  at = 0;
  readonly buffer: Buffer;

  constructor(buffer: Buffer) {
    this.buffer = buffer;
  }

  byte(): number {
    const value = this.buffer[this.at++];
    if (value === undefined) throw new Broken('it ends in the middle of a value');
    return value;
  }

  /** A zigzag number of up to 64 bits. */
  long(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.byte();
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asIntN(64, (value >> 1n) ^ -(value & 1n));
    }
    throw new Broken('a number has more than ten bytes');
  }

  /** A number as text; short ones without a detour. */
  integer(): string {
    const start = this.at;
    let value = 0;
    for (let factor = 1; factor <= 2 ** 35; factor *= 128) {
      const byte = this.byte();
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return String(value % 2 === 0 ? value / 2 : -(value + 1) / 2);
    }
    this.at = start;
    return this.long().toString();
  }

  /** A count or a length. */
  count(): number {
    const value = Number(this.integer());
    if (!Number.isSafeInteger(value)) throw new Broken('a length is beyond all bounds');
    return value;
  }

  take(length: number): Buffer {
    if (length < 0 || this.at + length > this.buffer.length) throw new Broken('it ends in the middle of a value');
    this.at += length;
    return this.buffer.subarray(this.at - length, this.at);
  }

  block(): Buffer {
    return this.take(this.count());
  }

  text(): string {
    const bytes = this.block();
    if (!isUtf8(bytes)) throw new Broken('a string holds bytes that are no UTF-8');
    return bytes.toString('utf8');
  }
}
