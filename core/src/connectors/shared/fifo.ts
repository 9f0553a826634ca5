import { execFile } from 'node:child_process';
import { constants, openSync } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import { Socket } from 'node:net';
import { pipeline } from 'node:stream/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';

/** Makes a named pipe for this user alone; false where the system has none. */
export async function makeFifo(path: string): Promise<boolean> {
  if (process.platform === 'win32') return false;
  return promisify(execFile)('mkfifo', ['-m', '600', path]).then(
    () => true,
    () => false,
  );
}

/**
 * Hands bytes to `read`, which opens `path` once and reads it to its end: a named pipe, so that they never lie on the disk; a file
 * where the system has no pipes. Where `read` fails its error is thrown and the rest of `source` is not asked for; where
 * `source` fails its error is, and what was read so far is to be thrown away.
 */
export async function throughPipe<T>(
  path: string,
  source: AsyncIterable<Uint8Array>,
  read: () => Promise<T>,
): Promise<T> {
  try {
    if (await makeFifo(path)) return await piped(path, source, read());
    // Open before anything can fail, or it would be made after it was removed.
    const out = await open(path, 'w');
    await pipeline(source, out.createWriteStream());
    return await read();
  } finally {
    await rm(path, { force: true });
  }
}

async function piped<T>(path: string, source: AsyncIterable<Uint8Array>, reading: Promise<T>): Promise<T> {
  let settled = false;
  const settle = () => {
    settled = true;
  };
  const end = reading.then(settle, settle);
  const fd = await openEnd(path, () => settled);
  if (fd === null) return reading;
  const sink = new Socket({ fd, readable: false, writable: true });
  // A reader that stopped early breaks the pipe; its own error says why.
  sink.on('error', () => undefined);
  let failure: { error: unknown } | null = null;
  try {
    for await (const chunk of source) {
      if (settled) break;
      await Promise.race([written(sink, chunk), end]);
    }
  } catch (error) {
    failure = { error };
  }
  sink.destroy();
  if (!failure) return reading;
  await end;
  throw failure.error;
}

/** A reader that is about to open the pipe waits in the system for this end: until it does, there is nothing to open. */
async function openEnd(path: string, settled: () => boolean): Promise<number | null> {
  for (;;) {
    try {
      return openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENXIO') throw error;
    }
    if (settled()) return null;
    await pause(1);
  }
}

function written(sink: Socket, chunk: Uint8Array): Promise<void> {
  return new Promise((resolve) => sink.write(chunk, () => resolve()));
}
