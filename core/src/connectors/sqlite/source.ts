import { randomUUID } from 'node:crypto';
import { mkdir, open, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type Database from 'better-sqlite3';
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
import { ident, literal } from '../../model/sql.ts';
import { requireDistinct, spoolCsv, type TextColumn } from '../shared/columns.ts';
import { type CsvValue, csvRows } from '../shared/csv-rows.ts';
import { ofSource } from '../shared/errors.ts';
import { tellNulls } from '../shared/nulls.ts';
import { numbersBetween, type Part, partCount, partsBetween } from '../shared/ranges.ts';
import { requireShape, shapeOf } from '../shared/shape.ts';
import { bracketed, tableName, tableOrQuery, tableParts } from '../shared/table-name.ts';
import { type SqliteDb, withSqlite } from './file.ts';
import { type Declared, readColumn, writer } from './source-types.ts';

interface Settings {
  path: string;
  table?: string;
  query?: string;
  where?: string;
  partition_on?: string;
}

/** Values of an expression that are looked at to tell its type. */
const SAMPLE = 1000;

export const source: Source = {
  async connect(ctx) {
    return new SqliteSession(ctx);
  },

  discover(ctx) {
    return reading(ctx, async (db) => {
      const found = await db.rows(
        `SELECT name, type FROM sqlite_schema WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
           AND name NOT LIKE '\\_sluice\\_%' ESCAPE '\\' ORDER BY name`,
      );
      const tables: Discovered[] = [];
      for (const row of found) {
        const name = String(row.name);
        const key = await primaryKey(db, 'main', name);
        tables.push({
          name: name.toLowerCase().replaceAll(/\W/g, '_'),
          text: String(row.type),
          settings: { table: tableName(name) },
          ...(row.type === 'view' ? { view: true } : {}),
          ...(key.length > 0 ? { primary_key: key } : {}),
        });
      }
      return tables;
    });
  },
};

/** Opens the file for one look or read. Throws `source/*` errors. */
async function reading<T>(ctx: SourceContext, work: (db: SqliteDb) => Promise<T>): Promise<T> {
  const path = resolve(ctx.projectDir, String(ctx.settings.path));
  try {
    return await withSqlite(path, { readOnly: true, memory: 64_000_000, signal: ctx.signal }, async (db) => {
      try {
        return await work(db);
      } catch (error) {
        throw explained(error);
      }
    });
  } catch (error) {
    throw ofSource(error);
  }
}

async function primaryKey(db: SqliteDb, schema: string, table: string): Promise<string[]> {
  const rows = await db.rows(
    `SELECT name FROM pragma_table_info(${literal(table)}, ${literal(schema)}) WHERE pk > 0 ORDER BY pk`,
  );
  return rows.map((row) => String(row.name));
}

interface Described {
  table: SourceTable;
  columns: TextColumn[];
}

class SqliteSession implements SourceSession {
  readonly transfers = 1;
  readonly #ctx: SourceContext;
  readonly #settings: Settings;
  #described: Promise<Described> | null = null;

  constructor(ctx: SourceContext) {
    this.#ctx = ctx;
    this.#settings = ctx.settings as unknown as Settings;
  }

  async test(): Promise<void> {
    await this.describe();
  }

  async describe(): Promise<SourceTable> {
    this.#described ??= reading(this.#ctx, (db) => this.#describe(db));
    return (await this.#described).table;
  }

  async *splits(request: SplitsRequest): AsyncIterable<Split> {
    const shape = shapeOf(await this.describe());
    if (request.range && !request.range.nulls) await this.#warnOfNulls(request.range.column);
    const detail = { read: randomUUID(), shape, range: (request.range ?? null) as never, limit: request.rows ?? null };
    const { partition_on: on } = this.#settings;
    if (on === undefined || request.rows !== undefined) {
      yield { ordinal: 0, bytes: null, file: null, detail };
      return;
    }
    const path = resolve(this.#ctx.projectDir, String(this.#ctx.settings.path));
    const { parts, version } = await reading(this.#ctx, (db) => this.#parts(db, path, on, request.parts ?? 1));
    for (const [ordinal, { where, bytes }] of parts.entries()) {
      yield { ordinal, bytes, file: null, detail: { ...detail, where, version } };
    }
  }

  async fetch(split: Split, spool: string, engine?: Engine): Promise<LocalFile> {
    if (!engine) throw new Error('columns are read with an engine');
    const { read, shape, range, limit, where: part, version } = split.detail;
    await mkdir(spool, { recursive: true });
    const path = join(spool, `part-${read}-${split.ordinal}.parquet`);
    const { bytes } = await reading(this.#ctx, async (db) => {
      if (typeof version === 'string') {
        await snapshot(db);
        const file = resolve(this.#ctx.projectDir, String(this.#ctx.settings.path));
        if ((await versionOf(file)) !== version) throw changed();
      }
      const described = await this.#describe(db);
      requireShape(described.table, shape);
      const wanted = range as unknown as RowRange | null;
      const { where, values } = this.#conditions(wanted, typeof part === 'string' ? part : null);
      const bound = typeof limit === 'number' ? ` LIMIT ${limit}` : '';
      const statement = this.#prepare(db, `SELECT * FROM ${this.#from()}${where}${bound}`);
      const writers = described.columns.map(writer);
      const signal = this.#ctx.signal;
      function* texts(): Generator<CsvValue[]> {
        // Begun with the first row: the file cannot be closed while rows are open that nobody asked for.
        for (const row of statement.iterate(...values) as IterableIterator<unknown[]>) {
          signal.throwIfAborted();
          yield row.map((value, i) => writers[i]?.(value) ?? null);
        }
      }
      return spoolCsv(engine, path, described.columns, csvRows(texts(), this.#ctx.came));
    });
    const name = this.#settings.table ?? 'query';
    const format = { type: 'columns', settings: {} };
    return { path, name, size: bytes, modified_at: null, ordinal: split.ordinal, format };
  }

  async committed(): Promise<void> {}
  async close(): Promise<void> {}

  async #warnOfNulls(column: string): Promise<void> {
    const own = this.#settings.where === undefined ? '' : ` AND ${bracketed(this.#settings.where)}`;
    const sql = `SELECT count(*) AS n FROM ${this.#from()} WHERE ${ident(column)} IS NULL${own}`;
    const row = await reading(this.#ctx, async (db) => this.#prepare(db, sql).get());
    tellNulls(this.#ctx.log, column, Number((row as unknown[] | undefined)?.[0] ?? 0));
  }

  #from(): string {
    const what = tableOrQuery(this.#settings);
    return 'table' in what ? ident(...tableParts(what.table, 2)) : bracketed(what.query);
  }

  #conditions(range: RowRange | null, part: string | null = null): { where: string; values: unknown[] } {
    const all = this.#settings.where === undefined ? [] : [bracketed(this.#settings.where)];
    if (part !== null) all.push(part);
    const values: unknown[] = [];
    if (range) {
      const name = ident(range.column);
      const bounds: string[] = [];
      for (const [sign, text] of [['>=', range.from] as const, ['<', range.to] as const]) {
        if (text === null) continue;
        bounds.push(`${name} ${sign} ?`);
        values.push(BigInt(text));
      }
      all.push(range.nulls ? `((${bounds.join(' AND ')}) OR ${name} IS NULL)` : bounds.join(' AND '));
    }
    return { where: all.length > 0 ? ` WHERE ${all.join(' AND ')}` : '', values };
  }

  /** The parts of the rows, and what tells this state of the file from another. Throws `source/partition`. */
  async #parts(
    db: SqliteDb,
    path: string,
    on: string,
    sideBySide: number,
  ): Promise<{ parts: Part[]; version: string }> {
    await snapshot(db);
    const version = await versionOf(path);
    const { columns } = await this.#describe(db);
    if (!columns.some(({ name }) => name === on)) {
      throw new SluiceError('source/partition', 'config', `There is no column ${on} to divide the rows by`, {
        where: { column: on },
        hint: `\`partition_on\` is one of ${columns.map(({ name }) => name).join(', ')}.`,
      });
    }
    const bytes = (await stat(path)).size;
    const count = partCount(bytes, sideBySide);
    const { where } = this.#conditions(null);
    const numbers = `FROM (SELECT ${ident(on)} AS v FROM ${this.#from()}${where}) WHERE typeof(v) = 'integer'`;
    const [ends] = await db.rows(`SELECT min(v) AS low, max(v) AS high ${numbers}`);
    const isKnown = ends?.low != null && ends.high != null && count > 1;
    const bounds = isKnown ? numbersBetween(BigInt(String(ends.low)), BigInt(String(ends.high)), count) : [];
    return { parts: partsBetween(ident(on), bounds.map(String), bytes), version };
  }

  #prepare(db: SqliteDb, sql: string): Database.Statement<unknown[]> {
    const statement = db.handle.prepare<unknown[]>(sql);
    if (!statement.reader) throw new SluiceError('source/query', 'config', 'The query yields no rows');
    return statement.raw().safeIntegers();
  }

  async #describe(db: SqliteDb): Promise<Described> {
    const { where } = this.#conditions(null);
    const found = this.#prepare(db, `SELECT * FROM ${this.#from()}${where}`).columns();
    const what = tableOrQuery(this.#settings);
    const exact = 'table' in what ? await exactColumns(db, what.table) : new Set<string>();
    const columns: TextColumn[] = [];
    for (const { name, type } of found) {
      const declared: Declared = { name, type, exact: exact.has(name) };
      columns.push(readColumn(declared, type === null ? await this.#classes(db, name) : []));
    }
    requireDistinct(columns);
    const key = 'table' in what ? await keyOf(db, what.table) : [];
    const plain = columns.map(({ name, type, guess }) => ({ name, type, ...(guess ? { guess } : {}) }));
    return { table: { columns: plain, primary_key: key }, columns };
  }

  /** The storage classes of an expression's first values. */
  async #classes(db: SqliteDb, name: string): Promise<string[]> {
    const { where } = this.#conditions(null);
    const first = `SELECT ${ident(name)} AS v FROM ${this.#from()}${where} LIMIT ${SAMPLE}`;
    const rows = await db.rows(`SELECT DISTINCT typeof(v) AS class FROM (${first}) WHERE v IS NOT NULL`);
    return rows.map((row) => String(row.class));
  }
}

/** Begins a transaction that reads: what others write from now on is not seen. */
async function snapshot(db: SqliteDb): Promise<void> {
  await db.run('BEGIN');
  await db.rows('SELECT count(*) AS n FROM sqlite_schema');
}

/**
 * Changes with each commit of any program: the file's change counter, and where there is a write-ahead log its length, checksum
 * and salts as the index beside it has them (sqlite.org/fileformat2.html 1.3.7, walformat.html 2.1).
 */
async function versionOf(path: string): Promise<string> {
  const counter = await bytesOf(path, 24, 4);
  return `${counter} ${await bytesOf(`${path}-shm`, 16, 24)}`;
}

async function bytesOf(path: string, from: number, length: number): Promise<string> {
  const handle = await open(path, 'r').catch(() => null);
  if (!handle) return '';
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, from);
    return buffer.subarray(0, bytesRead).toString('hex').replace(/^0+$/, '');
  } finally {
    await handle.close();
  }
}

function changed(): SluiceError {
  return new SluiceError('source/changed', 'transient', 'The SQLite file was written to while its parts were read', {
    hint: 'Run again, or leave out `partition_on`: one statement reads one snapshot whatever others write.',
  });
}

function partsOf(table: string): [string, string] {
  const parts = tableParts(table, 2);
  return parts.length === 1 ? ['main', parts[0] ?? ''] : [parts[0] ?? '', parts[1] ?? ''];
}

function keyOf(db: SqliteDb, table: string): Promise<string[]> {
  return primaryKey(db, ...partsOf(table));
}

/** Columns whose values are whole numbers without exception: the row's own number, and those of STRICT tables. */
async function exactColumns(db: SqliteDb, table: string): Promise<Set<string>> {
  const [schema, name] = partsOf(table);
  const rows = await db.rows(
    `SELECT i.name, i.type, i.pk, l.strict, l.wr, (SELECT count(*) FROM pragma_table_info(${literal(name)}, ${literal(schema)}) WHERE pk > 0) AS keys
     FROM pragma_table_info(${literal(name)}, ${literal(schema)}) AS i JOIN pragma_table_list AS l
       ON l.name = ${literal(name)} COLLATE NOCASE AND l.schema = ${literal(schema)} COLLATE NOCASE AND l.type = 'table'`,
  );
  const exact = rows.filter(({ type, pk, strict, wr, keys }) => {
    const rowid = Number(pk) > 0 && Number(keys) === 1 && Number(wr) === 0 && String(type).toUpperCase() === 'INTEGER';
    return rowid || (Number(strict) === 1 && /^INT/i.test(String(type)));
  });
  return new Set(exact.map((row) => String(row.name)));
}

function explained(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof SluiceError) return error;
  const code = 'code' in error ? String(error.code) : '';
  if (/no such table/.test(error.message)) {
    return new SluiceError('source/no-table', 'config', `SQLite: ${error.message}`, {
      hint: 'Check `table`; `sluice discover` lists what is there.',
    });
  }
  if (code === 'SQLITE_ERROR' || /more than one statement/.test(error.message)) {
    return new SluiceError('source/query', 'config', `SQLite: ${error.message}`, {
      hint: 'Check `query` and `where`.',
    });
  }
  return error;
}
