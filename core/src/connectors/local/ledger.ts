import { createReadStream } from 'node:fs';
import { mkdir, open, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { FileIdentity } from '../../model/run.ts';
import { orNull, syncPath } from './disk.ts';

/** Segments after which they are written as one. */
const MOST_SEGMENTS = 64;

/**
 * The ledger of files as segments of NDJSON beside the state. A segment counts once a committed state names it, so that it
 * can be written before the commit.
 */
export class Ledger {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = join(folder, 'ledger');
  }

  async read(segments: readonly string[]): Promise<Map<string, FileIdentity>> {
    const files = new Map<string, FileIdentity>();
    for (const segment of segments) {
      const lines = createInterface({ input: createReadStream(join(this.#folder, segment)), crlfDelay: Infinity });
      for await (const line of lines) {
        if (line === '') continue;
        const file = JSON.parse(line) as FileIdentity;
        files.set(file.path, file);
      }
    }
    return files;
  }

  /** Enters files after what the segments hold; returns the segments of both. */
  async add(segments: readonly string[], name: string, files: readonly FileIdentity[]): Promise<string[]> {
    if (files.length === 0) return [...segments];
    const all = segments.length >= MOST_SEGMENTS;
    const merged = all ? await this.read(segments) : new Map<string, FileIdentity>();
    for (const file of files) merged.set(file.path, file);
    await mkdir(this.#folder, { recursive: true });
    const segment = `${name}.ndjson`;
    const handle = await open(join(this.#folder, segment), 'w');
    try {
      let text = '';
      for (const file of merged.values()) {
        text += `${JSON.stringify(file)}\n`;
        if (text.length < 1 << 20) continue;
        await handle.write(text);
        text = '';
      }
      await handle.write(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await syncPath(this.#folder);
    return all ? [segment] : [...segments, segment];
  }

  /** Removes segments that the state does not name. */
  async keep(segments: readonly string[]): Promise<void> {
    const known = new Set(segments);
    for (const name of (await orNull(readdir(this.#folder))) ?? [])
      if (!known.has(name)) await rm(join(this.#folder, name), { force: true });
  }

  /** Takes over another stream's segments. */
  async takeFrom(other: Ledger, segments: readonly string[]): Promise<void> {
    const { link, copyFile } = await import('node:fs/promises');
    if (segments.length > 0) await mkdir(this.#folder, { recursive: true });
    for (const segment of segments) {
      const [from, to] = [join(other.#folder, segment), join(this.#folder, segment)];
      await rm(to, { force: true });
      await link(from, to).catch(() => copyFile(from, to));
    }
  }
}
