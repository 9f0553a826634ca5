import { crc32 } from 'node:zlib';
import { Broken } from './faults.ts';

/**
 * Unpacks a block of raw Snappy (the format description of google/snappy) with the checksum that Avro puts behind it. Throws
 * `Broken`.
 */
export function unsnappy(input: Buffer, most: number): Buffer {
  const end = input.length - 4;
  let at = 0;
  const next = (): number => {
    if (at >= end) throw new Broken('a snappy block ends too early');
    return input[at++] as number;
  };
  const number = (bytes: number): number => {
    let value = 0;
    for (let i = 0; i < bytes; i++) value += next() * 256 ** i;
    return value;
  };
  let size = 0;
  for (let factor = 1; ; factor *= 128) {
    const byte = next();
    size += (byte & 127) * factor;
    if (byte < 128) break;
    if (factor > 2 ** 28) throw new Broken('a snappy block has no length');
  }
  if (size > most) throw new Broken(`a block is longer than ${most} bytes`);
  const out = Buffer.alloc(size);
  let done = 0;
  while (at < end) {
    const tag = next();
    const kind = tag & 3;
    if (kind === 0) {
      const short = tag >> 2;
      const length = (short < 60 ? short : number(short - 59)) + 1;
      if (at + length > end || done + length > size) throw new Broken('a snappy block is damaged');
      input.copy(out, done, at, at + length);
      at += length;
      done += length;
      continue;
    }
    const length = kind === 1 ? ((tag >> 2) & 7) + 4 : (tag >> 2) + 1;
    const offset = kind === 1 ? (tag >> 5) * 256 + next() : number(kind === 2 ? 2 : 4);
    if (offset === 0 || offset > done || done + length > size) throw new Broken('a snappy block is damaged');
    for (let i = 0; i < length; i++, done++) out[done] = out[done - offset] as number;
  }
  if (done !== size || end < 0 || crc32(out) !== input.readUInt32BE(end)) {
    throw new Broken('the checksum of a snappy block is wrong');
  }
  return out;
}
