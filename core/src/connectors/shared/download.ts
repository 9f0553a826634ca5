import { createHash } from 'node:crypto';
import { type FileHandle, mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { writeParts } from '../../columnar/write-parts.ts';
import type { Came, LocalFile, Split } from '../../model/component.ts';
import { SluiceError } from '../../model/error.ts';
import { backoff, isLost, pause } from './network.ts';

/** Breaks of one transfer without a byte between them after which it is given up. */
const TRIES = 5;
/** The same for a transfer that ends in peace, but too soon. */
const SHORT_TRIES = 3;
/** Bytes of a transfer that are written at once. */
const GATHERED = 1024 * 1024;

export interface Download {
  split: Split;
  spool: string;
  signal: AbortSignal;
  /** Bytes of the file from `from` on, up to `to` (not included) where it is given; throws or ends early where the connection breaks. */
  read(from: number, to: number | null): AsyncIterable<Uint8Array>;
  /** Turns an error of `read` into what the user is told. */
  explain(error: unknown): Error;
  /** Errors of `read` after which the rest may still be read; those of the network where left out. */
  again?(error: unknown): boolean;
  /** Told of the bytes of each piece. */
  came?: Came | undefined;
  /** Files of more than `above` bytes come in parts of so many bytes, several at a time; left out: in one piece. */
  parts?: { above: number; bytes: number; atOnce: number };
}

/** Where a split lies in the spool: one place for each content, so that a second reading finds it. */
export function spoolPath(split: Split, spool: string): string {
  const { file, detail, ordinal } = split;
  const name = createHash('sha256').update(JSON.stringify(file ?? [ordinal, detail]));
  return join(spool, `got-${name.digest('hex').slice(0, 32)}`);
}

/** A file in the spool under the source's own name. */
export function localFile(split: Split, path: string, size: number): LocalFile {
  const { ordinal, file } = split;
  return { path, name: file?.path ?? path, size, modified_at: file?.modified_at ?? null, ordinal };
}

/**
 * Downloads a split into the spool, unless it is there. A transfer that breaks goes on where it stopped; the file takes its
 * name when all bytes are there. Throws `source/size` where the bytes are not as many as the listing said.
 */
export async function download(job: Download): Promise<LocalFile> {
  const { split, spool } = job;
  const path = spoolPath(split, spool);
  const before = await stat(path).catch(() => null);
  if (before) return localFile(split, path, before.size);
  await mkdir(dirname(path), { recursive: true });
  const part = `${path}.part-${process.pid}-${Math.random().toString(36).slice(2)}`;
  try {
    const size = await transfer(job, part);
    await rename(part, path);
    return localFile(split, path, size);
  } catch (error) {
    await rm(part, { force: true });
    throw error;
  }
}

async function transfer(job: Download, part: string): Promise<number> {
  const expected = job.split.file?.size ?? null;
  const handle = await open(part, 'w');
  try {
    const { head } = job.split;
    if (head !== undefined && expected !== null && expected > head) return await readRange(job, handle, 0, head);
    if (job.parts && expected !== null && expected > job.parts.above) {
      const { bytes, atOnce } = job.parts;
      const ranges = Array.from({ length: Math.ceil(expected / bytes) }, (_, i): [number, number] => [
        i * bytes,
        Math.min(expected, (i + 1) * bytes),
      ]);
      await readRanges(job, handle, ranges, atOnce);
      return expected;
    }
    return await readRange(job, handle, 0, null);
  } finally {
    await handle.close();
  }
}

/** Reads byte ranges to their places in a file, several at a time. The first failure stops the others. */
export async function readRanges(
  job: Omit<Download, 'spool'>,
  handle: FileHandle,
  ranges: readonly [number, number][],
  atOnce: number,
): Promise<void> {
  const left = [...ranges];
  let failed = false;
  const one = async (): Promise<void> => {
    for (let range = left.shift(); range && !failed; range = left.shift()) {
      try {
        await readRange(job, handle, range[0], range[1]);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  const results = await Promise.allSettled(Array.from({ length: Math.min(atOnce, ranges.length) }, one));
  const failure = results.find((result) => result.status === 'rejected');
  if (failure) throw failure.reason;
}

async function readRange(
  job: Omit<Download, 'spool'>,
  handle: FileHandle,
  start: number,
  to: number | null,
): Promise<number> {
  const end = to ?? job.split.file?.size ?? null;
  const again = job.again ?? isLost;
  const file = new Gathered(handle, start);
  for (let idle = 0; ; ) {
    const from = file.end;
    let broken: unknown = null;
    try {
      for await (const chunk of job.read(from, to)) {
        job.signal.throwIfAborted();
        const piece = to === null ? chunk : chunk.subarray(0, to - file.end);
        await file.add(piece);
        job.came?.(piece.length, 0);
        if (to !== null && file.end >= to) break;
      }
      await file.flush();
    } catch (error) {
      if (job.signal.aborted || file.failed || !again(error)) throw job.explain(error);
      broken = error;
    }
    if (broken === null && (end === null || file.end >= end)) break;
    idle = file.end > from ? 1 : idle + 1;
    if (idle >= (broken === null ? SHORT_TRIES : TRIES)) {
      throw broken === null ? wrongSize(job.split, file.end) : job.explain(broken);
    }
    await pause(backoff(idle), job.signal);
  }
  if (end !== null && file.end !== end) throw wrongSize(job.split, file.end);
  return file.end;
}

/** Bytes on their way into a file: a connection gives them in pieces of some kilobytes, and each write costs as much as its bytes. */
class Gathered {
  /** Place behind the last byte that came. */
  end: number;
  /** Whether a write failed, so that bytes before `end` are missing. */
  failed = false;
  readonly #handle: FileHandle;
  #waiting: Uint8Array[] = [];
  #written: number;

  constructor(handle: FileHandle, start: number) {
    this.#handle = handle;
    this.end = start;
    this.#written = start;
  }

  async add(piece: Uint8Array): Promise<void> {
    this.#waiting.push(piece);
    this.end += piece.length;
    if (this.end - this.#written >= GATHERED) await this.flush();
  }

  async flush(): Promise<void> {
    const parts = this.#waiting;
    this.#waiting = [];
    try {
      await writeParts(this.#handle, parts, this.#written);
    } catch (error) {
      this.failed = true;
      throw error;
    }
    this.#written = this.end;
  }
}

/** The error of a file that has other bytes than its listing said. */
export function wrongSize(split: Split, got: number): SluiceError {
  const { path = '', size = 0 } = split.file ?? {};
  return new SluiceError('source/size', 'transient', `${path} has ${size} bytes by its listing, and ${got} came`, {
    where: { path },
    hint: 'Run again; a file that is still being written can be held back with `min_age`.',
  });
}
