import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import type { LocalFile } from '../model/component.ts';
import { SluiceError } from '../model/error.ts';

/** Ends of file names that say how a file is compressed, not what it holds. */
export const COMPRESSED_NAME = /\.(?:gz|gzip)$/i;

/** First bytes by which a file is known, and by which those are refused that would else be read as text. */
const MAGIC: readonly (readonly [string, Buffer])[] = [
  ['gzip', Buffer.from([0x1f, 0x8b, 0x08])],
  ['zstd', Buffer.from([0x28, 0xb5, 0x2f, 0xfd])],
  ['xz', Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00])],
  ...Array.from({ length: 9 }, (_, i) => ['bzip2', Buffer.from(`BZh${i + 1}1AY&SY`, 'latin1')] as const),
];

let made = 0;

/**
 * A file as its format wants it: a compressed one is unpacked into `folder`, once for all tasks that find it there, and keeps its
 * source's name. `compression` is the source's setting: auto (by the first bytes), none or gzip. Throws `format/truncated` where
 * the compressed bytes are cut off and `format/compression` where they are damaged or of a kind that is not read.
 */
export async function unpacked(
  file: LocalFile,
  compression: unknown,
  folder: string,
  signal: AbortSignal,
): Promise<LocalFile> {
  if (compression === 'none' || file.size === 0) return file;
  const found = await magicOf(file);
  if (found === null && compression !== 'gzip') return file;
  if (found !== 'gzip') throw notRead(file, found);
  const name = createHash('sha256')
    .update(JSON.stringify([file.path, file.size, file.modified_at]))
    .digest('hex');
  const path = join(folder, `unpacked-${name.slice(0, 32)}`);
  const before = await stat(path).catch(() => null);
  if (before) return { ...file, path, size: before.size };
  await mkdir(folder, { recursive: true });
  // Under its name it is whole: another task may look for it meanwhile.
  const part = `${path}.${process.pid}-${made++}`;
  try {
    await pipeline(createReadStream(file.path), createGunzip(), createWriteStream(part), { signal });
    await rename(part, path);
  } catch (cause) {
    await rm(part, { force: true });
    throw signal.aborted ? cause : failed(file, cause as NodeJS.ErrnoException);
  }
  return { ...file, path, size: (await stat(path)).size };
}

async function magicOf(file: LocalFile): Promise<string | null> {
  const handle = await open(file.path, 'r');
  try {
    const head = Buffer.alloc(16);
    const { bytesRead } = await handle.read(head, 0, head.length, 0);
    return MAGIC.find(([, magic]) => bytesRead >= magic.length && head.indexOf(magic) === 0)?.[0] ?? null;
  } finally {
    await handle.close();
  }
}

function notRead(file: LocalFile, found: string | null): SluiceError {
  const reason = found === null ? 'is not compressed by gzip' : `is compressed by ${found}, which is not read`;
  return new SluiceError('format/compression', 'data', `${file.name} ${reason}`, {
    where: { path: file.name },
    hint:
      found === null
        ? 'Leave `compression` out: files are then known by their first bytes.'
        : 'Unpack the file, or compress it by gzip.',
  });
}

function failed(file: LocalFile, cause: NodeJS.ErrnoException): SluiceError {
  const where = { path: file.name };
  if (cause.code === 'Z_BUF_ERROR') {
    return new SluiceError('format/truncated', 'data', `${file.name} is cut off: its compressed bytes do not end`, {
      where,
      hint: 'Fetch or write the file again; a file that is still being written can be held back with `min_age`.',
      cause,
    });
  }
  if (cause.code?.startsWith('Z_')) {
    return new SluiceError('format/compression', 'data', `${file.name} cannot be unpacked: ${cause.message}`, {
      where,
      hint: 'Fetch or write the file again.',
      cause,
    });
  }
  return new SluiceError('format/unreadable', 'transient', `${file.name} cannot be unpacked: ${cause.message}`, {
    where,
    hint: 'Look whether the disk of the spool is full.',
    cause,
  });
}
