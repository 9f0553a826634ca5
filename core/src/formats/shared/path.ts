import { copyFile, symlink } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Engine, LocalFile } from '../../model/component.ts';

let made = 0;

/** A path that the engine takes for one file: it reads `*`, `?` and `[` as a pattern, so such a file is reached by a link. */
export async function plainPath(file: LocalFile, engine: Engine): Promise<string> {
  if (!/[*?[]/.test(file.path)) return file.path;
  const link = join(engine.spool, `link-${process.pid}-${made++}`);
  // Links need a right of their own on Windows.
  await symlink(resolve(file.path), link).catch(() => copyFile(file.path, link));
  return link;
}
