/**
 * Unpacks bzip2: several streams one after the other, each with its blocks' checksums and its own. No library that is looked
 * after does this. The format's only description is its reference implementation (https://sourceware.org/bzip2/); the one by
 * Joe Tsai is fuller (https://github.com/dsnet/compress/blob/master/doc/bzip2-format.pdf).
 */

const BLOCK = 0x314159265359;
const END = 0x177245385090;
const SYMBOLS_A_TABLE = 50;
const LONGEST_CODE = 20;
/** More than the longest block takes: 900,000 symbols of 20 bits and the tables. */
const LONGEST_BLOCK = 3_000_000;

/** Thrown for bytes that are damaged (`corrupt`) or end too early (`cut`). */
export class BunzipError extends Error {
  readonly reason: 'cut' | 'corrupt';
  constructor(reason: 'cut' | 'corrupt', message: string) {
    super(message);
    this.reason = reason;
  }
}

function corrupt(what: string): BunzipError {
  return new BunzipError('corrupt', what);
}

/** Yields what compressed bytes unpack to, a block at a time. Throws BunzipError. */
export async function* bunzip(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const bits = new Bits(chunks);
  let streams = 0;
  for (;;) {
    await bits.fill(LONGEST_BLOCK);
    if (bits.atEnd()) break;
    yield* stream(bits);
    bits.align();
    streams++;
  }
  if (streams === 0) throw new BunzipError('cut', 'there is nothing');
}

async function* stream(bits: Bits): AsyncGenerator<Buffer> {
  if (bits.read(24) !== 0x425a68) throw corrupt('what follows a stream is none');
  const level = bits.read(8) - 0x30;
  if (level < 1 || level > 9) throw corrupt('no such block size');
  const size = level * 100_000;
  const block = new Block(size);
  let combined = 0;
  for (;;) {
    await bits.fill(LONGEST_BLOCK);
    const magic = bits.read(24) * 0x1000000 + bits.read(24);
    const crc = bits.read32();
    if (magic === END) {
      if (crc !== combined) throw corrupt('the checksum of a stream does not fit');
      return;
    }
    if (magic !== BLOCK) throw corrupt('a block does not begin where it should');
    const bytes = block.decode(bits);
    if (crcOf(bytes) !== crc) throw corrupt('the checksum of a block does not fit');
    combined = (((combined << 1) | (combined >>> 31)) ^ crc) >>> 0;
    yield bytes;
  }
}

/** Bits of bytes that arrive in chunks, the most significant one first. */
class Bits {
  readonly #chunks: AsyncIterator<Buffer>;
  #bytes: Buffer = Buffer.alloc(0);
  #at = 0;
  #held = 0;
  #count = 0;
  #done = false;

  constructor(chunks: AsyncIterable<Buffer>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  /** Waits until so many bytes are at hand, or all that there are. */
  async fill(bytes: number): Promise<void> {
    const parts = [this.#bytes.subarray(this.#at)];
    let size = parts[0]?.length ?? 0;
    if (this.#done || size >= bytes) return;
    while (size < bytes && !this.#done) {
      const { value, done } = await this.#chunks.next();
      if (done === true) this.#done = true;
      else {
        parts.push(value);
        size += value.length;
      }
    }
    this.#bytes = Buffer.concat(parts);
    this.#at = 0;
  }

  atEnd(): boolean {
    return this.#count < 8 && this.#at >= this.#bytes.length;
  }

  align(): void {
    this.#count -= this.#count % 8;
  }

  bit(): number {
    return this.read(1);
  }

  /** At most 24 bits. */
  read(count: number): number {
    while (this.#count < count) {
      if (this.#at >= this.#bytes.length) throw new BunzipError('cut', 'the bytes end amid a block');
      this.#held = ((this.#held << 8) | (this.#bytes[this.#at++] as number)) >>> 0;
      this.#count += 8;
    }
    this.#count -= count;
    return (this.#held >>> this.#count) & ((1 << count) - 1);
  }

  read32(): number {
    return (this.read(16) * 0x10000 + this.read(16)) >>> 0;
  }
}

interface Code {
  shortest: number;
  /** By length: the greatest code of it, -1 where none is so long. */
  limit: Int32Array;
  base: Int32Array;
  symbols: Uint16Array;
}

/** Room for one block, used again for each. */
class Block {
  readonly #size: number;
  readonly #next: Uint32Array;

  constructor(size: number) {
    this.#size = size;
    this.#next = new Uint32Array(size);
  }

  decode(bits: Bits): Buffer {
    // Old versions could shuffle a block; none has written one for decades.
    if (bits.bit() === 1) throw corrupt('a block is shuffled, which is not read');
    const origin = bits.read(24);
    const used = readUsed(bits);
    const counts = new Uint32Array(256);
    const length = this.#symbols(bits, used, counts);
    if (origin >= length) throw corrupt('a block points beyond itself');
    return this.#unsort(origin, length, counts);
  }

  /** Huffman codes, move-to-front and run lengths; gives the number of bytes and counts each one. */
  #symbols(bits: Bits, used: number[], counts: Uint32Array): number {
    const end = used.length + 1;
    const selectors = readSelectors(bits);
    const codes = Array.from({ length: selectors.codes }, () => readCode(bits, used.length + 2));
    const front = Uint8Array.from(used);
    let length = 0;
    let run = 0;
    let weight = 1;
    for (let group = 0; ; group++) {
      const code = codes[selectors.order[group] ?? -1];
      if (!code) throw corrupt('a block has more symbols than tables for them');
      for (let i = 0; i < SYMBOLS_A_TABLE; i++) {
        const symbol = readSymbol(bits, code);
        if (symbol < 2) {
          if (weight > this.#size) throw corrupt('a run is too long');
          run += weight << symbol;
          weight *= 2;
          continue;
        }
        if (run > 0) {
          length = this.#put(front[0] as number, run, length, counts);
          run = 0;
          weight = 1;
        }
        if (symbol === end) return length;
        const at = symbol - 1;
        const byte = front[at] as number;
        front.copyWithin(1, 0, at);
        front[0] = byte;
        length = this.#put(byte, 1, length, counts);
      }
    }
  }

  #put(byte: number, times: number, at: number, counts: Uint32Array): number {
    if (at + times > this.#size) throw corrupt('a block is longer than it may be');
    this.#next.fill(byte, at, at + times);
    counts[byte] = (counts[byte] as number) + times;
    return at + times;
  }

  /** Undoes the sorting (Burrows-Wheeler) and the runs of four that were shortened before it. */
  #unsort(origin: number, length: number, counts: Uint32Array): Buffer {
    const next = this.#next;
    let sum = 0;
    for (let byte = 0; byte < 256; byte++) {
      const count = counts[byte] as number;
      counts[byte] = sum;
      sum += count;
    }
    for (let i = 0; i < length; i++) {
      const byte = (next[i] as number) & 0xff;
      const at = counts[byte] as number;
      counts[byte] = at + 1;
      next[at] = ((next[at] as number) | (i << 8)) >>> 0;
    }
    let out = Buffer.allocUnsafe(length * 2);
    let size = 0;
    let at = (next[origin] as number) >>> 8;
    let last = -1;
    let alike = 0;
    for (let i = 0; i < length; i++) {
      const entry = next[at] as number;
      const byte = entry & 0xff;
      at = entry >>> 8;
      if (size + 256 > out.length) out = Buffer.concat([out, Buffer.allocUnsafe(out.length)]);
      if (alike === 4) {
        out.fill(last, size, size + byte);
        size += byte;
        alike = 0;
        last = -1;
        continue;
      }
      alike = byte === last ? alike + 1 : 1;
      last = byte;
      out[size++] = byte;
    }
    return out.subarray(0, size);
  }
}

/** Bytes that the block holds, in order. */
function readUsed(bits: Bits): number[] {
  const ranges = bits.read(16);
  const used: number[] = [];
  for (let range = 0; range < 16; range++) {
    if ((ranges & (0x8000 >>> range)) === 0) continue;
    const members = bits.read(16);
    for (let i = 0; i < 16; i++) if ((members & (0x8000 >>> i)) !== 0) used.push(range * 16 + i);
  }
  if (used.length === 0) throw corrupt('a block holds no byte');
  return used;
}

function readSelectors(bits: Bits): { codes: number; order: Uint8Array } {
  const codes = bits.read(3);
  const count = bits.read(15);
  if (codes < 2 || codes > 6 || count < 1) throw corrupt('a block has no such number of tables');
  const front = [0, 1, 2, 3, 4, 5].slice(0, codes);
  const order = new Uint8Array(count);
  for (let i = 0; i < count; i++) {
    let at = 0;
    while (bits.bit() === 1) if (++at >= codes) throw corrupt('there is no such table');
    const [code = 0] = front.splice(at, 1);
    front.unshift(code);
    order[i] = code;
  }
  return { codes, order };
}

function readCode(bits: Bits, symbols: number): Code {
  const lengths = new Uint8Array(symbols);
  let length = bits.read(5);
  for (let i = 0; i < symbols; i++) {
    for (;;) {
      if (length < 1 || length > LONGEST_CODE) throw corrupt('no code is so long');
      if (bits.bit() === 0) break;
      length += bits.bit() === 0 ? 1 : -1;
    }
    lengths[i] = length;
  }
  const limit = new Int32Array(LONGEST_CODE + 2).fill(-1);
  const base = new Int32Array(LONGEST_CODE + 2);
  const ordered = new Uint16Array(symbols);
  let code = 0;
  let place = 0;
  for (let size = 1; size <= LONGEST_CODE; size++) {
    base[size] = place - code;
    for (let i = 0; i < symbols; i++) {
      if (lengths[i] !== size) continue;
      ordered[place++] = i;
      limit[size] = code++;
    }
    code <<= 1;
  }
  return { shortest: Math.min(...lengths), limit, base, symbols: ordered };
}

function readSymbol(bits: Bits, code: Code): number {
  let length = code.shortest;
  let value = bits.read(length);
  while (value > (code.limit[length] as number)) {
    if (++length > LONGEST_CODE) throw corrupt('there is no such code');
    value = (value << 1) | bits.bit();
  }
  const symbol = code.symbols[value + (code.base[length] as number)];
  if (symbol === undefined) throw corrupt('there is no such symbol');
  return symbol;
}

const CRC = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 24;
  for (let i = 0; i < 8; i++) crc = crc < 0 ? (crc << 1) ^ 0x04c11db7 : crc << 1;
  return crc >>> 0;
});

function crcOf(bytes: Buffer): number {
  let crc = 0xffffffff;
  for (let i = 0; i < bytes.length; i++)
    crc = (crc << 8) ^ (CRC[((crc >>> 24) ^ (bytes[i] as number)) & 0xff] as number);
  return ~crc >>> 0;
}
