import { randomUUID } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { ColumnFile } from '../../columnar/file.ts';
import type {
  Discovered,
  Engine,
  LocalFile,
  RowRange,
  Source,
  SourceContext,
  SourceSession,
  SourceTable,
  Split,
  SplitsRequest,
} from '../../model/component.ts';
import { SluiceError } from '../../model/error.ts';
import type { JsonObject } from '../../model/json.ts';
import { literal } from '../../model/sql.ts';
import { castColumns, columnAt, mostOfRow } from '../shared/columns.ts';
import { ofSource } from '../shared/errors.ts';
import { tellNulls } from '../shared/nulls.ts';
import { requireShape, shapeOf } from '../shared/shape.ts';
import { tableName } from '../shared/table-name.ts';
import { toAddress } from './address.ts';
import { BinaryRows } from './binary-rows.ts';
import { openSession, type PgDb, wire } from './client.ts';
import { copyOut } from './copy-out.ts';
import { queryError } from './errors.ts';
import {
  conditions,
  countNulls,
  type Described,
  describeTable,
  fromSql,
  type ReadSettings,
  readError,
} from './read.ts';
import type { ReadColumn } from './source-types.ts';
import { partsOf } from './splits.ts';

/** A session that waits holds no lock that hinders writers: it may wait as long as the run takes. */
const SESSION: Record<string, string> = { idle_in_transaction_session_timeout: '0', IntervalStyle: 'iso_8601' };

export const source: Source = {
  async connect(ctx) {
    return new PgSession(ctx);
  },
  discover,
};

async function discover(ctx: SourceContext): Promise<Discovered[]> {
  const db = await open(ctx);
  try {
    const rows = await db
      .rows(
        `SELECT n.nspname AS schema, c.relname AS name, c.reltuples::bigint AS rows, c.relkind AS kind,
           (SELECT string_agg(a.attname, chr(10) ORDER BY k.place) FROM pg_index i
              CROSS JOIN LATERAL unnest(i.indkey::smallint[]) WITH ORDINALITY AS k(attnum, place)
              JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
            WHERE i.indrelid = c.oid AND i.indisprimary) AS key
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition
           AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%'
           AND c.relname NOT LIKE '\\_sluice\\_%'
           AND has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')
         ORDER BY 1, 2`,
      )
      .catch(rethrow);
    return rows.map(({ schema, name, rows: count, kind, key }) => ({
      name: (schema === 'public' ? String(name) : `${schema}_${name}`).toLowerCase().replaceAll(/\W/g, '_'),
      text:
        kind === 'v'
          ? 'view'
          : `table, ${Number(count) < 0 ? 'never counted' : `about ${Number(count).toLocaleString('en')} rows`}`,
      settings: { table: tableName(String(schema), String(name)) },
      ...(kind === 'v' ? { view: true } : {}),
      ...(key === null ? {} : { primary_key: String(key).split('\n') }),
    }));
  } finally {
    await db.end();
  }
}

function rethrow(error: unknown): never {
  throw readError(error) ?? ofSource(error);
}

async function open(ctx: SourceContext): Promise<PgDb> {
  try {
    const address = toAddress(ctx.settings);
    const db = await openSession(address, 'sluice source', ctx.signal);
    const settings = { ...SESSION, ...address.options, IntervalStyle: SESSION.IntervalStyle ?? '' };
    const calls = Object.entries(settings).map(
      ([name, value]) => `set_config(${literal(name)}, ${literal(value)}, false)`,
    );
    await db.run(`SELECT ${calls.join(', ')}`);
    return db;
  } catch (error) {
    throw ofSource(error);
  }
}

class PgSession implements SourceSession {
  readonly transfers = 1;
  readonly #ctx: SourceContext;
  readonly #settings: ReadSettings;
  #opened: Promise<PgDb> | null = null;
  #snapshot: string | null = null;
  #described: Promise<Described> | null = null;

  constructor(ctx: SourceContext) {
    this.#ctx = ctx;
    this.#settings = ctx.settings as ReadSettings;
  }

  async test(): Promise<void> {
    await this.describe();
  }

  async describe(): Promise<SourceTable> {
    return (await this.#describe()).table;
  }

  async *splits(request: SplitsRequest): AsyncIterable<Split> {
    const db = await this.#db(null);
    const described = await this.#describe();
    const range = request.range ?? null;
    const look = request.rows !== undefined;
    const common: JsonObject = {
      read: randomUUID(),
      shape: shapeOf(described.table),
      range: range as never,
      limit: request.rows ?? null,
      // A look is one part, read by whoever comes: nobody holds a snapshot for it.
      snapshot: look ? null : await this.#export(db),
    };
    if (range && !range.nulls) await this.#warnOfNulls(db, range);
    const alone = look || (range !== null && this.#settings.partition_on === undefined);
    const parts = alone
      ? [{ where: null, bytes: null }]
      : await partsOf(db, this.#settings, described, request.parts ?? 1).catch(rethrow);
    for (const [ordinal, part] of parts.entries()) {
      yield { ordinal, bytes: part.bytes, file: null, detail: { ...common, where: part.where } };
    }
  }

  async fetch(split: Split, spool: string, engine?: Engine): Promise<LocalFile> {
    if (!engine) throw new Error('columns are read with an engine');
    const { read, shape, range, limit, snapshot, where } = split.detail;
    const db = await this.#db(typeof snapshot === 'string' ? snapshot : null);
    const described = await this.#describe();
    requireShape(described.table, shape);
    const all = conditions(this.#settings, range as unknown as RowRange | null, described.types);
    if (typeof where === 'string') all.push(`(${where})`);
    const select = described.columns.map((column) => column.select);
    const query =
      `SELECT ${select.join(', ')} FROM ${fromSql(this.#settings)} AS t` +
      (all.length > 0 ? ` WHERE ${all.join(' AND ')}` : '') +
      (typeof limit === 'number' ? ` LIMIT ${limit}` : '');
    await mkdir(spool, { recursive: true });
    const path = join(spool, `part-${read}-${split.ordinal}.parquet`);
    const name = this.#settings.table ?? 'query';
    const { bytes } = await this.#copy(db, query, engine, path, described.columns);
    return {
      path,
      name,
      size: bytes,
      modified_at: null,
      ordinal: split.ordinal,
      format: { type: 'columns', settings: {} },
    };
  }

  async committed(): Promise<void> {}

  async close(): Promise<void> {
    const db = await this.#opened?.catch(() => null);
    await db?.end();
  }

  async #copy(db: PgDb, query: string, engine: Engine, path: string, columns: readonly ReadColumn[]) {
    const file = await ColumnFile.create(
      path,
      columns.map(({ stored }, i) => ({ name: columnAt(i), type: stored })),
      this.#ctx.came,
    );
    try {
      const copy = `COPY (${query}) TO STDOUT (FORMAT binary, ENCODING 'UTF8')`;
      const { rows, bytes } = await copyOut(db, copy, new BinaryRows(file, columns), mostOfRow(engine));
      await file.finish();
      if (rows !== file.rows) throw incomplete();
      await castColumns(engine, path, columns);
      return { rows, bytes };
    } catch (error) {
      // The server may still be sending: it is not waited for.
      wire(db.client).stream.destroy();
      await file.discard();
      throw explained(error, db);
    }
  }

  /** The session's transaction, in a snapshot of its own or in the one named: columns and rows stay as they are in it. */
  #db(snapshot: string | null): Promise<PgDb> {
    this.#opened ??= this.#begin(snapshot);
    return this.#opened;
  }

  async #begin(snapshot: string | null): Promise<PgDb> {
    const db = await open(this.#ctx);
    try {
      await db.run('BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY');
      if (snapshot !== null) await db.run(`SET TRANSACTION SNAPSHOT ${literal(snapshot)}`);
      return db;
    } catch (error) {
      await db.end();
      return rethrow(error);
    }
  }

  #describe(): Promise<Described> {
    this.#described ??= this.#db(null)
      .then((db) =>
        describeTable(db, this.#settings).catch((error) => {
          throw error instanceof SluiceError ? error : queryError(error, db.address);
        }),
      )
      .catch(rethrow);
    return this.#described;
  }

  async #export(db: PgDb): Promise<string> {
    if (this.#snapshot === null) {
      const [row] = await db.rows('SELECT pg_export_snapshot() AS name').catch(rethrow);
      this.#snapshot = String(row?.name);
    }
    return this.#snapshot;
  }

  /** Rows without a cursor are never new: after the first load they stay behind, and that is said. */
  async #warnOfNulls(db: PgDb, { column }: RowRange): Promise<void> {
    tellNulls(this.#ctx.log, column, await countNulls(db, this.#settings, column).catch(rethrow));
  }
}

function incomplete(): SluiceError {
  return new SluiceError('source/incomplete', 'transient', 'Not all rows that Postgres sent came through', {
    hint: 'Run again; `retries` does so by itself.',
  });
}

function explained(error: unknown, db: PgDb): unknown {
  if (error instanceof SluiceError) return error;
  const isDriver =
    error instanceof Error && ('severity' in error || /terminat|closed|ECONN|EPIPE|timeout/i.test(error.message));
  if (!isDriver) return error;
  return readError(error) ?? ofSource(queryError(error, db.address));
}
