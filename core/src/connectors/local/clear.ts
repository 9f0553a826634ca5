import { constants } from 'node:fs';
import { copyFile, mkdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { dirname, extname, join } from 'node:path';
import type { FileIdentity } from '../../model/run.ts';
import type { AfterLoad } from '../../spec/after-load.ts';

/** A file whose rows are committed. */
export interface Loaded {
  /** Path on this machine. */
  full: string;
  /** As it was when it was listed. */
  file: FileIdentity;
  /** Below the fixed part of the pattern, with `/`. */
  below: string;
}

/**
 * Does with a loaded file what the job says; may be repeated. Gives a sentence where it had to be left: it has changed since, or the
 * system refuses.
 */
export async function clear(loaded: Loaded, afterLoad: AfterLoad, root: string): Promise<string | null> {
  const { full, file } = loaded;
  try {
    const found = await stat(full).catch(goneAlready);
    if (found === null) return null;
    if (found.size !== file.size || found.mtime.toISOString() !== file.modified_at) {
      return `${file.path} has changed since it was loaded, so that it stays where it is`;
    }
    if ('delete' in afterLoad) await rm(full, { force: true });
    else if ('move' in afterLoad) await move(full, join(root, afterLoad.move, loaded.below), found.mtime);
    return null;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return `${file.path} is loaded and could not be cleared away (${code ?? message}); the next run tries again`;
  }
}

async function move(from: string, wanted: string, time: Date): Promise<void> {
  await mkdir(dirname(wanted), { recursive: true });
  const to = await freeName(wanted, time);
  try {
    await rename(from, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EXDEV') throw error;
    // Another disk: the copy gets its name only when it is whole.
    const part = `${to}.part`;
    await copyFile(from, part, constants.COPYFILE_FICLONE);
    await utimes(part, time, time);
    await rename(part, to);
    await rm(from, { force: true });
  }
}

/** The name, or where it is taken the name with the file's time, and a number if need be. */
async function freeName(wanted: string, time: Date): Promise<string> {
  const ending = extname(wanted);
  const stem = ending === '' ? wanted : wanted.slice(0, -ending.length);
  const stamp = time.toISOString().replace(/[-:]|\.\d+/g, '');
  for (let n = 0; ; n++) {
    const name = n === 0 ? wanted : `${stem}-${stamp}${n === 1 ? '' : `-${n}`}${ending}`;
    if ((await stat(name).catch(goneAlready)) === null) return name;
  }
}

function goneAlready(error: NodeJS.ErrnoException): null {
  if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return null;
  throw error;
}
