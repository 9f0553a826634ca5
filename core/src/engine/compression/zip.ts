import type { Readable } from 'node:stream';
import { Transform } from 'node:stream';
import { crc32 } from 'node:zlib';
import type { Entry, ZipFile } from 'yauzl';
import type { LocalFile } from '../../model/component.ts';
import { SluiceError } from '../../model/error.ts';

/** More members than this are refused: a ledger of them would be no use to anybody. */
export const MOST_MEMBERS = 10_000;
/** Stands between an archive's name and a member's. */
export const INSIDE = '!/';

export interface Member {
  /** Its path in the archive, with `/`. */
  name: string;
  /** Bytes unpacked. */
  size: number;
  /** Of the bytes unpacked, as 8 hex digits. */
  crc: string;
}

/**
 * The files of an archive in its order, by its central directory (APPNOTE 6.3, 4.3.12). Folders and what macOS adds are left
 * out. Throws `format/truncated` where the directory at the end is missing, and `format/compression`.
 */
export async function membersOf(archive: LocalFile): Promise<Member[]> {
  const members: Member[] = [];
  const names = new Set<string>();
  await eachEntry(archive, async (entry) => {
    if (!isFile(entry)) return false;
    if (entry.fileName === '[Content_Types].xml')
      throw refused(archive, 'is an Office document, not an archive of data files');
    if (members.length >= MOST_MEMBERS) throw refused(archive, `has more than ${MOST_MEMBERS} members`);
    if (names.has(entry.fileName)) throw refused(archive, `has two members named ${entry.fileName}`);
    names.add(entry.fileName);
    members.push({ name: entry.fileName, size: entry.uncompressedSize, crc: hex(entry.crc32) });
    return false;
  });
  return members;
}

/** Hands one member's bytes to `take`, their checksum verified at the end. Throws as `membersOf`. */
export async function readMember(
  archive: LocalFile,
  name: string,
  take: (bytes: Readable, crc: Transform) => Promise<void>,
): Promise<void> {
  let found = false;
  await eachEntry(archive, async (entry, zip) => {
    if (!isFile(entry) || entry.fileName !== name) return false;
    found = true;
    if (entry.isEncrypted()) throw refused(archive, `has the member ${name} encrypted, which is not read`);
    if (!entry.canDecodeFileData()) {
      throw refused(archive, `has the member ${name} packed by method ${entry.compressionMethod}, which is not read`);
    }
    await take(await zip.openReadStreamPromise(entry), checked(entry));
    return true;
  });
  if (!found) {
    throw new SluiceError('source/gone', 'transient', `${archive.name} had the member ${name} when files were listed`, {
      where: { path: archive.name },
      hint: 'Run again; an archive that another program writes anew can be held back with `min_age`.',
    });
  }
}

/** Visits entries until `visit` gives true. */
async function eachEntry(archive: LocalFile, visit: (entry: Entry, zip: ZipFile) => Promise<boolean>): Promise<void> {
  const { default: yauzl } = await import('yauzl');
  let zip: ZipFile | null = null;
  try {
    zip = await yauzl.openPromise(archive.path, { autoClose: false });
    for await (const entry of zip.eachEntry()) if (await visit(entry, zip)) break;
  } catch (error) {
    throw error instanceof Error && !('code' in error) ? damaged(archive, error) : error;
  } finally {
    zip?.close();
  }
}

function isFile(entry: Entry): boolean {
  const name = entry.fileName;
  return !name.endsWith('/') && !name.startsWith('__MACOSX/') && !/(?:^|\/)\.DS_Store$/.test(name);
}

/** Passes bytes on; fails at their end where they are not those that were packed. */
function checked(entry: Entry): Transform {
  let crc = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      crc = crc32(chunk, crc);
      done(null, chunk);
    },
    flush(done) {
      done(crc === entry.crc32 ? null : new Error(`the checksum of ${entry.fileName} does not fit`));
    },
  });
}

function hex(crc: number): string {
  return (crc >>> 0).toString(16).padStart(8, '0');
}

function damaged(archive: LocalFile, cause: Error): SluiceError {
  const cut = /end of central directory/i.test(cause.message);
  return new SluiceError(
    cut ? 'format/truncated' : 'format/compression',
    'data',
    cut
      ? `${archive.name} is cut off: a zip archive ends in a directory, which it lacks`
      : `${archive.name} cannot be unpacked: ${cause.message}`,
    {
      where: { path: archive.name },
      hint: 'Fetch or write the file again; a file that is still being written can be held back with `min_age`.',
      cause,
    },
  );
}

function refused(archive: LocalFile, reason: string): SluiceError {
  return new SluiceError('format/compression', 'data', `${archive.name} ${reason}`, {
    where: { path: archive.name },
    hint: 'Unpack the archive, or `exclude` it.',
  });
}
