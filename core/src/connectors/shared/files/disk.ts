import type { PlatformPath } from 'node:path';
import type { Json } from '../../../model/json.ts';

/**
 * What a destination of folders needs from a disk, here or behind a server. A method that finds its path missing throws an error
 * of code ENOENT or ENOTDIR, unless it says otherwise.
 */
export interface Disk {
  /** How its paths are put together. */
  readonly paths: PlatformPath;
  /** Tasks write to it themselves; left out: they write into their own folder, and `bring` takes the files over. */
  readonly isHere?: boolean;
  /** Makes a folder with those above it. */
  mkdir(path: string): Promise<void>;
  /** Makes one folder; false where something has its name, so that of many one alone is told true. */
  makeNew(path: string): Promise<boolean>;
  /** Names in a folder; none where it is not there. */
  names(path: string): Promise<string[]>;
  /** Paths of all files below a folder. */
  files(path: string): Promise<string[]>;
  /** What is at a path; null where nothing is. */
  look(path: string): Promise<{ size: number; isFolder: boolean; modified: Date } | null>;
  /** One step: others see the old name or the new one. A file takes the place of another, a folder of nothing. */
  rename(from: string, to: string): Promise<void>;
  /** Removes a file, or a folder with all that it holds. Removing nothing succeeds. */
  remove(path: string): Promise<void>;
  /** Removes a folder if it is empty; false where it is not there or holds something. */
  removeEmpty(path: string): Promise<boolean>;
  /** The text of a file; null where it is not there. */
  read(path: string): Promise<string | null>;
  /** Lines of a file. */
  lines(path: string): AsyncIterable<string>;
  /** Writes a file so that it is there whole or not at all, and durable. Its folder has to be there. */
  write(path: string, chunks: Iterable<string>): Promise<void>;
  /** Makes a folder with all that it holds durable, as far as the system lets. */
  sync(path: string): Promise<void>;
  /** Makes the names in a folder durable, as far as the system lets. */
  syncNames(path: string): Promise<void>;
  /** Puts a file of this machine at a path, whose folder is made. */
  bring(local: string, path: string): Promise<void>;
  /** Puts a file at a path of this machine, whose folder is there. */
  fetch(path: string, local: string): Promise<void>;
  /** Left out: the disk has none, and so nothing on it can be replaced as a whole. */
  readonly links?: Links;
}

export interface Links {
  /** What a path links to; null where it is no link or is not there. */
  read(path: string): Promise<string | null>;
  make(target: string, path: string): Promise<void>;
  /** The same file under another name. */
  share(from: string, to: string): Promise<void>;
}

export function isMissing(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOENT' || code === 'ENOTDIR';
}

/** Writes a JSON file so that it is there whole or not at all. Its folder has to be there. */
export function writeJson(disk: Disk, path: string, value: unknown): Promise<void> {
  return disk.write(path, [JSON.stringify(value)]);
}

/** The JSON of a file; null where it is not there. */
export async function readJson<T = Json>(disk: Disk, path: string): Promise<T | null> {
  const text = await disk.read(path);
  return text === null ? null : (JSON.parse(text) as T);
}
