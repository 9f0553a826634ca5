import { open } from 'node:fs/promises';
import type { LocalFile } from '../../model/component.ts';

/** What one file may be compressed by. A zip archive is not one file: its members are. */
export type Codec = 'gzip' | 'zstd' | 'bz2' | 'xz';

/** Ends of file names that say how a file is compressed, not what it holds. */
export const COMPRESSED_NAME = /\.(?:gz|gzip|zst|zstd|bz2|bzip2|xz)$/i;

/** Bytes that are enough to know a file by. */
export const HEAD = 264;

/** First bytes by which a file is known, and by which those are refused that would else be read as text. */
const MAGIC: readonly (readonly [string, Buffer])[] = [
  ['gzip', Buffer.from([0x1f, 0x8b, 0x08])],
  ['zstd', Buffer.from([0x28, 0xb5, 0x2f, 0xfd])],
  // A skippable frame, which may stand before the first that holds data (RFC 8878, 3.1.2).
  ...Array.from({ length: 16 }, (_, i) => ['zstd', Buffer.from([0x50 + i, 0x2a, 0x4d, 0x18])] as const),
  ...Array.from({ length: 9 }, (_, i) => ['bz2', Buffer.from(`BZh${i + 1}1AY&SY`, 'latin1')] as const),
  ...Array.from(
    { length: 9 },
    (_, i) => ['bz2', Buffer.from(`BZh${i + 1}\x17\x72\x45\x38\x50\x90`, 'latin1')] as const,
  ),
  ['zip', Buffer.from('PK\x03\x04', 'latin1')],
  ['zip', Buffer.from('PK\x05\x06', 'latin1')],
  ['zip', Buffer.from('PK\x07\x08', 'latin1')],
  ['xz', Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00])],
  ['7z', Buffer.from([0x37, 0x7a, 0xbc, 0xaf, 0x27, 0x1c])],
  ['rar', Buffer.from('Rar!\x1a\x07', 'latin1')],
  ['lz4', Buffer.from([0x04, 0x22, 0x4d, 0x18])],
];

/** What a file is by its first bytes: a codec, `zip`, a kind that is not read, or null: it stands as it is. */
export function kindOf(head: Buffer): string | null {
  const found = MAGIC.find(([, magic]) => head.length >= magic.length && head.subarray(0, magic.length).equals(magic));
  if (found) return found[0];
  return head.length > 262 && head.toString('latin1', 257, 262) === 'ustar' ? 'tar' : null;
}

export function isCodec(kind: string | null): kind is Codec {
  return kind === 'gzip' || kind === 'zstd' || kind === 'bz2' || kind === 'xz';
}

/** As `kindOf`, for a file on this machine. */
export async function kindOfFile(file: Pick<LocalFile, 'path'>): Promise<string | null> {
  const handle = await open(file.path, 'r');
  try {
    const head = Buffer.alloc(HEAD);
    const { bytesRead } = await handle.read(head, 0, head.length, 0);
    return kindOf(head.subarray(0, bytesRead));
  } finally {
    await handle.close();
  }
}
