import type { EpochCommit } from '../../../model/component.ts';
import type { FileIdentity } from '../../../model/run.ts';

interface Entry extends FileIdentity {
  commit_id: string;
}

/** Segments after which they are written as one. */
const MOST_SEGMENTS = 64;
/** Characters that are written at once. */
const CHUNK = 1 << 20;

/** Where segments lie. A segment that is written is durable, and nothing is ever written over it but by the same commit. */
export interface Shelf {
  lines(segment: string): AsyncIterable<string>;
  write(segment: string, chunks: Iterable<string>): Promise<void>;
  names(): Promise<string[]>;
  remove(segment: string): Promise<void>;
}

/**
 * The ledger of files as segments of NDJSON beside the state. A segment counts once a committed state names it, so that it
 * can be written before the commit.
 */
export class Ledger {
  readonly #shelf: Shelf;

  constructor(shelf: Shelf) {
    this.#shelf = shelf;
  }

  async read(segments: readonly string[]): Promise<Map<string, FileIdentity>> {
    const entries = await this.#entries(segments);
    return new Map([...entries].map(([path, { commit_id: _, ...file }]) => [path, file]));
  }

  async #entries(segments: readonly string[]): Promise<Map<string, Entry>> {
    const files = new Map<string, Entry>();
    for (const segment of segments) {
      for await (const line of this.#shelf.lines(segment)) {
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
    await this.#shelf.write(name, chunksOf(merged.values()));
    return all ? [name] : [...segments, name];
  }

  /** Removes segments that the state does not name. */
  async keep(segments: readonly string[]): Promise<void> {
    const known = new Set(segments);
    for (const name of await this.#shelf.names()) if (!known.has(name)) await this.#shelf.remove(name);
  }

  /** Takes over another stream's segments. */
  async takeFrom(other: Ledger, segments: readonly string[]): Promise<void> {
    for (const segment of segments) {
      const lines: string[] = [];
      for await (const line of other.#shelf.lines(segment)) if (line !== '') lines.push(`${line}\n`);
      await this.#shelf.write(segment, lines);
    }
  }
}

function* chunksOf(entries: Iterable<Entry>): Iterable<string> {
  let text = '';
  for (const entry of entries) {
    text += `${JSON.stringify(entry)}\n`;
    if (text.length < CHUNK) continue;
    yield text;
    text = '';
  }
  if (text !== '') yield text;
}
