import { createHash } from 'node:crypto';
import { mkdir, open } from 'node:fs/promises';
import { join } from 'node:path';
import type { FormatReader, LocalFile, PartsWanted, SourceSession, Split } from '../model/component.ts';
import { type OwnedEngine, openEngine } from './duckdb.ts';

/** Smaller files come whole: one request is cheaper than three. */
const WHOLE = 1_000_000;
const MEMORY = 64_000_000;

/** Gets of remote files only what their format reads of them, laid at its place in a sparse file. */
export class PartsFetcher {
  readonly #session: SourceSession;
  readonly #reader: FormatReader;
  readonly #wanted: PartsWanted;
  #engine: Promise<OwnedEngine> | null = null;

  constructor(session: SourceSession, reader: FormatReader, wanted: PartsWanted) {
    this.#session = session;
    this.#reader = reader;
    this.#wanted = wanted;
  }

  /** null where the file is to be fetched whole. */
  async fetch(split: Split, folder: string): Promise<LocalFile | null> {
    const { file } = split;
    const { fetchRanges } = this.#session;
    const { fetchParts } = this.#reader;
    if (!file || !fetchRanges || !fetchParts || file.size < WHOLE) return null;
    await mkdir(folder, { recursive: true });
    const path = join(folder, `parts-${createHash('sha256').update(JSON.stringify(file)).digest('hex').slice(0, 32)}`);
    const handle = await open(path, 'a');
    try {
      await handle.truncate(file.size);
    } finally {
      await handle.close();
    }
    const { size, modified_at, path: name } = file;
    const entry = split.entry ? { entry: split.entry } : {};
    const local: LocalFile = { path, name, size, modified_at, ordinal: split.ordinal, ...entry };
    // The task's own engine may be busy with the files that came before.
    this.#engine ??= openEngine({ spool: folder, threads: 1, memory: MEMORY });
    const skipped = await fetchParts(local, this.#wanted, await this.#engine, (ranges) =>
      fetchRanges.call(this.#session, split, path, ranges),
    );
    return skipped.length > 0 ? { ...local, skipped } : local;
  }

  async close(): Promise<void> {
    (await this.#engine)?.close();
  }
}
