import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough, type Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import type { LocalFile } from '../../model/component.ts';
import { SluiceError } from '../../model/error.ts';
import { BunzipError, bunzip } from './bunzip.ts';
import { type Codec, isCodec, kindOfFile } from './magic.ts';
import { unxz, XzError } from './unxz.ts';
import { unzstd, ZstdError } from './unzstd.ts';
import { INSIDE, readMember } from './zip.ts';

/**
 * A file may unpack to the greater of these: so many bytes, or so many for each packed byte. Data rarely packs beyond 100 to 1;
 * what goes far beyond is made to fill a disk.
 */
export const MOST_UNPACKED = { bytes: 1_000_000_000, ratio: 250 };

let made = 0;

/**
 * A file as its format wants it: a compressed one is unpacked into `folder`, once for all tasks that find it there, and keeps its
 * source's name. `compression` is the source's setting: auto (by the first bytes), none, or what every file is. Throws
 * `format/truncated` where the compressed bytes are cut off and `format/compression` where they are damaged, of a kind that is
 * not read, or more than may be.
 */
export async function unpacked(
  file: LocalFile,
  compression: unknown,
  folder: string,
  signal: AbortSignal,
): Promise<LocalFile> {
  if (compression === 'none' || file.size === 0) return file;
  const found = await kindOfFile(file);
  const wanted = isCodec(compression as string) ? (compression as Codec) : null;
  if (found === null && wanted === null) return file;
  if (wanted !== null && found !== wanted) throw otherKind(file, wanted);
  if (!isCodec(found)) throw notRead(file, found ?? '');
  const plain = await once(file, '', folder, (part) =>
    found === 'gzip' ? gunzip(file, part, signal) : write(file, chunksOf(found, file.path), null, part, signal),
  );
  const inner = await kindOfFile(plain);
  if (inner !== null) throw twice(plain, inner);
  return plain;
}

/**
 * A member of a zip archive, unpacked into `folder` as a file of its own; where it is compressed itself, that is undone too.
 * Throws as `unpacked`.
 */
export async function unpackedMember(
  archive: LocalFile,
  member: string,
  folder: string,
  signal: AbortSignal,
): Promise<LocalFile> {
  const named = { ...archive, name: `${archive.name}${INSIDE}${member}` };
  const plain = await once(named, member, folder, (part) =>
    readMember(archive, member, (bytes, crc) => write(named, bytes, crc, part, signal)),
  );
  return unpacked(plain, 'auto', folder, signal);
}

/** Unpacks by `make` where that was not done before. Under its name a file is whole: another task may look for it meanwhile. */
async function once(
  file: LocalFile,
  member: string,
  folder: string,
  make: (part: string) => Promise<void>,
): Promise<LocalFile> {
  const name = createHash('sha256')
    .update(JSON.stringify([file.path, file.size, file.modified_at, member]))
    .digest('hex');
  const path = join(folder, `unpacked-${name.slice(0, 32)}`);
  const before = await stat(path).catch(() => null);
  if (before) return { ...file, path, size: before.size };
  await mkdir(folder, { recursive: true });
  const part = `${path}.${process.pid}-${made++}`;
  try {
    await make(part);
    await rename(part, path);
  } catch (cause) {
    await rm(part, { force: true });
    throw cause;
  }
  return { ...file, path, size: (await stat(path)).size };
}

/** What is left of the file behind gzip's members must be padding: a member whose first bytes are damaged looks like an end. */
async function gunzip(file: LocalFile, part: string, signal: AbortSignal): Promise<void> {
  const unzip = createGunzip();
  await write(file, createReadStream(file.path), unzip, part, signal);
  const handle = await open(file.path, 'r');
  try {
    const rest = Buffer.alloc(64 * 1024);
    for (let at = unzip.bytesWritten; ; ) {
      const { bytesRead } = await handle.read(rest, 0, rest.length, at);
      if (bytesRead === 0) return;
      if (rest.subarray(0, bytesRead).some((byte) => byte !== 0))
        throw damaged(file, new Error('bytes that are no gzip follow'));
      at += bytesRead;
    }
  } finally {
    await handle.close();
  }
}

function chunksOf(codec: Exclude<Codec, 'gzip'>, path: string): AsyncIterable<Buffer> {
  if (codec === 'xz') return unxz(createReadStream(path));
  return codec === 'zstd' ? unzstd(path) : bunzip(createReadStream(path));
}

async function write(
  file: LocalFile,
  bytes: Readable | AsyncIterable<Buffer>,
  through: Transform | null,
  part: string,
  signal: AbortSignal,
): Promise<void> {
  const most = Math.max(MOST_UNPACKED.bytes, file.size * MOST_UNPACKED.ratio);
  let size = 0;
  const bounded = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      size += chunk.length;
      done(size > most ? tooMuch(file, most) : null, chunk);
    },
  });
  const out = createWriteStream(part);
  try {
    await pipeline(bytes, through ?? new PassThrough(), bounded, out, { signal });
  } catch (cause) {
    // A stream that is ended while it opens makes its file later: it has to be there to be removed.
    if (!out.closed) await new Promise<void>((resolve) => out.once('close', resolve));
    if (signal.aborted || cause instanceof SluiceError) throw cause;
    throw failed(file, cause as NodeJS.ErrnoException);
  }
}

export function otherKind(file: LocalFile, wanted: string): SluiceError {
  return new SluiceError('format/compression', 'data', `${file.name} is not compressed by ${wanted}`, {
    where: { path: file.name },
    hint: 'Leave `compression` out: files are then known by their first bytes.',
  });
}

function notRead(file: LocalFile, found: string): SluiceError {
  const zip = found === 'zip';
  return new SluiceError(
    'format/compression',
    'data',
    zip
      ? `${file.name} is a zip archive, though its name does not say so`
      : `${file.name} is packed by ${found}, which is not read`,
    {
      where: { path: file.name },
      hint: zip
        ? 'Give archives names that end in .zip, or set `compression: zip` where every file is one.'
        : 'Unpack the file, or pack it by gzip, zstd, bz2, xz or zip.',
    },
  );
}

function twice(file: LocalFile, inner: string): SluiceError {
  return new SluiceError('format/compression', 'data', `${file.name} unpacks to ${inner}, which is not read there`, {
    where: { path: file.name },
    hint: 'Pack data files once; several of them in one zip archive.',
  });
}

function tooMuch(file: LocalFile, most: number): SluiceError {
  return new SluiceError(
    'format/compression',
    'data',
    `${file.name} unpacks to more than ${most} bytes, ${MOST_UNPACKED.ratio} times its size`,
    {
      where: { path: file.name },
      hint: 'Look at where the file comes from. If it is what it should be, unpack it before it is loaded.',
    },
  );
}

function damaged(file: LocalFile, cause: Error): SluiceError {
  return new SluiceError('format/compression', 'data', `${file.name} cannot be unpacked: ${cause.message}`, {
    where: { path: file.name },
    hint: 'Fetch or write the file again.',
    cause,
  });
}

function failed(file: LocalFile, cause: NodeJS.ErrnoException): SluiceError {
  const known = cause instanceof BunzipError || cause instanceof ZstdError || cause instanceof XzError;
  const reason = known ? cause.reason : null;
  if (cause.code === 'Z_BUF_ERROR' || reason === 'cut') {
    return new SluiceError('format/truncated', 'data', `${file.name} is cut off: its compressed bytes do not end`, {
      where: { path: file.name },
      hint: 'Fetch or write the file again; a file that is still being written can be held back with `min_age`.',
      cause,
    });
  }
  // What the system says has a code; what yauzl and the checksums say has none.
  if (cause.code === undefined || cause.code.startsWith('Z_') || reason === 'corrupt') return damaged(file, cause);
  return new SluiceError('format/unreadable', 'transient', `${file.name} cannot be unpacked: ${cause.message}`, {
    where: { path: file.name },
    hint: 'Look whether the disk of the spool is full.',
    cause,
  });
}
