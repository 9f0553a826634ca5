import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { LocalFile, SourceContext, SourceSession, Split, SplitsRequest, TableFormat } from '../model/component.ts';
import { SluiceError } from '../model/error.ts';
import type { Stream } from '../model/job.ts';
import type { JsonObject } from '../model/json.ts';
import * as registry from '../registry.ts';
import * as specs from '../specs.ts';
import { pick } from './components.ts';
import { openEngine } from './duckdb.ts';

/** Connects a stream's source; where its format lists the files of a table, in the name of the source. */
export async function openSource(
  stream: Pick<Stream, 'source' | 'format'>,
  ctx: Omit<SourceContext, 'settings' | 'format'>,
): Promise<SourceSession> {
  const { source, format } = stream;
  const found = await pick(registry.sources, 'source', source.type);
  const session = await found.connect({ ...ctx, settings: source.settings, format });
  if (!format || !specs.formats[format.type]?.capabilities.lists_files) return session;
  const { table } = await pick(registry.formats, 'format', format.type);
  return table ? new TableSession(session, table, { ...stream, format }, ctx) : session;
}

interface TableStream {
  source: Stream['source'];
  format: NonNullable<Stream['format']>;
}

const LISTING = { threads: 2, memory: 500_000_000 };

/** A source of files whose format says which files there are. */
class TableSession implements SourceSession {
  readonly #inner: SourceSession;
  readonly #table: TableFormat;
  readonly #stream: TableStream;
  readonly #ctx: Omit<SourceContext, 'settings' | 'format'>;
  readonly transfers?: number;
  readonly fetchRanges?: NonNullable<SourceSession['fetchRanges']>;
  #position: JsonObject | null = null;

  constructor(
    inner: SourceSession,
    table: TableFormat,
    stream: TableStream,
    ctx: Omit<SourceContext, 'settings' | 'format'>,
  ) {
    this.#inner = inner;
    this.#table = table;
    this.#stream = stream;
    this.#ctx = ctx;
    if (inner.transfers !== undefined) this.transfers = inner.transfers;
    const ranges = inner.fetchRanges?.bind(inner);
    if (ranges) this.fetchRanges = (split, path, wanted) => ranges(plain(split), path, wanted);
  }

  /** The listing looks for everything that a test could. */
  async test(): Promise<void> {
    this.#folder();
  }

  async *splits({ checkpoint, incremental, spool }: SplitsRequest): AsyncIterable<Split> {
    const { path, files, detail } = this.#folder();
    const byFiles = incremental.type === 'files';
    const listing = await this.#table.list(files, {
      settings: this.#stream.format.settings,
      since: byFiles ? ((checkpoint?.source as JsonObject | undefined) ?? null) : null,
      onChange: byFiles ? incremental.on_change : 'reload',
      spool,
      log: this.#ctx.log,
      withEngine: async (work) => {
        const folder = join(spool, 'listing');
        await mkdir(folder, { recursive: true });
        const engine = await openEngine({ spool: folder, ...LISTING });
        try {
          return await work({ rows: (sql) => engine.rows(sql), folder });
        } finally {
          engine.close();
        }
      },
    });
    this.#position = listing.position;
    for (const [ordinal, { entry, ...found }] of listing.files.entries()) {
      this.#ctx.signal.throwIfAborted();
      const file = { ...found, path: `${path}/${found.path}` };
      yield { ordinal, bytes: file.size, file, detail: detail(found.path), entry };
    }
  }

  position(): JsonObject | null {
    return this.#position;
  }

  fetch(split: Split, spool: string): Promise<LocalFile> {
    return this.#inner.fetch(plain(split), spool);
  }

  async committed(): Promise<void> {}

  async close(): Promise<void> {
    await this.#inner.close();
  }

  #folder() {
    const { source, format } = this.#stream;
    const path = String(source.settings.path ?? '').replace(/\/+$/, '');
    const folder = this.#inner.folder?.(path);
    if (folder) return { path, ...folder };
    throw new SluiceError('source/format', 'config', `${source.type} cannot read tables of the format ${format.type}`, {
      hint: `Read it from: ${Object.keys(registry.sources)
        .filter((type) => specs.sources[type]?.capabilities.folders)
        .join(', ')}.`,
    });
  }
}

/** The split as its source knows it: the tag is the format's. */
function plain(split: Split): Split {
  return split.file ? { ...split, file: { ...split.file, etag: null } } : split;
}
