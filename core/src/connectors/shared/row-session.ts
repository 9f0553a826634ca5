import { randomUUID } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type {
  Context,
  Engine,
  LocalFile,
  RowRange,
  SourceSession,
  SourceTable,
  Split,
  SplitsRequest,
} from '../../model/component.ts';
import { requireDistinct, spoolCsv, type TextColumn } from './columns.ts';
import { type CsvValue, csvRows } from './csv-rows.ts';
import { tellNulls } from './nulls.ts';
import type { Part } from './ranges.ts';
import { requireShape, shapeOf } from './shape.ts';

/** Which rows a driver is asked for; null: all. */
export interface Wanted {
  range: RowRange | null;
  part: string | null;
  limit: number | null;
}

/** What a session asks a driver for that hands out rows as JavaScript values. Each throws `source/*` errors. */
export interface RowDriver<C extends TextColumn & { nullable: boolean }> {
  /** For messages and the rows' metadata. */
  readonly name: string;
  /** Columns and key, without reading a row; asked once a session. */
  describe(): Promise<{ columns: C[]; primary_key: string[] }>;
  /** Rows without a value in a column. */
  countNulls(column: C): Promise<number>;
  /** Parts that together are every row, for about so many at once; left out: the system reads as one part alone. */
  parts?(columns: readonly C[], sideBySide: number): Promise<Part[]>;
  /** From now on everything is asked of that session of a part. */
  join?(session: string): void;
  /** The rows, as the server sends them; it has to wait while nobody takes them. `part`: a condition of `parts`. */
  rows?(columns: readonly C[], wanted: Wanted): AsyncIterable<CsvValue[]>;
  /** In place of `rows`: writes them to a file of columns, whose names are `columnAt`. Gives the bytes that came. */
  spool?(engine: Engine, path: string, columns: readonly C[], wanted: Wanted): Promise<{ bytes: number }>;
  close(): Promise<void>;
}

/**
 * A source of columns. One part is one statement, in whatever snapshot the driver's session has. Several are only for streams that
 * load everything each time: where the driver has no session for them that sees one moment, a checkpoint would pass over what came
 * between.
 */
export class RowSession<C extends TextColumn & { nullable: boolean }> implements SourceSession {
  readonly transfers = 1;
  readonly #ctx: Context;
  readonly #driver: RowDriver<C>;
  #described: Promise<{ table: SourceTable; columns: C[] }> | null = null;

  constructor(ctx: Context, driver: RowDriver<C>) {
    this.#ctx = ctx;
    this.#driver = driver;
  }

  async test(): Promise<void> {
    await this.describe();
  }

  async describe(): Promise<SourceTable> {
    return (await this.#describe()).table;
  }

  async *splits(request: SplitsRequest): AsyncIterable<Split> {
    const { table, columns } = await this.#describe();
    const range = request.range ?? null;
    if (range && !range.nulls) await this.#warnOfNulls(range.column, columns);
    const shape = shapeOf(table);
    const detail = { read: randomUUID(), shape, range: range as never, limit: request.rows ?? null };
    const alone = request.rows !== undefined || range !== null || request.incremental.type !== 'none';
    const parts = alone ? null : await this.#driver.parts?.(columns, request.parts ?? 1);
    for (const [ordinal, { where, bytes, session = null }] of (parts ?? [{ where: null, bytes: null }]).entries()) {
      yield { ordinal, bytes, file: null, detail: { ...detail, where, session } };
    }
  }

  async fetch(split: Split, spool: string, engine?: Engine): Promise<LocalFile> {
    if (!engine) throw new Error('columns are read with an engine');
    const { read, shape, range, limit, where, session } = split.detail;
    if (typeof session === 'string') this.#driver.join?.(session);
    const { table, columns } = await this.#describe();
    requireShape(table, shape);
    await mkdir(spool, { recursive: true });
    const path = join(spool, `part-${read}-${split.ordinal}.parquet`);
    const wanted: Wanted = {
      range: range as unknown as RowRange | null,
      part: typeof where === 'string' ? where : null,
      limit: typeof limit === 'number' ? limit : null,
    };
    const rows = () => csvRows(this.#driver.rows?.(columns, wanted) ?? [], this.#ctx.came);
    const { bytes } = await (this.#driver.spool?.(engine, path, columns, wanted) ??
      spoolCsv(engine, path, columns, rows()));
    const format = { type: 'columns', settings: {} };
    return { path, name: this.#driver.name, size: bytes, modified_at: null, ordinal: split.ordinal, format };
  }

  async committed(): Promise<void> {}

  close(): Promise<void> {
    return this.#driver.close();
  }

  #describe(): Promise<{ table: SourceTable; columns: C[] }> {
    this.#described ??= this.#driver.describe().then(({ columns, primary_key }) => {
      requireDistinct(columns);
      const plain = columns.map(({ name, type, guess }) => ({ name, type, ...(guess ? { guess } : {}) }));
      return { table: { columns: plain, primary_key }, columns };
    });
    return this.#described;
  }

  /** Rows without a cursor are never new: after the first load they stay behind, and that is said. */
  async #warnOfNulls(name: string, columns: readonly C[]): Promise<void> {
    const column = columns.find((known) => known.name === name);
    if (!column?.nullable) return;
    tellNulls(this.#ctx.log, name, await this.#driver.countNulls(column));
  }
}
