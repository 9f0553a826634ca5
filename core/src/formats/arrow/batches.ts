import { createReadStream } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import type { RecordBatch, RecordBatchReader, Schema } from 'apache-arrow';
import type { LocalFile } from '../../model/component.ts';
import { messageOf, SluiceError } from '../../model/error.ts';
import { Broken, unreadable } from './faults.ts';
import { unlz4 } from './lz4.ts';

export type Arrow = typeof import('apache-arrow');

/** The file format begins and ends so; the stream format does not. */
const MAGIC = 'ARROW1';
const FEATHER_1 = 'FEA1';
/** What one buffer of a batch may unpack to. */
const LONGEST_BUFFER = 2 ** 31 - 1;

let loaded: Promise<Arrow> | null = null;

/** The library, with the codecs of compressed batches. */
export function arrowLibrary(): Promise<Arrow> {
  loaded ??= load();
  return loaded;
}

async function load(): Promise<Arrow> {
  const [arrow, { ZSTDDecoder }] = await Promise.all([import('apache-arrow'), import('zstddec/stream')]);
  const zstd = new ZSTDDecoder();
  await zstd.init();
  arrow.compressionRegistry.set(arrow.CompressionType.ZSTD, { decode: (packed) => gathered(zstd, packed) });
  arrow.compressionRegistry.set(arrow.CompressionType.LZ4_FRAME, { decode: (packed) => unlz4(packed, LONGEST_BUFFER) });
  return arrow;
}

function gathered(zstd: { decodeStreaming(pieces: Uint8Array[]): Iterable<Uint8Array> }, packed: Uint8Array): Buffer {
  const pieces: Buffer[] = [];
  let size = 0;
  for (const piece of zstd.decodeStreaming([packed])) {
    size += piece.length;
    if (size > LONGEST_BUFFER) throw new Broken(`a buffer unpacks to more than ${LONGEST_BUFFER} bytes`);
    pieces.push(Buffer.from(piece));
  }
  return Buffer.concat(pieces, size);
}

export interface OpenFile {
  schema: Schema;
  /** One after the other, so that no more than one is in memory; `bytes` of the file that were read for it, about. */
  batches(): AsyncGenerator<{ batch: RecordBatch; bytes: number }>;
  close(): Promise<void>;
}

/** Opens a file of the file format or of the stream format, by its first bytes. Throws `format/unreadable`. */
export async function openFile(file: LocalFile): Promise<OpenFile> {
  const handle = await open(file.path, 'r').catch((cause: unknown) => {
    throw new SluiceError('format/unreadable', 'transient', `${file.name} cannot be read: ${String(cause)}`, {
      where: { path: file.name },
      cause,
    });
  });
  try {
    const opened = (await isFileFormat(file, handle)) ? await fileReader(handle) : await streamReader(file);
    const { reader, read } = opened;
    await reader.open();
    const { schema } = reader;
    if (!schema) throw new Broken('it holds no schema');
    return {
      schema,
      batches: () => batchesOf(file, reader, read),
      close: async () => {
        await reader.cancel();
        await handle.close().catch(() => undefined);
      },
    };
  } catch (error) {
    await handle.close().catch(() => undefined);
    throw error instanceof SluiceError ? error : unreadable(file, reasonOf(error), error);
  }
}

interface Opened {
  reader: RecordBatchReader;
  /** Bytes that were read since this was asked last. */
  read(): number;
}

async function fileReader(handle: FileHandle): Promise<Opened> {
  const { RecordBatchReader } = await arrowLibrary();
  const { size } = await handle.stat();
  const reader = await RecordBatchReader.from(handle);
  return { reader, read: () => size / Math.max(1, reader.numRecordBatches) };
}

async function streamReader(file: LocalFile): Promise<Opened> {
  const { RecordBatchReader } = await arrowLibrary();
  let bytes = 0;
  const pieces = async function* () {
    for await (const piece of createReadStream(file.path, { highWaterMark: 1024 * 1024 })) {
      bytes += (piece as Buffer).length;
      yield piece as Buffer;
    }
  };
  const reader = await RecordBatchReader.from(pieces());
  return {
    reader,
    read: () => {
      const before = bytes;
      bytes = 0;
      return before;
    },
  };
}

async function* batchesOf(
  file: LocalFile,
  reader: RecordBatchReader,
  read: () => number,
): AsyncGenerator<{ batch: RecordBatch; bytes: number }> {
  for (;;) {
    let next: IteratorResult<RecordBatch>;
    try {
      next = await reader.next();
    } catch (error) {
      throw unreadable(file, reasonOf(error), error);
    }
    if (next.done) return;
    yield { batch: next.value, bytes: read() };
  }
}

/** Throws where a file is neither of the two. */
async function isFileFormat(file: LocalFile, handle: FileHandle): Promise<boolean> {
  const { size } = await handle.stat();
  if (size === 0) throw unreadable(file, 'it is empty');
  const head = await textAt(handle, 0, MAGIC.length);
  if (head.startsWith(FEATHER_1)) throw unreadable(file, 'it is Feather of version 1, which is not read');
  if (head !== MAGIC) {
    if (head.startsWith('\xff\xff\xff\xff') || isOldStream(head, size)) return false;
    throw unreadable(file, 'it is no Arrow file and no Arrow stream');
  }
  const tail = await textAt(handle, Math.max(0, size - MAGIC.length), MAGIC.length);
  if (size < 24 || tail !== MAGIC)
    throw unreadable(file, 'its end is missing: it was cut off or is still being written');
  return true;
}

/** Before version 0.15 a message began with its length alone; a schema is short. */
function isOldStream(head: string, size: number): boolean {
  const length = Buffer.from(head, 'latin1').readInt32LE(0);
  return length > 0 && length < Math.min(size, 16 * 1024 * 1024);
}

async function textAt(handle: FileHandle, at: number, length: number): Promise<string> {
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, at);
  return buffer.toString('latin1', 0, bytesRead).padEnd(4, '\0');
}

function reasonOf(error: unknown): string {
  const text = messageOf(error).split('\n')[0] ?? '';
  return /^Expected to read|Invalid|out of bounds|undefined|null/.test(text)
    ? `it is cut off or damaged (${text})`
    : text;
}
