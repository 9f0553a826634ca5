import { createHash, type Hash } from 'node:crypto';
import { type FileHandle, open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { FileIdentity } from '../../model/run.ts';
import { oneLine, type Slice } from './slices.ts';

/** Rows of one file; several are read by several tasks. */
const FILE_BYTES = 64_000_000;
const LF = Buffer.from('\n');
const BOM = Buffer.from([0xef, 0xbb, 0xbf]);

interface Part {
  path: string;
  file: FileIdentity;
}

/** Writes the records of pages as lines of files, in their order. */
export class RowFiles {
  readonly #folder: string;
  readonly #name: string;
  readonly #parts: Part[] = [];
  #open: { handle: FileHandle; path: string; size: number; hash: Hash } | null = null;

  constructor(folder: string, name: string) {
    this.#folder = folder;
    this.#name = name;
  }

  /** One record a line, as the bytes that came. */
  async add(bytes: Buffer, slices: readonly Slice[]): Promise<void> {
    if (slices.length === 0) return;
    await this.#write(Buffer.concat(slices.flatMap(([from, to]) => [oneLine(bytes.subarray(from, to)), LF])));
  }

  /** A page whose lines are records already. */
  async addLines(body: Buffer): Promise<void> {
    const text = body.subarray(0, 3).equals(BOM) ? body.subarray(3) : body;
    await this.#write(text.at(-1) === LF[0] ? text : Buffer.concat([text, LF]));
  }

  /** A page that is a file of its own. */
  async addFile(body: Buffer): Promise<void> {
    const path = this.#path();
    await writeFile(path, body);
    this.#enter(path, body.length, createHash('sha256').update(body).digest('hex'));
  }

  async close(): Promise<void> {
    await this.#end();
  }

  /** The files, once they are closed. */
  get parts(): readonly Part[] {
    return this.#parts;
  }

  async #write(text: Buffer): Promise<void> {
    this.#open ??= await this.#begin();
    await this.#open.handle.appendFile(text);
    this.#open.hash.update(text);
    this.#open.size += text.length;
    if (this.#open.size >= FILE_BYTES) await this.#end();
  }

  async #begin() {
    const path = this.#path();
    return { handle: await open(path, 'w'), path, size: 0, hash: createHash('sha256') };
  }

  async #end(): Promise<void> {
    const part = this.#open;
    if (!part) return;
    this.#open = null;
    await part.handle.close();
    this.#enter(part.path, part.size, part.hash.digest('hex'));
  }

  #path(): string {
    return join(this.#folder, `rows-${this.#parts.length + 1}`);
  }

  #enter(path: string, size: number, hash: string): void {
    // Names in the order of the parts, as they are sorted.
    const name = `${this.#name}#${String(this.#parts.length + 1).padStart(6, '0')}`;
    this.#parts.push({ path, file: { path: name, size, modified_at: null, etag: `sha256:${hash}` } });
  }
}
