import { randomUUID } from 'node:crypto';
import { access, mkdir, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import type {
  Discovered,
  Engine,
  LocalFile,
  RawColumn,
  RowRange,
  Source,
  SourceContext,
  SourceSession,
  SourceTable,
  Split,
  SplitsRequest,
} from '../../model/component.ts';
import { fromDuckType, toDuckType } from '../../model/duck.ts';
import { SluiceError } from '../../model/error.ts';
import { ident, literal } from '../../model/sql.ts';
import { columnAt } from '../shared/columns.ts';
import { closeAccess, openInstance } from '../shared/duck-instance.ts';
import { ofSource } from '../shared/errors.ts';
import { tellNulls } from '../shared/nulls.ts';
import { bracketed, tableName, tableOrQuery, tableParts } from '../shared/table-name.ts';
import { explainOpen } from './file.ts';

interface Settings {
  path: string;
  table?: string;
  query?: string;
  where?: string;
}

/** What a look at the file may use, where no task lends its budget. */
const LOOK = { threads: 1, memory: 200_000_000 };

export const source: Source = {
  async connect(ctx) {
    return new DuckSession(ctx);
  },

  async discover(ctx) {
    const path = pathOf(ctx);
    return reading(path, { ...LOOK, folders: [] }, ctx.signal, async (db) => {
      const found = await rows(
        db,
        `SELECT schema_name, table_name, estimated_size AS size FROM duckdb_tables()
         WHERE NOT internal AND NOT starts_with(table_name, '_sluice_') ORDER BY schema_name, table_name`,
      );
      const tables: Discovered[] = [];
      for (const { schema_name, table_name, size } of found) {
        const parts = schema_name === 'main' ? [String(table_name)] : [String(schema_name), String(table_name)];
        tables.push({
          name: parts.join('_').toLowerCase().replaceAll(/\W/g, '_'),
          text: `table, about ${Number(size).toLocaleString('en')} rows`,
          settings: { table: tableName(...parts) },
          primary_key: await primaryKey(db, parts),
        });
      }
      return tables;
    });
  },
};

function pathOf(ctx: SourceContext): string {
  return resolve(ctx.projectDir, String(ctx.settings.path ?? '.sluice/warehouse.duckdb'));
}

class DuckSession implements SourceSession {
  readonly transfers = 1;
  readonly #ctx: SourceContext;
  readonly #settings: Settings;
  readonly #path: string;
  #table: Promise<SourceTable> | null = null;

  constructor(ctx: SourceContext) {
    this.#ctx = ctx;
    this.#settings = ctx.settings as unknown as Settings;
    this.#path = pathOf(ctx);
  }

  async test(): Promise<void> {
    await this.describe();
  }

  describe(): Promise<SourceTable> {
    this.#table ??= this.#look((db) => this.#describe(db));
    return this.#table;
  }

  async #describe(db: DuckDBConnection): Promise<SourceTable> {
    const what = tableOrQuery(this.#settings);
    await single(db, `SELECT * FROM ${this.#from()}`);
    const found = await rows(db, `DESCRIBE SELECT * FROM ${this.#from()}`);
    const columns: RawColumn[] = found.map((row) => ({
      name: String(row.column_name),
      type: fromDuckType(String(row.column_type)),
    }));
    return { columns, primary_key: 'table' in what ? await primaryKey(db, tableParts(what.table, 2)) : [] };
  }

  async *splits(request: SplitsRequest): AsyncIterable<Split> {
    if (request.range && !request.range.nulls) await this.#warnOfNulls(request.range.column);
    const detail = { read: randomUUID(), range: (request.range ?? null) as never, limit: request.rows ?? null };
    yield { ordinal: 0, bytes: null, file: null, detail };
  }

  async fetch(split: Split, spool: string, engine?: Engine): Promise<LocalFile> {
    if (!engine) throw new Error('columns are read with an engine');
    const { columns } = await this.describe();
    const { read, range, limit } = split.detail;
    await mkdir(spool, { recursive: true });
    const path = join(spool, `part-${read}-${split.ordinal}.parquet`);
    const select = columns.map(
      (c, i) => `CAST(${ident(c.name)} AS ${toDuckType(c.type ?? { kind: 'text' })}) AS ${columnAt(i)}`,
    );
    const conditions = this.#conditions(range as unknown as RowRange | null);
    const bound = typeof limit === 'number' ? ` LIMIT ${limit}` : '';
    const query = `SELECT ${select.join(', ')} FROM ${this.#from()}${conditions}${bound}`;
    const budget = { threads: engine.threads, memory: engine.memory, folders: [spool] };
    await reading(this.#path, budget, this.#ctx.signal, async (db) => {
      await single(db, query);
      await db.run(`COPY (${query}) TO ${literal(path)} (FORMAT parquet, COMPRESSION lz4_raw)`);
    });
    const { size } = await stat(path);
    const name = this.#settings.table ?? 'query';
    return { path, name, size, modified_at: null, ordinal: split.ordinal, format: { type: 'columns', settings: {} } };
  }

  async committed(): Promise<void> {}
  async close(): Promise<void> {}

  #from(): string {
    const what = tableOrQuery(this.#settings);
    return 'table' in what ? ident(...tableParts(what.table, 2)) : bracketed(what.query);
  }

  #conditions(range: RowRange | null): string {
    const all: string[] = [];
    if (this.#settings.where !== undefined) all.push(bracketed(this.#settings.where));
    if (range) {
      const name = ident(range.column);
      const bounds = [
        ...(range.from === null ? [] : [`${name} >= ${literal(range.from)}`]),
        ...(range.to === null ? [] : [`${name} < ${literal(range.to)}`]),
      ];
      all.push(`((${bounds.join(' AND ')})${range.nulls ? ` OR ${name} IS NULL` : ''})`);
    }
    return all.length > 0 ? ` WHERE ${all.join(' AND ')}` : '';
  }

  async #warnOfNulls(column: string): Promise<void> {
    const own = this.#settings.where === undefined ? '' : ` AND ${bracketed(this.#settings.where)}`;
    const count = `SELECT count(*) AS n FROM ${this.#from()} WHERE ${ident(column)} IS NULL${own}`;
    const [row] = await this.#look(async (db) => {
      await single(db, count);
      return rows(db, count);
    });
    tellNulls(this.#ctx.log, column, Number(row?.n ?? 0));
  }

  #look<T>(work: (db: DuckDBConnection) => Promise<T>): Promise<T> {
    return reading(this.#path, { ...LOOK, folders: [] }, this.#ctx.signal, work);
  }
}

interface Budget {
  threads: number;
  memory: number;
  /** Folders that may be written to. */
  folders: string[];
}

/** Opens the file to read it, out of reach of anything else: what runs there is the user's own SQL. */
async function reading<T>(
  path: string,
  budget: Budget,
  signal: AbortSignal,
  work: (db: DuckDBConnection) => Promise<T>,
): Promise<T> {
  signal.throwIfAborted();
  await access(path).catch(() => {
    throw new SluiceError('source/unreachable', 'config', `There is no DuckDB file at ${path}`, {
      hint: 'Check `path`; it is relative to the project folder.',
    });
  });
  const { threads, memory, folders } = budget;
  const { instance, connection } = await openInstance(path, { threads, memory, readOnly: true }).catch((error) => {
    throw ofSource(explainOpen(error, path));
  });
  const interrupt = () => connection.interrupt();
  signal.addEventListener('abort', interrupt, { once: true });
  try {
    const [folder] = folders;
    if (folder !== undefined) {
      await connection.run(`SET temp_directory = ${literal(join(folder, 'tmp'))}`);
      await connection.run(`SET allowed_directories = [${folders.map(literal).join(', ')}]`);
    }
    await closeAccess(connection);
    return await work(connection);
  } catch (error) {
    throw explained(error);
  } finally {
    signal.removeEventListener('abort', interrupt);
    connection.closeSync();
    instance.closeSync();
  }
}

async function rows(db: DuckDBConnection, sql: string): Promise<Record<string, unknown>[]> {
  return (await db.runAndReadAll(sql)).getRowObjectsJson();
}

/** A setting that closes the brackets around it could add statements of its own. */
async function single(db: DuckDBConnection, sql: string): Promise<void> {
  const statements = await db.extractStatements(sql);
  if (statements.count === 1) return;
  throw new SluiceError('source/query', 'config', '`query` and `where` take one SELECT or condition', {
    hint: 'Leave out the `;` and what follows it.',
  });
}

async function primaryKey(db: DuckDBConnection, parts: readonly string[]): Promise<string[]> {
  const [table, schema = 'main'] = [...parts].reverse();
  const found = await rows(
    db,
    `SELECT unnest(constraint_column_names) AS name FROM duckdb_constraints()
     WHERE constraint_type = 'PRIMARY KEY' AND database_name = current_database()
       AND schema_name = ${literal(schema)} AND table_name = ${literal(table ?? '')}`,
  );
  return found.map((row) => String(row.name));
}

function explained(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof SluiceError) return error;
  const text = error.message.replace('Failed to extract statements: ', '').split('\n')[0] ?? '';
  if (/^Catalog Error/.test(text)) {
    return new SluiceError('source/no-table', 'config', `DuckDB: ${text}`, {
      hint: 'Check `table` and its schema; `sluice discover` lists what is there.',
    });
  }
  if (/^(Binder|Parser) Error/.test(text)) {
    return new SluiceError('source/query', 'config', `DuckDB: ${text}`, { hint: 'Check `query` and `where`.' });
  }
  if (/^(Conversion|Out of Range) Error/.test(text)) {
    return new SluiceError('source/value', 'data', `DuckDB: ${text}`, { hint: 'Cast the column in a `query`.' });
  }
  if (/^Permission Error/.test(text)) {
    return new SluiceError('source/no-rights', 'config', `DuckDB: ${text}`, {
      hint: 'A query may read the tables of the file and nothing else.',
    });
  }
  return error;
}
