import { lstat, readlink, realpath } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';

/** An absolute path with every symlink followed, also of what is not there yet: two ways to name one file give one path. */
export function realPath(path: string): Promise<string> {
  return follow(path, 0);
}

const MAX_LINKS = 40;

async function follow(path: string, depth: number): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || depth > MAX_LINKS || dirname(path) === path) throw error;
  }
  const parent = await follow(dirname(path), depth + 1);
  const here = join(parent, basename(path));
  const stat = await lstat(here).catch(() => null);
  return stat?.isSymbolicLink() ? follow(resolve(parent, await readlink(here)), depth + 1) : here;
}
