import { mkdir, open, readdir, readFile, rename, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Json } from '../../../model/json.ts';

export type Missing = NodeJS.ErrnoException;

export function isMissing(error: unknown): boolean {
  const code = (error as Missing).code;
  return code === 'ENOENT' || code === 'ENOTDIR';
}

/** The value, or null where the file or folder is not there. */
export function orNull<T>(work: Promise<T>): Promise<T | null> {
  return work.catch((error) => {
    if (isMissing(error)) return null;
    throw error;
  });
}

/** Makes a file's or folder's content durable. */
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

/** Makes a folder with all that it holds durable. */
export async function syncTree(folder: string): Promise<void> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  for (const entry of entries) await syncPath(join(entry.parentPath, entry.name));
  await syncPath(folder);
}

/** Writes a JSON file so that it is there whole or not at all. Its folder has to be there. */
export async function writeJson(path: string, value: unknown): Promise<void> {
  const partial = `${path}.${process.pid}.partial`;
  const file = await open(partial, 'w');
  try {
    await file.writeFile(JSON.stringify(value));
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(partial, path);
  await syncPath(dirname(path));
}

/** The JSON of a file; null where it is not there. */
export async function readJson<T = Json>(path: string): Promise<T | null> {
  const text = await orNull(readFile(path, 'utf8'));
  return text === null ? null : (JSON.parse(text) as T);
}

/** Renames and makes it durable in the folder it goes to, which is made. */
export async function moveTo(from: string, to: string): Promise<void> {
  await mkdir(dirname(to), { recursive: true });
  await rename(from, to);
}
