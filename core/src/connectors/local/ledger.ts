import { createReadStream } from 'node:fs';
import { copyFile, link, mkdir, open, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { EpochCommit } from '../../model/component.ts';
import type { FileIdentity } from '../../model/run.ts';
import { orNull, syncPath } from './disk.ts';

interface Entry extends FileIdentity {
  commit_id: string;
}

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
    const entries = await this.#entries(segments);
    return new Map([...entries].map(([path, { commit_id: _, ...file }]) => [path, file]));
  }

  async #entries(segments: readonly string[]): Promise<Map<string, Entry>> {
    const files = new Map<string, Entry>();
    for (const segment of segments) {
      const lines = createInterface({ input: createReadStream(join(this.#folder, segment)), crlfDelay: Infinity });
      for await (const line of lines) {
        if (line === '') continue;
        const file = JSON.parse(line) as Entry;
        files.set(file.path, file);
      }
    }
    return files;
  }

  /** Enters an epoch's files after what the ledger holds, and takes out what it forgets; returns the segments of all. */
  async after(known: readonly string[], epoch: EpochCommit, name: string): Promise<string[]> {
    const { files, commitId, forgetLedger, forgetCommits = [] } = epoch;
    const segments = forgetLedger ? [] : known;
    const forgets = forgetCommits.length > 0 && segments.length > 0;
    if (files.length === 0 && !forgets) return [...segments];
    const all = forgets || segments.length >= MOST_SEGMENTS;
    const merged = all ? await this.#entries(segments) : new Map<string, Entry>();
    const forgotten = new Set(forgetCommits);
    for (const [path, entry] of merged) if (forgotten.has(entry.commit_id)) merged.delete(path);
    for (const file of files) merged.set(file.path, { ...file, commit_id: commitId });
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
    if (segments.length > 0) await mkdir(this.#folder, { recursive: true });
    for (const segment of segments) {
      const [from, to] = [join(other.#folder, segment), join(this.#folder, segment)];
      await rm(to, { force: true });
      await link(from, to).catch(() => copyFile(from, to));
    }
  }
}
