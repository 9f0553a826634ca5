import { open, stat } from 'node:fs/promises';
import { isMissing } from './disk.ts';

/** The value, or null where the file or folder is not there. */
export function orNull<T>(work: Promise<T>): Promise<T | null> {
  return work.catch((error) => {
    if (isMissing(error)) return null;
    throw error;
  });
}

/** Times that work is tried whose folder others may take away because it was empty. */
const TRIES = 20;

/** Runs work that makes the folders it needs, and again where another thread or process took an empty one away meanwhile. */
export async function inFolders<T>(work: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await work();
    } catch (error) {
      if (!isMissing(error) || tries === TRIES) throw error;
    }
  }
}

/** Makes a file's content, or the names in a folder, durable. */
export async function syncPath(path: string): Promise<void> {
  // Windows cannot open a folder; there the rename itself is all that can be asked for.
  if (process.platform === 'win32' && (await stat(path)).isDirectory()) return;
  const file = await open(path, 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}
