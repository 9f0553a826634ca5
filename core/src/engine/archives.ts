import picomatch from 'picomatch/posix.js';
import type { LocalFile, SourceSession, Split, SplitsRequest } from '../model/component.ts';
import type { JsonObject } from '../model/json.ts';
import type { FileIdentity } from '../model/run.ts';
import { HEAD, kindOf, kindOfFile } from './compression/magic.ts';
import { otherKind, unpacked, unpackedMember } from './compression/unpack.ts';
import { INSIDE, membersOf } from './compression/zip.ts';
import { MEMBER_TAG, sameFile } from './splits.ts';

interface Listing {
  session: SourceSession;
  /** Settings of the source. */
  settings: JsonObject;
}

/**
 * The source's splits, with each zip archive's members in its place: a member is a file of its own to the ledger and to
 * `metadata: path`. An archive that the ledger knows unchanged is not opened. Throws `format/*` errors with its name.
 */
export async function* splitsOf({ session, settings }: Listing, request: SplitsRequest): AsyncIterable<Split> {
  const exclude = Array.isArray(settings.exclude) ? settings.exclude.map(String) : [];
  const unwanted = exclude.length > 0 ? picomatch(exclude, { dot: true }) : () => false;
  for await (const split of session.splits(request)) {
    if (!split.file || !(await isArchive(session, split, settings.compression))) {
      yield split;
      continue;
    }
    const known = request.known.get(split.file.path);
    if (known && sameFile(known, split.file)) continue;
    const archive = await session.fetch(split, request.spool);
    if ((await kindOfFile(archive)) !== 'zip') throw otherKind(archive, 'zip');
    for (const member of await membersOf(archive)) {
      const path = `${split.file.path}${INSIDE}${member.name}`;
      if (unwanted(path)) continue;
      const file = { path, size: member.size, modified_at: split.file.modified_at, etag: `${MEMBER_TAG}${member.crc}` };
      yield { ...split, bytes: member.size, file, archive: { file: split.file, member: member.name } };
    }
  }
}

/** By the first bytes where the source can tell them without a download, else by the name. */
async function isArchive(session: SourceSession, split: Split, compression: unknown): Promise<boolean> {
  if (compression === 'zip') return true;
  if (compression !== undefined && compression !== 'auto') return false;
  const head = await session.head?.(split, HEAD);
  return head ? kindOf(head) === 'zip' : /\.zip$/i.test(split.file?.path ?? '');
}

/** The split as its source handed it out: a member's is that of its archive, a piece's that of its file. */
export function sourceSplit(split: Split): Split {
  const { archive, range, ...rest } = split;
  if (range) return { ...rest, bytes: split.file?.size ?? null };
  return archive ? { ...rest, bytes: archive.file.size, file: archive.file } : split;
}

/** The source's own splits of some splits, each once. */
export function sourceSplits(splits: readonly Split[]): Split[] {
  const seen = new Set<string>();
  return splits.flatMap((split) => {
    const path = split.archive?.file.path ?? (split.range ? split.file?.path : undefined);
    if (path === undefined) return [split];
    if (seen.has(path)) return [];
    seen.add(path);
    return [sourceSplit(split)];
  });
}

/** Whether any of some splits comes out of a file of the source. */
export function partOf(splits: readonly Split[], { file }: Split): boolean {
  return splits.some((split) => (split.archive?.file ?? split.file)?.path === file?.path);
}

/** What the ledger gets for some splits: their files, and the archives that they are members of. */
export function ledgerFiles(splits: readonly Split[]): FileIdentity[] {
  const archives = sourceSplits(splits.filter((split) => split.archive)).flatMap((split) => split.file ?? []);
  return [...splits.flatMap((split) => split.file ?? []), ...archives];
}

/** A fetched split as its format wants it: out of its archive, unpacked. */
export async function plainFile(
  split: Split,
  fetched: LocalFile,
  compression: unknown,
  folder: string,
  signal: AbortSignal,
): Promise<LocalFile> {
  const row = split.row === undefined ? {} : { row: split.row };
  const file = { ...fetched, ...row, ordinal: split.ordinal };
  if (split.archive) return unpackedMember(file, split.archive.member, folder, signal);
  const plain = await unpacked(file, compression, folder, signal);
  return split.range ? { ...plain, range: split.range, size: split.range[1] - split.range[0] } : plain;
}
