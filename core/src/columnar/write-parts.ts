import type { FileHandle } from 'node:fs/promises';

/** Writes parts one behind the other, from byte `at` of the file on or, where that is null, from where the handle stands. */
export async function writeParts(handle: FileHandle, parts: readonly Uint8Array[], at: number | null): Promise<void> {
  let rest = parts.filter((part) => part.length > 0);
  let place = at;
  while (rest.length > 0) {
    let { bytesWritten } = await handle.writev(rest, place ?? undefined);
    if (place !== null) place += bytesWritten;
    const left: Uint8Array[] = [];
    for (const part of rest) {
      if (bytesWritten < part.length) left.push(part.subarray(bytesWritten));
      bytesWritten = Math.max(0, bytesWritten - part.length);
    }
    rest = left;
  }
}
