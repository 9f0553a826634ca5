import { Readable } from 'node:stream';

/** Thrown for bytes that are damaged (`corrupt`) or end too early (`cut`). */
export class XzError extends Error {
  readonly reason: 'cut' | 'corrupt';
  constructor(reason: 'cut' | 'corrupt', message: string) {
    super(message);
    this.reason = reason;
  }
}

/** What the library says by number (xz_embedded's `enum xz_ret`). */
const UNSUPPORTED = new Set([2, 6]);
const MEMORY = new Set([3, 4]);
const ENDED = 8;

/**
 * Yields what the xz streams of some bytes unpack to, one after another, padding between them left out; the checks CRC32 and CRC64
 * are verified, others refused. Reading waits for whoever takes the chunks. Throws XzError, and what reading throws.
 */
export async function* unxz(bytes: Readable): AsyncGenerator<Buffer> {
  const { XzReadableStream } = (await import('xz-decompress')).default;
  const plain = new XzReadableStream(Readable.toWeb(bytes) as ConstructorParameters<typeof XzReadableStream>[0]);
  try {
    for await (const chunk of Readable.fromWeb(plain as Parameters<typeof Readable.fromWeb>[0]))
      yield Buffer.from(chunk);
  } catch (error) {
    throw known(error) ?? error;
  } finally {
    bytes.destroy();
  }
}

function known(error: unknown): XzError | null {
  const found = /failed with error code (\d+)/.exec(error instanceof Error ? error.message : '')?.[1];
  if (found === undefined) return null;
  const code = Number(found);
  if (code === ENDED) return new XzError('cut', 'its last stream does not end');
  if (UNSUPPORTED.has(code))
    return new XzError('corrupt', 'it has a check or a filter that is not read: write it with `xz --check=crc64`');
  return new XzError('corrupt', MEMORY.has(code) ? 'it wants more memory than it may have' : 'a block is damaged');
}
