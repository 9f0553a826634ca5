import { randomBytes } from 'node:crypto';
import { mkdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { WritableFolder } from '../../../model/folder.ts';
import type { ObjectStore } from './store.ts';

/** Smaller files go in one request. */
const WHOLE = 16 * 1024 * 1024;

/** Everything below a prefix of a bucket. `create` is a conditional write, which the store has to know. */
export class S3Folder implements WritableFolder {
  readonly name: string;
  readonly #store: ObjectStore;
  readonly #prefix: string;

  constructor(store: ObjectStore, prefix: string) {
    this.name = `${store.bucket}/${prefix}`;
    this.#store = store;
    this.#prefix = prefix;
  }

  async read(path: string): Promise<Buffer | null> {
    return (await this.#store.get(this.#key(path)))?.bytes ?? null;
  }

  async list(folder: string, from = ''): Promise<{ name: string; size: number }[]> {
    const prefix = this.#key(`${folder}/`);
    const found: { name: string; size: number }[] = [];
    for await (const { key, size } of this.#store.list(prefix, { flat: true, after: from })) {
      const name = key.slice(prefix.length);
      if (name >= from) found.push({ name, size });
    }
    return found;
  }

  async create(path: string, bytes: Buffer): Promise<boolean> {
    return (await this.#store.put(this.#key(path), bytes, { absent: true })) !== null;
  }

  async write(path: string, bytes: Buffer): Promise<void> {
    await this.#store.put(this.#key(path), bytes);
  }

  async bring(local: string, path: string): Promise<void> {
    const { size } = await stat(local);
    if (size <= WHOLE) await this.#store.put(this.#key(path), await readFile(local));
    else await this.#store.complete(await this.#store.upload(this.#key(path), local, size));
  }

  async local(path: string, into: string): Promise<string> {
    await mkdir(into, { recursive: true });
    const copy = join(into, `${randomBytes(8).toString('hex')}.parquet`);
    await this.#store.fetch(this.#key(path), copy);
    return copy;
  }

  async size(path: string): Promise<number | null> {
    return (await this.#store.head(this.#key(path)))?.size ?? null;
  }

  async remove(path: string): Promise<void> {
    await this.#store.remove(this.#key(path));
  }

  async removeAll(folder: string): Promise<void> {
    for await (const { key } of this.#store.list(this.#key(`${folder}/`))) await this.#store.remove(key);
  }

  #key(path: string): string {
    return `${this.#prefix}/${path}`;
  }
}
