import { mkdir, open, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readHead } from '../formats/shared/sample.ts';
import type { ByteRange, FormatReader, LocalFile, SourceSession, Split } from '../model/component.ts';
import { SluiceError } from '../model/error.ts';
import type { Stream } from '../model/job.ts';
import { GLANCE_BYTES } from '../model/source.ts';
import * as registry from '../registry.ts';
import { pick } from './components.ts';
import { kindOfFile } from './compression/magic.ts';
import { formatByName } from './format-of.ts';
import { PartsFetcher } from './parts.ts';
import { SAMPLE_FILES } from './splits.ts';
import { type Fetching, fetchAll } from './spool.ts';

/** Bytes that a glance reads of files on this machine. */
const LOCAL_BYTES = 8_000_000;

export interface Glanced {
  files: LocalFile[];
  /** Only what a file says of its own columns was read, and no row. */
  schemaOnly: boolean;
}

/**
 * Makes a little of a source readable: the newest files as far as they fit into the limit, of another machine the newest one alone; of
 * a file that is larger its first lines, or what it says of its columns. Throws `columns/large` where neither can be had.
 */
export async function glance(work: Fetching, splits: readonly Split[], stream: Stream): Promise<Glanced> {
  const most = work.session.transfers === undefined ? LOCAL_BYTES : GLANCE_BYTES;
  const newest = splits.toReversed().slice(0, work.session.transfers === undefined ? SAMPLE_FILES : 1);
  const [first] = newest;
  if (!first) return { files: [], schemaOnly: false };
  if (sizeOf(first) > most) return await glanceAtLarge(work, first, stream, most);
  let left = most;
  const chosen = newest.filter((split) => {
    left -= sizeOf(split);
    return left >= 0;
  });
  return { files: await fetchAll(work, chosen.toReversed()), schemaOnly: false };
}

function sizeOf(split: Split): number {
  return split.archive?.file.size ?? split.file?.size ?? split.bytes ?? 0;
}

async function glanceAtLarge(work: Fetching, split: Split, stream: Stream, most: number): Promise<Glanced> {
  const name = split.file?.path ?? '';
  const type = stream.format?.type ?? formatByName(name);
  if (type === null || split.archive) throw tooLarge(name, most);
  const reader = await pick(registry.formats, 'format', type);
  const { settings } = stream.format ?? { settings: {} };
  if (reader.fetchParts) return { files: [await schemaOf(work, split, reader, most)], schemaOnly: true };
  const file = await headOf(work, split, most);
  if ((await kindOfFile(file)) !== null) throw tooLarge(name, most);
  if (!reader.lines && !(await reader.divisible?.(file, settings))) throw tooLarge(name, most);
  const size = wholeLines(await readHead(file, most));
  if (size === 0) throw tooLarge(name, most);
  await truncate(file.path, size);
  return { files: [{ ...file, size }], schemaOnly: false };
}

/** The parts of a file that name its columns, at their places in a sparse one. */
async function schemaOf(work: Fetching, split: Split, reader: FormatReader, most: number): Promise<LocalFile> {
  const { session, folder } = work;
  const ranges = session.fetchRanges?.bind(session) ?? (session.transfers === undefined ? copyRanges(session) : null);
  if (!ranges) throw tooLarge(split.file?.path ?? '', most);
  const counted = async (one: Split, path: string, wanted: readonly ByteRange[]): Promise<void> => {
    if (wanted.reduce((sum, [from, to]) => sum + to - from, 0) > most) throw tooLarge(split.file?.path ?? '', most);
    await ranges(one, path, wanted);
  };
  const parts = new PartsFetcher({ ...session, fetchRanges: counted } as SourceSession, reader, {
    columns: null,
    test: null,
  });
  try {
    const file = await parts.fetch(split, folder);
    if (!file) throw tooLarge(split.file?.path ?? '', most);
    return file;
  } finally {
    await parts.close();
  }
}

function copyRanges(session: SourceSession): NonNullable<SourceSession['fetchRanges']> {
  return async (split, path, wanted) => {
    const file = await session.fetch(split, '');
    const to = await open(path, 'r+');
    try {
      for (const [start, end] of wanted) await to.write(await bytesAt(file.path, start, end - start), 0, null, start);
    } finally {
      await to.close();
    }
  };
}

/** The first bytes of a file as a file of the spool. */
async function headOf({ session, folder, engine }: Fetching, split: Split, most: number): Promise<LocalFile> {
  if (session.transfers !== undefined) return await session.fetch({ ...split, head: most }, folder, engine);
  const file = await session.fetch(split, folder, engine);
  const path = join(folder, `head-${split.ordinal}`);
  await mkdir(folder, { recursive: true });
  await writeFile(path, await readHead(file, most));
  return { ...file, path, size: most };
}

async function bytesAt(path: string, start: number, length: number): Promise<Buffer> {
  const handle = await open(path, 'r');
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, start);
    return buffer.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}

const LF = 10;
const QUOTE = 34;

/** Bytes up to the last line end that stands outside of quotes; 0 where there is none. */
function wholeLines(bytes: Buffer): number {
  const isWide = (bytes[0] === 0xff && bytes[1] === 0xfe) || bytes[1] === 0;
  let quoted = false;
  let end = 0;
  for (const [i, byte] of bytes.entries()) {
    if (byte === QUOTE) quoted = !quoted;
    else if (byte === LF && !quoted) end = i + 1;
  }
  return isWide && end > 0 ? Math.min(bytes.length, end + 1) : end;
}

function tooLarge(name: string, most: number): SluiceError {
  const what = `${name} has more than ${most / 1e6} MB, and cannot be read in part`;
  return new SluiceError('columns/large', 'config', what, {
    hint: 'A run of the job writes down the columns that it read, and so does `sluice infer`.',
  });
}
