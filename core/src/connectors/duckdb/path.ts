import { resolve } from 'node:path';
import { SluiceError } from '../../model/error.ts';
import { realPath } from '../shared/real-path.ts';

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
  return realPath(resolve(projectDir, path));
}
