import type { Split, TaskLog } from '../model/component.ts';
import { SluiceError } from '../model/error.ts';
import type { Stream } from '../model/job.ts';
import type { FileIdentity } from '../model/run.ts';

/** A worker more is worth its start from about this much input on. */
const BYTES_PER_WORKER = 16_000_000;
export const SAMPLE_FILES = 8;
/** How the mark of a file begins that is a member of an archive. */
export const MEMBER_TAG = 'crc32:';
/** A task needs this much for its buffers alone, whatever it does. */
const MEMORY_PER_TASK = 128_000_000;

/**
 * The splits that the ledger does not know, in the order in which a later one wins: modified time, then path. A known file
 * that changed is read again, left alone or refused, as `incremental.on_change` says. `loaded` is told of those that are unchanged.
 */
export async function newSplits(
  listed: AsyncIterable<Split>,
  ledger: ReadonlyMap<string, FileIdentity>,
  stream: Stream,
  loaded?: (split: Split) => void,
): Promise<Split[]> {
  const onChange = stream.incremental.type === 'files' ? stream.incremental.on_change : 'reload';
  const found: Split[] = [];
  for await (const split of listed) {
    const known = split.file ? ledger.get(split.file.path) : undefined;
    if (!split.file || !known) {
      found.push(split);
      continue;
    }
    if (sameFile(known, split.file)) loaded?.(split);
    if (sameFile(known, split.file) || onChange === 'ignore') continue;
    if (onChange === 'fail') {
      throw new SluiceError(
        'source/file-changed',
        'data',
        `${split.file.path} was loaded before and has changed since`,
        {
          where: { stream: stream.name, path: split.file.path },
          hint: 'Give new data a new file name, set `incremental: {on_change: reload}` or `ignore`, or merge by a key.',
        },
      );
    }
    found.push(split);
  }
  found.sort(byTimeThenPath);
  return found.map((split, ordinal) => ({ ...split, ordinal }));
}

function byTimeThenPath(a: Split, b: Split): number {
  const [ta, tb] = [a.file?.modified_at ?? '', b.file?.modified_at ?? ''];
  if (ta !== tb) return ta < tb ? -1 : 1;
  const [pa, pb] = [a.file?.path ?? '', b.file?.path ?? ''];
  if (pa !== pb) return pa < pb ? -1 : 1;
  return a.ordinal - b.ordinal;
}

/** A member of an archive is the same where its bytes are: the archive's own time says nothing about it. */
export function sameFile(a: FileIdentity, b: FileIdentity): boolean {
  if (a.etag?.startsWith(MEMBER_TAG)) return a.size === b.size && a.etag === b.etag;
  return a.size === b.size && a.etag === b.etag && a.modified_at === b.modified_at;
}

/** Some splits spread over all of them, the first and the last among them. */
export function sampleOf(splits: readonly Split[], most = SAMPLE_FILES): Split[] {
  if (splits.length <= most) return [...splits];
  const step = (splits.length - 1) / (most - 1);
  const picked = new Set(Array.from({ length: most }, (_, i) => Math.round(i * step)));
  return splits.filter((_, i) => picked.has(i));
}

/** The run's workers, cut to the number among which its memory can be divided, and said. */
export function affordable(
  { workers, memory, stream }: { workers: { min: number; max: number }; memory: number; stream: Stream },
  log: TaskLog,
): { min: number; max: number } {
  const most = Math.max(1, Math.floor(memory / MEMORY_PER_TASK));
  if (most < workers.max) {
    const message = `At most ${most} tasks at a time: compute.memory is too small to divide among ${workers.max}`;
    log('info', message, { stream: stream.name });
  }
  return { min: Math.min(workers.min, most), max: Math.min(workers.max, most) };
}

/** Bytes of these splits; null where one of them is unknown. */
export function totalBytes(splits: readonly Split[]): number | null {
  return splits.every((s) => s.bytes !== null) ? splits.reduce((sum, s) => sum + (s.bytes ?? 0), 0) : null;
}

/**
 * Deals splits out to tasks, neighbours together and bytes even. The number of tasks follows the amount of input between
 * `workers.min` and `workers.max`.
 */
export function taskChunks(splits: readonly Split[], workers: { min: number; max: number }): Split[][] {
  const bytes = splits.reduce((sum, s) => sum + (s.bytes ?? BYTES_PER_WORKER), 0);
  const wanted = Math.min(workers.max, Math.max(workers.min, Math.ceil(bytes / BYTES_PER_WORKER)));
  const count = Math.max(1, Math.min(splits.length, wanted));
  const chunks: Split[][] = [];
  let rest = bytes;
  let current: Split[] = [];
  let taken = 0;
  for (const [index, split] of splits.entries()) {
    const share = rest / (count - chunks.length);
    current.push(split);
    taken += split.bytes ?? BYTES_PER_WORKER;
    const left = splits.length - index - 1;
    const tasksLeft = count - chunks.length - 1;
    if (tasksLeft > 0 && (taken >= share || left === tasksLeft)) {
      chunks.push(current);
      rest -= taken;
      current = [];
      taken = 0;
    }
  }
  if (current.length > 0) chunks.push(current);
  return chunks;
}
