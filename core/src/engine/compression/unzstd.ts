import { closeSync, openSync, readSync } from 'node:fs';

const CHUNK = 16 * 1024;
/** No frame is shorter (RFC 8878, 3.1), so that a chunk cannot hold more of them that yield nothing. */
const SHORTEST_FRAME = 8;

/** Thrown for bytes that are damaged (`corrupt`) or end too early (`cut`). */
export class ZstdError extends Error {
  readonly reason: 'cut' | 'corrupt';
  constructor(reason: 'cut' | 'corrupt', message: string) {
    super(message);
    this.reason = reason;
  }
}

/**
 * Yields what the zstd frames of a file unpack to; checksums are verified where frames have them. Reading waits for whoever
 * takes the chunks, so that little of it is in memory. Throws ZstdError.
 */
export async function* unzstd(path: string): AsyncGenerator<Buffer> {
  const { ZSTDDecoder } = await import('zstddec/stream');
  const decoder = new ZSTDDecoder();
  await decoder.init();
  let idle = 0;
  const input = function* (): Generator<Buffer> {
    const descriptor = openSync(path, 'r');
    try {
      for (;;) {
        const chunk = Buffer.allocUnsafe(CHUNK);
        const size = readSync(descriptor, chunk, 0, CHUNK, null);
        if (size === 0) return;
        idle = 0;
        yield chunk.subarray(0, size);
      }
    } finally {
      closeSync(descriptor);
    }
  };
  const output = decoder.decodeStreaming(input());
  for (;;) {
    const step = take(output);
    if (step.done) return;
    if (step.value.length > 0) {
      idle = 0;
      yield Buffer.from(step.value.buffer, step.value.byteOffset, step.value.length);
    } else if (++idle > CHUNK / SHORTEST_FRAME) {
      // The decoder takes no error for an end: it would ask the library about the same bytes for ever.
      output.return(undefined);
      throw new ZstdError('corrupt', 'a frame is damaged, or wants a window of more than 128 MB');
    }
  }
}

function take(output: Generator<Uint8Array>): IteratorResult<Uint8Array> {
  try {
    return output.next();
  } catch (error) {
    if (error instanceof Error && /incomplete/i.test(error.message))
      throw new ZstdError('cut', 'its last frame does not end');
    throw error;
  }
}
