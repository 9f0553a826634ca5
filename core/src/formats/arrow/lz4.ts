import { Broken } from './faults.ts';

const MAGIC = 0x184d2204;
const SKIPPABLE = 0x184d2a50;
/** A block that is not packed has this bit in its length. */
const PLAIN = 0x80000000;
const SHORTEST_MATCH = 4;

/**
 * Unpacks LZ4 frames (LZ4 Frame Format 1.6.3, LZ4 Block Format). Blocks may refer to the 64 KB before them. Checksums are not
 * verified: Arrow's buffers have lengths of their own. Throws Broken.
 */
export function unlz4(packed: Uint8Array, most: number): Uint8Array {
  const input = new DataView(packed.buffer, packed.byteOffset, packed.length);
  const out = new Output(most);
  try {
    for (let at = 0; at < packed.length; ) {
      const magic = input.getUint32(at, true);
      if ((magic & 0xfffffff0) >>> 0 === SKIPPABLE) at += 8 + input.getUint32(at + 4, true);
      else if (magic === MAGIC) at = frame(packed, input, at + 4, out);
      else throw new Broken('a buffer is no LZ4 frame');
    }
  } catch (error) {
    if (error instanceof RangeError) throw new Broken('an LZ4 frame is cut off');
    throw error;
  }
  return out.bytes.subarray(0, out.size);
}

/** Reads a frame behind its magic number; gives the first byte behind it. */
function frame(packed: Uint8Array, input: DataView, start: number, out: Output): number {
  const flags = input.getUint8(start);
  if (flags >> 6 !== 1) throw new Broken('an LZ4 frame is of another version');
  if ((flags & 1) !== 0) throw new Broken('an LZ4 frame needs a dictionary');
  const blockSum = (flags & 16) !== 0 ? 4 : 0;
  const known = (flags & 8) !== 0;
  if (known) out.reserve(Number(input.getBigUint64(start + 2, true)));
  let at = start + 3 + (known ? 8 : 0);
  for (;;) {
    const length = input.getUint32(at, true);
    at += 4;
    if (length === 0) return at + ((flags & 4) !== 0 ? 4 : 0);
    const size = length & ~PLAIN;
    if (at + size > packed.length) throw new RangeError();
    if ((length & PLAIN) !== 0) out.copy(packed, at, size);
    else block(packed, at, at + size, out);
    at += size + blockSum;
  }
}

/** A block is a series of literals and of matches in what was written before. */
function block(input: Uint8Array, from: number, end: number, out: Output): void {
  let at = from;
  const more = (length: number): number => {
    let sum = length;
    if (length !== 15) return sum;
    for (;;) {
      if (at >= end) throw new RangeError();
      const byte = input[at++] as number;
      sum += byte;
      if (byte !== 255) return sum;
    }
  };
  while (at < end) {
    const token = input[at++] as number;
    const literals = more(token >> 4);
    if (at + literals > end) throw new RangeError();
    out.copy(input, at, literals);
    at += literals;
    if (at === end) return;
    if (at + 2 > end) throw new RangeError();
    const distance = (input[at] as number) | ((input[at + 1] as number) << 8);
    at += 2;
    out.repeat(distance, more(token & 15) + SHORTEST_MATCH);
  }
}

class Output {
  bytes = new Uint8Array(64 * 1024);
  size = 0;
  readonly #most: number;

  constructor(most: number) {
    this.#most = most;
  }

  reserve(more: number): void {
    const needed = this.size + more;
    if (needed > this.#most) throw new Broken(`a buffer unpacks to more than ${this.#most} bytes`);
    if (needed <= this.bytes.length) return;
    const larger = new Uint8Array(Math.min(this.#most, Math.max(this.bytes.length * 2, needed)));
    larger.set(this.bytes.subarray(0, this.size));
    this.bytes = larger;
  }

  copy(input: Uint8Array, at: number, length: number): void {
    this.reserve(length);
    this.bytes.set(input.subarray(at, at + length), this.size);
    this.size += length;
  }

  repeat(distance: number, length: number): void {
    if (distance === 0 || distance > this.size) throw new Broken('an LZ4 block refers to what is not there');
    this.reserve(length);
    const { bytes } = this;
    const end = this.size + length;
    // What is copied may be what this very copy writes.
    for (let at = this.size, from = at - distance; at < end; at++, from++) bytes[at] = bytes[from] as number;
    this.size = end;
  }
}
