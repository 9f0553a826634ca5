import { type FileHandle, open } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { inflateRawSync } from 'node:zlib';
import { bunzip } from '../../engine/compression/bunzip.ts';
import { unxz } from '../../engine/compression/unxz.ts';
import type { LocalFile } from '../../model/component.ts';
import { messageOf, SluiceError } from '../../model/error.ts';
import { Bytes } from './bytes.ts';
import { Broken, unreadable } from './faults.ts';
import { unsnappy } from './snappy.ts';

/** The head of an object container file. */
export interface Head {
  schema: unknown;
  codec: string;
  sync: Buffer;
  /** Where the first block begins. */
  end: number;
}

const MAGIC = Buffer.from('Obj\x01', 'latin1');
const FIRST_READ = 64 * 1024;
const LONGEST_HEAD = 16 * 1024 * 1024;
/** Bytes of one block, packed or not: it is read whole. */
const LONGEST_BLOCK = 256 * 1024 * 1024;
const SYNC = 16;
const READ_AHEAD = 1024 * 1024;

const CODECS: Readonly<Record<string, (packed: Buffer) => Buffer | Promise<Buffer>>> = {
  null: (packed) => packed,
  deflate: (packed) => inflateRawSync(packed, { maxOutputLength: LONGEST_BLOCK }),
  snappy: (packed) => unsnappy(packed, LONGEST_BLOCK),
  zstandard: async (packed) => {
    const { ZSTDDecoder } = await import('zstddec/stream');
    const decoder = new ZSTDDecoder();
    await decoder.init();
    return gathered(decoder.decodeStreaming([packed]));
  },
  bzip2: (packed) => gathered(bunzip(Readable.from([packed]))),
  xz: (packed) => gathered(unxz(Readable.from([packed]))),
};

async function gathered(pieces: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Buffer[] = [];
  let size = 0;
  for await (const piece of pieces) {
    size += piece.length;
    if (size > LONGEST_BLOCK) throw new Broken(`a block is longer than ${LONGEST_BLOCK} bytes`);
    all.push(Buffer.from(piece));
  }
  return Buffer.concat(all);
}

/** Reads schema and codec. Throws `format/unreadable` and, for a codec that is not known, `format/codec`. */
export async function readHead(file: LocalFile): Promise<Head> {
  const handle = await opened(file);
  try {
    for (let size = FIRST_READ; ; size *= 8) {
      const bytes = await readAt(handle, 0, size);
      if (!bytes.subarray(0, 4).equals(MAGIC)) throw unreadable(file, 0, 'it is no Avro file');
      try {
        return parseHead(file, bytes);
      } catch (error) {
        if (!(error instanceof Broken)) throw error;
        if (bytes.length < size || size > LONGEST_HEAD) throw unreadable(file, bytes.length, error.message, error);
      }
    }
  } finally {
    await handle.close();
  }
}

function parseHead(file: LocalFile, buffer: Buffer): Head {
  const bytes = new Bytes(buffer);
  bytes.at = MAGIC.length;
  const meta = new Map<string, Buffer>();
  for (;;) {
    const count = bytes.count();
    if (count === 0) break;
    if (count < 0) bytes.count();
    for (let i = 0; i < Math.abs(count); i++) meta.set(bytes.text(), bytes.block());
  }
  const sync = Buffer.from(bytes.take(SYNC));
  const codec = meta.get('avro.codec')?.toString('utf8') ?? 'null';
  if (!Object.hasOwn(CODECS, codec)) {
    throw new SluiceError('format/codec', 'config', `${file.name} is packed by ${codec}, which cannot be read`, {
      where: { path: file.name },
      hint: `Write it with one of ${Object.keys(CODECS).join(', ')}.`,
    });
  }
  let schema: unknown;
  try {
    schema = JSON.parse(meta.get('avro.schema')?.toString('utf8') ?? '');
  } catch (cause) {
    throw unreadable(file, 0, 'its schema is no JSON', cause);
  }
  return { schema, codec, sync, end: bytes.at };
}

/** The blocks of a file, one at a time, unpacked. Throws `format/unreadable` with the place of a block that is cut off or broken. */
export async function* readBlocks(
  file: LocalFile,
  head: Head,
): AsyncGenerator<{ count: number; bytes: Buffer; at: number; packed: number }> {
  const handle = await opened(file);
  const unpack = CODECS[head.codec] as (packed: Buffer) => Buffer | Promise<Buffer>;
  try {
    const { size } = await handle.stat();
    const read = windowed(handle);
    for (let at = head.end; at < size; ) {
      const start = await read(at, 20);
      try {
        const lengths = new Bytes(start);
        const count = lengths.count();
        const length = lengths.count();
        if (count < 0 || length < 0 || length > LONGEST_BLOCK) throw new Broken('the length of a block is impossible');
        const packed = await read(at + lengths.at, length + SYNC);
        if (packed.length < length + SYNC) throw new Broken('it is cut off in the middle of a block');
        if (!packed.subarray(length).equals(head.sync))
          throw new Broken('a block does not end with the mark of the file');
        yield { count, bytes: await unpack(packed.subarray(0, length)), at, packed: length };
        at += lengths.at + length + SYNC;
      } catch (error) {
        if (error instanceof SluiceError) throw error;
        throw unreadable(file, at, messageOf(error), error);
      }
    }
  } finally {
    await handle.close();
  }
}

async function opened(file: LocalFile): Promise<FileHandle> {
  return open(file.path, 'r').catch((cause: unknown) => {
    throw new SluiceError('format/unreadable', 'transient', `${file.name} cannot be read: ${String(cause)}`, {
      where: { path: file.name },
      cause,
    });
  });
}

/** Reads ahead, since most blocks are a few thousand bytes; fewer bytes than asked for are the file's last. */
function windowed(handle: FileHandle): (at: number, length: number) => Promise<Buffer> {
  let window: Buffer = Buffer.alloc(0);
  let start = 0;
  return async (at, length) => {
    if (at + length > start + window.length) {
      window = await readAt(handle, at, Math.max(length, READ_AHEAD));
      start = at;
    }
    return window.subarray(at - start, at - start + length);
  };
}

async function readAt(handle: FileHandle, at: number, length: number): Promise<Buffer> {
  const { size } = await handle.stat();
  const buffer = Buffer.allocUnsafe(Math.min(length, Math.max(0, size - at)));
  let filled = 0;
  while (filled < buffer.length) {
    const { bytesRead } = await handle.read(buffer, filled, buffer.length - filled, at + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return buffer.subarray(0, filled);
}
