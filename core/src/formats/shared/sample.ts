import { open } from 'node:fs/promises';
import type { LocalFile } from '../../model/component.ts';
import { SluiceError } from '../../model/error.ts';

export interface Sample {
  bytes: Buffer;
  /** The sample is the whole file. */
  whole: boolean;
}

const LINES_HEAD = 64 * 1024;

/** How long the lines at a file's head are, on average: about the size of its rows. Empty where there are too few to tell. */
export async function lineBytes(file: LocalFile): Promise<{ row_bytes?: number }> {
  const head = await readHead(file, LINES_HEAD);
  let lines = 0;
  for (let at = head.indexOf(10); at >= 0; at = head.indexOf(10, at + 1)) lines++;
  return lines > 1 ? { row_bytes: head.length / lines } : {};
}

/** The first bytes of a file. Throws `format/unreadable`. */
export async function readHead(file: LocalFile, limit: number): Promise<Buffer> {
  try {
    const handle = await open(file.path, 'r');
    try {
      const buffer = Buffer.alloc(limit);
      let filled = 0;
      while (filled < buffer.length) {
        const { bytesRead } = await handle.read(buffer, filled, buffer.length - filled, filled);
        if (bytesRead === 0) break;
        filled += bytesRead;
      }
      return buffer.subarray(0, filled);
    } finally {
      await handle.close();
    }
  } catch (cause) {
    throw new SluiceError('format/unreadable', 'transient', `${file.name} cannot be read: ${String(cause)}`, {
      where: { path: file.name },
      cause,
    });
  }
}

/** Length of a UTF-8 byte order mark at the start. */
export function bomLength(bytes: Buffer): number {
  return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
}

/** Bytes at the end that begin a character and do not finish it. */
export function unfinished(bytes: Buffer): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back] ?? 0;
    if ((byte & 0xc0) === 0x80) continue;
    const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return length > back ? back : 0;
  }
  return 0;
}
