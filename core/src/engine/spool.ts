import { rm } from 'node:fs/promises';
import { join, sep } from 'node:path';
import type { Engine, LocalFile, SourceSession, Split } from '../model/component.ts';
import type { Stream } from '../model/job.ts';
import type { JsonObject } from '../model/json.ts';
import { plainFile, sourceSplit } from './archives.ts';
import type { PartsFetcher } from './parts.ts';

/** Downloads that lie on the disk together, as a part of the task's memory: while one batch is read the next one comes in. */
const BATCH_SHARE = 0.25;
const LEAST_BATCH = 16_000_000;
/** Taken for a split of unknown size. */
const UNKNOWN_BYTES = 16_000_000;

/** The folder of a stream's downloads in the spool of its run. */
export function spoolFolder(spool: string, stream: Pick<Stream, 'name'>): string {
  return join(spool, 'files', stream.name.replaceAll(/[^\w.-]/g, '_'));
}

/** Removes a stream's downloads: the other streams of the run need the disk. */
export async function clearSpool(spool: string, stream: Pick<Stream, 'name'>): Promise<void> {
  await rm(spoolFolder(spool, stream), { recursive: true, force: true }).catch(() => undefined);
}

export interface Fetching {
  session: SourceSession;
  folder: string;
  /** Settings of the source. */
  settings: JsonObject;
  /** For formats that need only parts of a file. */
  parts?: PartsFetcher;
  signal: AbortSignal;
  /** For a source of columns to write with. */
  engine: Engine;
}

/**
 * Splits as the task reads them, in order: all at once where they lie on this machine or are few enough to lie on the disk
 * together, else in batches.
 */
export function batchesOf(splits: readonly Split[], transfers: number | undefined, memory: number): Split[][] {
  if (transfers === undefined) return [[...splits]];
  const most = Math.max(LEAST_BATCH, memory * BATCH_SHARE);
  const batches: Split[][] = [];
  let size = Number.POSITIVE_INFINITY;
  for (const split of splits) {
    const bytes = split.bytes ?? UNKNOWN_BYTES;
    if (size + bytes > most) {
      batches.push([]);
      size = 0;
    }
    batches.at(-1)?.push(split);
    size += bytes;
  }
  return batches;
}

/**
 * Makes splits readable, several at a time; the files come in the order of the splits, and `came` is told of each when it is there.
 * The first failure stops the rest.
 */
export async function fetchAll(
  work: Fetching,
  splits: readonly Split[],
  came: (index: number, file: LocalFile) => void = () => undefined,
): Promise<LocalFile[]> {
  const files: LocalFile[] = [];
  const fetched = new Map<string, Promise<LocalFile>>();
  // Members of one archive share its download.
  const fetch = (split: Split): Promise<LocalFile> => {
    const path = split.archive?.file.path;
    const before = path === undefined ? undefined : fetched.get(path);
    const file = before ?? work.session.fetch(sourceSplit(split), work.folder, work.engine);
    if (path !== undefined) fetched.set(path, file);
    return file;
  };
  let next = 0;
  let failed = false;
  const one = async (): Promise<void> => {
    while (next < splits.length && !failed) {
      const index = next++;
      const split = splits[index];
      if (!split) return;
      try {
        const { session, settings, folder, signal, parts } = work;
        const some = split.archive ? null : await parts?.fetch(split, folder);
        const file = some ?? (await fetch(split));
        const plain = some || session.describe ? file : plainFile(split, file, settings.compression, folder, signal);
        const found: LocalFile = {
          ...(await plain),
          ...(split.entry ? { entry: split.entry } : {}),
          ...(split.whole ? { whole: true as const } : {}),
        };
        files[index] = found;
        came(index, found);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  const results = await Promise.allSettled(Array.from({ length: work.session.transfers ?? 1 }, one));
  const failure = results.find((result) => result.status === 'rejected');
  if (failure) throw failure.reason;
  return files;
}

/**
 * One batch after the other, each fetched while the one before it is read. Several batches are removed as they are done with;
 * a single one stays, because a sample's files are read once more, and so are all where types had to be widened.
 */
export async function* spooled(work: Fetching, batches: readonly Split[][]): AsyncGenerator<LocalFile[]> {
  const folderOf = (batch: readonly Split[]) =>
    batches.length === 1 ? work.folder : join(work.folder, `from-${batch[0]?.ordinal ?? 0}`);
  const fetch = (batch: readonly Split[]) => fetchAll({ ...work, folder: folderOf(batch) }, batch);
  let coming: Promise<LocalFile[]> | null = fetch(batches[0] ?? []);
  try {
    for (const [i, batch] of batches.entries()) {
      const files: LocalFile[] = (await coming) ?? [];
      const following = batches[i + 1];
      coming = following ? fetch(following) : null;
      // Its failure is told when its turn comes.
      coming?.catch(() => undefined);
      try {
        yield files;
      } finally {
        if (batches.length > 1) await rm(folderOf(batch), { recursive: true, force: true });
      }
    }
  } finally {
    // Nothing may be written into the folder once it is removed.
    await coming?.catch(() => undefined);
  }
}

/** Removes what was unpacked from files of this machine. */
export async function discard(work: Pick<Fetching, 'folder'>, files: readonly LocalFile[]): Promise<void> {
  const inside = files.filter((file) => file.path.startsWith(work.folder + sep));
  await Promise.all(inside.map((file) => rm(file.path, { force: true })));
}
