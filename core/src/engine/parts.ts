import { createHash } from 'node:crypto';
import { mkdir, open } from 'node:fs/promises';
import { join } from 'node:path';
import type { FormatReader, LocalFile, SourceSession, Split } from '../model/component.ts';
import { type OwnedEngine, openEngine } from './duckdb.ts';

/** Smaller files come whole: one request is cheaper than three. */
const WHOLE = 1_000_000;
const MEMORY = 64_000_000;

/** Gets of remote files only what their format reads of them, laid at its place in a sparse file. */
export class PartsFetcher {
  readonly #session: SourceSession;
  readonly #reader: FormatReader;
  readonly #columns: readonly string[] | null;
  #engine: Promise<OwnedEngine> | null = null;

  /** `columns` null: the sample, of which the schema is enough. */
  constructor(session: SourceSession, reader: FormatReader, columns: readonly string[] | null) {
    this.#session = session;
    this.#reader = reader;
    this.#columns = columns;
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
    await fetchParts(local, this.#columns, await this.#engine, (ranges) =>
      fetchRanges.call(this.#session, split, path, ranges),
    );
    return local;
  }

  async close(): Promise<void> {
    (await this.#engine)?.close();
  }
}
