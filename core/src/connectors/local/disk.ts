import { createReadStream } from 'node:fs';
import {
  copyFile,
  link,
  mkdir,
  open,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  rmdir,
  stat,
  symlink,
} from 'node:fs/promises';
import paths, { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { type Disk, isMissing } from '../shared/files/disk.ts';
import { orNull, syncPath } from '../shared/files/node-fs.ts';

/** A link to a folder, in the form that the system has. */
const LINK = process.platform === 'win32' ? 'junction' : 'dir';

/** This machine's own disk. */
export const localDisk: Disk = {
  paths,
  isHere: true,
  async mkdir(path) {
    await mkdir(path, { recursive: true });
  },
  async makeNew(path) {
    try {
      await mkdir(path);
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
      throw error;
    }
  },
  names: async (path) => (await orNull(readdir(path))) ?? [],
  async files(path) {
    const entries = await readdir(path, { recursive: true, withFileTypes: true });
    return entries.filter((e) => e.isFile()).map((e) => join(e.parentPath, e.name));
  },
  async look(path) {
    const found = await orNull(stat(path));
    return found && { size: found.size, isFolder: found.isDirectory(), modified: found.mtime };
  },
  rename,
  remove: (path) => rm(path, { recursive: true, force: true }),
  removeEmpty: (path) =>
    rmdir(path).then(
      () => true,
      () => false,
    ),
  read: (path) => orNull(readFile(path, 'utf8')),
  lines: (path) => createInterface({ input: createReadStream(path), crlfDelay: Infinity }),
  async write(path, chunks) {
    const partial = `${path}.${process.pid}.partial`;
    const file = await open(partial, 'w');
    try {
      for (const chunk of chunks) await file.write(chunk);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(partial, path);
    await syncPath(dirname(path));
  },
  async sync(path) {
    for (const entry of await readdir(path, { recursive: true, withFileTypes: true }))
      await syncPath(join(entry.parentPath, entry.name));
    await syncPath(path);
  },
  syncNames: syncPath,
  async bring(local, path) {
    await mkdir(dirname(path), { recursive: true });
    await copyFile(local, path);
  },
  fetch: (path, local) => copyFile(path, local),
  links: {
    read: (path) =>
      readlink(path).catch((error) => {
        if (isMissing(error) || error.code === 'EINVAL') return null;
        throw error;
      }),
    make: (target, path) => symlink(target, path, LINK),
    share: (from, to) => link(from, to).catch(() => copyFile(from, to)),
  },
};
