import { randomBytes } from 'node:crypto';
import { copyFile, link, mkdir, open, readdir, readFile, rename, rm, rmdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { SluiceError } from '../../../model/error.ts';
import type { WritableFolder } from '../../../model/folder.ts';
import { isMissing } from './disk.ts';
import { inFolders, orNull, syncPath } from './node-fs.ts';

/** A folder of this machine. What is written appears under its name whole, by a link or a rename out of a scratch folder. */
export class DiskFolder implements WritableFolder {
  readonly name: string;
  readonly #root: string;
  readonly #scratch: string;
  readonly #side: 'source' | 'destination';

  /** `scratch` is a folder on the same disk, for files that are not whole yet; it is gone when nothing is in it. null: nothing is written. */
  constructor(root: string, scratch: string | null, side: 'source' | 'destination' = 'destination') {
    this.name = root;
    this.#root = root;
    this.#scratch = scratch ?? root;
    this.#side = side;
  }

  async read(path: string): Promise<Buffer | null> {
    return this.#told(path, () => orNull(readFile(join(this.#root, path))));
  }

  async list(folder: string, from = ''): Promise<{ name: string; size: number }[]> {
    return this.#told(folder, async () => {
      const full = join(this.#root, folder);
      const entries = (await orNull(readdir(full, { withFileTypes: true }))) ?? [];
      const names = entries.filter((e) => !e.isDirectory() && e.name >= from).map((e) => e.name);
      const found: { name: string; size: number }[] = [];
      for (const name of names.sort()) {
        const size = (await orNull(stat(join(full, name))))?.size;
        if (size !== undefined) found.push({ name, size });
      }
      return found;
    });
  }

  async create(path: string, bytes: Buffer): Promise<boolean> {
    return this.#told(path, () =>
      this.#written(bytes, async (whole) => {
        const to = await this.#place(path);
        try {
          await link(whole, to);
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
          throw error;
        }
        await syncPath(dirname(to));
        return true;
      }),
    );
  }

  async write(path: string, bytes: Buffer): Promise<void> {
    await this.#told(path, () =>
      this.#written(bytes, async (whole) => {
        const to = await this.#place(path);
        await rename(whole, to);
        await syncPath(dirname(to));
      }),
    );
  }

  async bring(local: string, path: string): Promise<void> {
    await this.#told(path, async () => {
      await syncPath(local);
      await inFolders(async () => {
        const to = await this.#place(path);
        await rename(local, to).catch(async (error: NodeJS.ErrnoException) => {
          if (error.code !== 'EXDEV') throw error;
          const near = await this.#scratchFile();
          await copyFile(local, near);
          await syncPath(near);
          await rename(near, to);
        });
        await syncPath(dirname(to));
      });
    });
    await this.#prune(this.#scratch);
  }

  async local(path: string): Promise<string> {
    return join(this.#root, path);
  }

  async size(path: string): Promise<number | null> {
    return this.#told(path, async () => (await orNull(stat(join(this.#root, path))))?.size ?? null);
  }

  async remove(path: string): Promise<void> {
    await this.#told(path, () => rm(join(this.#root, path), { force: true }));
  }

  async removeAll(folder: string): Promise<void> {
    await this.#told(folder, () => rm(join(this.#root, folder), { recursive: true, force: true }));
    await this.#prune(dirname(join(this.#root, folder)));
  }

  /** Removes a folder and those above it, up to the root, where nothing is in them. */
  async #prune(folder: string): Promise<void> {
    for (let at = folder; at.length > this.#root.length; at = dirname(at)) {
      const gone = await rmdir(at).then(
        () => true,
        (error: NodeJS.ErrnoException) => isMissing(error),
      );
      if (!gone) return;
    }
  }

  async #place(path: string): Promise<string> {
    const to = join(this.#root, path);
    await mkdir(dirname(to), { recursive: true });
    return to;
  }

  async #scratchFile(): Promise<string> {
    await mkdir(this.#scratch, { recursive: true });
    return join(this.#scratch, `${randomBytes(8).toString('hex')}.partial`);
  }

  /** Runs `work` with a durable file of these bytes; it is gone afterwards. */
  async #written<T>(bytes: Buffer, work: (whole: string) => Promise<T>): Promise<T> {
    const result = await inFolders(async () => {
      const whole = await this.#scratchFile();
      try {
        const handle = await open(whole, 'wx');
        try {
          await handle.writeFile(bytes);
          await handle.sync();
        } finally {
          await handle.close();
        }
        return await work(whole);
      } finally {
        await rm(whole, { force: true });
      }
    });
    await this.#prune(this.#scratch);
    return result;
  }

  async #told<T>(path: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (error instanceof SluiceError || code === undefined) throw error;
      const full = join(this.#root, path);
      const rights = ['EACCES', 'EPERM', 'EROFS'].includes(code);
      throw new SluiceError(
        `${this.#side}/${rights ? 'no-rights' : 'disk'}`,
        rights ? 'config' : 'transient',
        `${basename(full)} in ${dirname(full)} cannot be reached: ${message.split('\n')[0]}`,
        {
          hint: rights
            ? 'Give the user that runs sluice the right to read and write the folder.'
            : 'Look whether the disk is full or gone; then run again.',
          cause: error,
        },
      );
    }
  }
}
