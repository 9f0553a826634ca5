import type { Discovered, Source, SourceContext } from '../../model/component.ts';
import type { CsvValue } from '../shared/csv-rows.ts';
import { ofSource } from '../shared/errors.ts';
import { type Part, partCount, partitionColumn } from '../shared/ranges.ts';
import { type RowDriver, RowSession, type Wanted } from '../shared/row-session.ts';
import { bracketed, tableName, tableOrQuery, tableParts } from '../shared/table-name.ts';
import { toAddress } from './address.ts';
import { type MsDb, openSession } from './client.ts';
import { endsSql, fromSql, partsOf, quoted, type ReadSettings, readSql, SIZE, stillSql } from './sql.ts';
import { type ReadColumn, readColumn } from './types.ts';

export const source: Source = {
  async connect(ctx) {
    return new RowSession(ctx, new MsDriver(ctx));
  },

  async discover(ctx) {
    const db = await open(ctx);
    try {
      const rows = await db.rows(TABLES);
      const keys = await db.rows(KEYS);
      return rows.map((row): Discovered => {
        const [schema, name] = [String(row.s), String(row.n)];
        const key = keys.filter((one) => one.s === row.s && one.n === row.n).map((one) => String(one.c));
        return {
          name: (schema === 'dbo' ? name : `${schema}_${name}`).toLowerCase().replaceAll(/\W/g, '_'),
          text: row.view === 1 ? 'view' : 'table',
          settings: { table: tableName(schema, name) },
          ...(row.view === 1 ? { view: true } : {}),
          ...(key.length > 0 ? { primary_key: key } : {}),
        };
      });
    } finally {
      db.close();
    }
  },
};

const TABLES = `SELECT s.name AS s, o.name AS n, CASE o.type WHEN 'V' THEN 1 ELSE 0 END AS [view] FROM sys.objects o
  JOIN sys.schemas s ON s.schema_id = o.schema_id
  WHERE o.type IN ('U', 'V') AND o.is_ms_shipped = 0 AND o.name NOT LIKE '[_]sluice[_]%' ORDER BY s.name, o.name`;
const KEYS = `SELECT s.name AS s, o.name AS n, c.name AS c FROM sys.indexes i
  JOIN sys.index_columns k ON k.object_id = i.object_id AND k.index_id = i.index_id
  JOIN sys.columns c ON c.object_id = k.object_id AND c.column_id = k.column_id
  JOIN sys.objects o ON o.object_id = i.object_id JOIN sys.schemas s ON s.schema_id = o.schema_id
  WHERE i.is_primary_key = 1 ORDER BY s.name, o.name, k.key_ordinal`;
const SNAPSHOT = 'SELECT snapshot_isolation_state AS state FROM sys.databases WHERE database_id = DB_ID()';

async function open(ctx: SourceContext): Promise<MsDb> {
  const address = toSourceAddress(ctx);
  const db = await openSession(address, ctx.signal);
  try {
    const own = Object.entries(address.options).map(([name, value]) => `SET ${name} ${value}`);
    await db.run(['SET NOCOUNT ON', 'SET QUOTED_IDENTIFIER ON', ...own].join('; '));
    const [found] = await db.rows(SNAPSHOT);
    if (Number(found?.state) === 1) await db.run('SET TRANSACTION ISOLATION LEVEL SNAPSHOT');
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

function toSourceAddress(ctx: SourceContext) {
  try {
    return toAddress(ctx.settings);
  } catch (error) {
    throw ofSource(error);
  }
}

class MsDriver implements RowDriver<ReadColumn> {
  readonly name: string;
  readonly #ctx: SourceContext;
  readonly #settings: ReadSettings;
  #opened: Promise<MsDb> | null = null;

  constructor(ctx: SourceContext) {
    this.#ctx = ctx;
    this.#settings = ctx.settings as ReadSettings;
    this.name = this.#settings.table ?? 'query';
  }

  async describe(): Promise<{ columns: ReadColumn[]; primary_key: string[] }> {
    const db = await this.#db();
    const where = this.#settings.where === undefined ? '' : ` WHERE ${bracketed(this.#settings.where)}`;
    const rows = await db.rows(
      `SELECT name, system_type_name AS type, is_nullable AS nullable, error_number AS failed, error_message AS message
       FROM sys.dm_exec_describe_first_result_set(@p0, NULL, 0) WHERE is_hidden = 0 OR is_hidden IS NULL ORDER BY column_ordinal`,
      [`SELECT * FROM ${fromSql(this.#settings)}${where}`],
    );
    // Where the statement is wrong the server says so when it is run.
    if (rows.some((row) => row.failed !== null))
      await db.rows(`SELECT TOP (0) * FROM ${fromSql(this.#settings)}${where}`);
    const columns = rows.map((row) => readColumn(String(row.name), String(row.type), row.nullable !== false));
    const what = tableOrQuery(this.#settings);
    const [name = '', schema = 'dbo'] = 'table' in what ? [...tableParts(what.table, 3)].reverse() : [];
    const keys = 'table' in what ? await db.rows(KEYS) : [];
    const primary_key = keys.filter((one) => one.s === schema && one.n === name).map((one) => String(one.c));
    return { columns, primary_key };
  }

  async countNulls({ name }: ReadColumn): Promise<number> {
    const db = await this.#db();
    const own = this.#settings.where === undefined ? '' : ` AND ${bracketed(this.#settings.where)}`;
    const sql = `SELECT COUNT_BIG(*) AS n FROM ${fromSql(this.#settings)} WHERE ${quoted(name)} IS NULL${own}`;
    const [row] = await db.rows(sql);
    return Number(row?.n ?? 0);
  }

  async parts(columns: readonly ReadColumn[], sideBySide: number): Promise<Part[]> {
    const { partition_on: on } = this.#settings;
    if (on === undefined) return [{ where: null, bytes: null }];
    const column = partitionColumn(on, columns, ({ type }) => type?.kind ?? '');
    const db = await this.#db();
    const what = tableOrQuery(this.#settings);
    const [found] = 'table' in what ? await db.rows(...stillSql(what.table)) : [];
    if (Number(found?.still) !== 1) {
      const reason =
        'table' in what
          ? 'its database can be written to, and parts would not see one moment'
          : 'a query may reach into databases that can be written to';
      this.#ctx.log('warn', `${this.name} is read by one connection in spite of \`partition_on\`: ${reason}`);
      return [{ where: null, bytes: null }];
    }
    // Counting wants a right that reading does not.
    const [size] = 'table' in what ? await db.rows(SIZE, [quoted(...tableParts(what.table, 3))]).catch(() => []) : [];
    const bytes = size?.n == null ? null : Number(size.n);
    const count = partCount(bytes, sideBySide);
    const [ends] = count > 1 ? await db.rows(endsSql(this.#settings, column)) : [];
    return partsOf(column, { low: ends?.low ?? null, high: ends?.high ?? null }, count, bytes);
  }

  async *rows(columns: readonly ReadColumn[], { range, part, limit }: Wanted): AsyncGenerator<CsvValue[]> {
    const db = await this.#db();
    const { sql, values } = readSql(this.#settings, columns, range, limit, part);
    for await (const row of db.stream(sql, values)) {
      yield row.map((value) => (value === null || Buffer.isBuffer(value) ? value : String(value)));
    }
  }

  async close(): Promise<void> {
    const db = await this.#opened?.catch(() => null);
    db?.close();
  }

  #db(): Promise<MsDb> {
    this.#opened ??= open(this.#ctx);
    return this.#opened;
  }
}
