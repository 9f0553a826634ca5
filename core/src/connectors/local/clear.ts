import { constants } from 'node:fs';
import { copyFile, mkdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { dirname, isAbsolute, join } from 'node:path';
import type { FileIdentity } from '../../model/run.ts';
import type { Clearing } from '../shared/clear.ts';

/** Clears files away below a folder of this machine. */
export function localClearing(root: string): Clearing {
  const at = (path: string) => (isAbsolute(path) ? path : join(root, path));
  return {
    async look(path) {
      const found = await stat(at(path)).catch(goneAlready);
      return found && { path, size: found.size, modified_at: found.mtime.toISOString(), etag: null };
    },
    remove: ({ path }) => rm(at(path), { force: true }),
    move: (file, to) => move(at(file.path), at(to), file),
  };
}

async function move(from: string, to: string, { modified_at: time }: FileIdentity): Promise<boolean> {
  if ((await stat(to).catch(goneAlready)) !== null) return false;
  await mkdir(dirname(to), { recursive: true });
  try {
    await rename(from, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EXDEV') throw error;
    // Another disk: the copy gets its name only when it is whole.
    const part = `${to}.part`;
    await copyFile(from, part, constants.COPYFILE_FICLONE);
    if (time !== null) await utimes(part, new Date(time), new Date(time));
    await rename(part, to);
    await rm(from, { force: true });
  }
  return true;
}

function goneAlready(error: NodeJS.ErrnoException): null {
  if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return null;
  throw error;
}
