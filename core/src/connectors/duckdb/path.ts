import { lstat, readlink, realpath } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { SluiceError } from '../../model/error.ts';

/**
 * The file that a `path` setting means, with every symlink followed, also of a file that is not there yet: two ways to
 * write one file give one path. Throws destination/bad-path for what is no file of this machine.
 */
export async function warehousePath(setting: unknown, projectDir: string): Promise<string> {
  const path = typeof setting === 'string' && setting !== '' ? setting : '.sluice/warehouse.duckdb';
  if (path.includes('://') || path.startsWith(':') || /^(md|motherduck):/.test(path))
    throw new SluiceError('destination/bad-path', 'config', `"${path}" is no file of this machine.`, {
      hint: 'Give `path` a file name, such as data/warehouse.duckdb.',
    });
  return follow(resolve(projectDir, path), 0);
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
