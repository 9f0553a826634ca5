import type { Connection, Metadata } from 'oracledb';
import type { Discovered, Source, SourceContext } from '../../model/component.ts';
import { SluiceError } from '../../model/error.ts';
import { ident, literal } from '../../model/sql.ts';
import type { CsvValue } from '../shared/csv-rows.ts';
import { ofSource } from '../shared/errors.ts';
import { type Part, partCount, partitionColumn } from '../shared/ranges.ts';
import { type RowDriver, RowSession, type Wanted } from '../shared/row-session.ts';
import { bracketed, tableOrQuery } from '../shared/table-name.ts';
import { type OraAddress, toAddress } from './address.ts';
import { endsSql, fromSql, kindOf, MOMENTS, oracleParts, partsOf, type ReadSettings, readSql, SIZE } from './sql.ts';
import { type OraColumn, type ReadColumn, readColumn } from './types.ts';

export const source: Source = {
  async connect(ctx) {
    return new RowSession(ctx, new OraDriver(ctx));
  },

  async discover(ctx) {
    const { connection, address, close } = await open(ctx);
    try {
      const tables = await connection.execute<[string, number | null]>(TABLES, {}, { maxRows: 0 });
      const keys = await connection.execute<[string, string]>(KEYS, {}, { maxRows: 0 });
      return (tables.rows ?? []).map(([name, rows]): Discovered => {
        const key = (keys.rows ?? []).filter(([table]) => table === name).map(([, column]) => column);
        return {
          name: name.toLowerCase().replaceAll(/\W/g, '_'),
          text: `table, ${rows === null ? 'never counted' : `about ${rows.toLocaleString('en')} rows`}`,
          settings: { table: ident(name) },
          ...(key.length > 0 ? { primary_key: key } : {}),
        };
      });
    } catch (error) {
      throw told(error, address);
    } finally {
      await close();
    }
  },
};

const TABLES = `SELECT table_name, num_rows FROM user_tables WHERE table_name NOT LIKE '\\_SLUICE\\_%' ESCAPE '\\' ORDER BY table_name`;
const KEYS = `SELECT c.table_name, k.column_name FROM user_constraints c
  JOIN user_cons_columns k ON k.constraint_name = c.constraint_name WHERE c.constraint_type = 'P' ORDER BY c.table_name, k.position`;

/** What the session prints, whatever server and client are set to. */
const FIXED = `ALTER SESSION SET NLS_NUMERIC_CHARACTERS = '.,' NLS_CALENDAR = 'GREGORIAN' TIME_ZONE = 'UTC'`;

/** Rows that come from the server together. */
const FETCHED = 1000;

interface Opened {
  connection: Connection;
  address: OraAddress;
  close(): Promise<void>;
}

async function open(ctx: SourceContext): Promise<Opened> {
  ctx.signal.throwIfAborted();
  const address = addressOf(ctx);
  const { default: oracledb } = await import('oracledb');
  try {
    const { connectString, user, password = '' } = address;
    const connection = await oracledb.getConnection({ connectString, user, password });
    const abort = () => void connection.break().catch(() => undefined);
    ctx.signal.addEventListener('abort', abort, { once: true });
    await connection.execute(FIXED);
    for (const [name, value] of Object.entries(address.options)) {
      await connection.execute(`ALTER SESSION SET ${name} = ${value}`);
    }
    await connection.execute('SET TRANSACTION READ ONLY');
    const close = async () => {
      ctx.signal.removeEventListener('abort', abort);
      await connection.close().catch(() => undefined);
    };
    return { connection, address, close };
  } catch (error) {
    throw told(error, address);
  }
}

function addressOf(ctx: SourceContext): OraAddress {
  try {
    return toAddress(ctx.settings);
  } catch (error) {
    throw ofSource(error);
  }
}

class OraDriver implements RowDriver<ReadColumn> {
  readonly name: string;
  readonly #ctx: SourceContext;
  readonly #settings: ReadSettings;
  #opened: Promise<Opened> | null = null;
  #moment: string | null = null;

  constructor(ctx: SourceContext) {
    this.#ctx = ctx;
    this.#settings = ctx.settings as ReadSettings;
    this.name = this.#settings.table ?? 'query';
  }

  async describe(): Promise<{ columns: ReadColumn[]; primary_key: string[] }> {
    const { connection, address } = await this.#db();
    try {
      const where = this.#settings.where === undefined ? '' : ` AND ${bracketed(this.#settings.where)}`;
      const found = await connection.execute(`SELECT * FROM ${fromSql(this.#settings)} WHERE 1 = 0${where}`);
      const columns = (found.metaData ?? []).map((column: Metadata<unknown>) => readColumn(column as OraColumn));
      return { columns, primary_key: await this.#key(connection) };
    } catch (error) {
      throw told(error, address);
    }
  }

  async #key(connection: Connection): Promise<string[]> {
    const what = tableOrQuery(this.#settings);
    if (!('table' in what)) return [];
    const [name = '', owner] = [...oracleParts(what.table)].reverse();
    const schema = owner === undefined ? `SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA')` : literal(owner);
    const found = await connection.execute<[string]>(
      `SELECT k.column_name FROM all_constraints c JOIN all_cons_columns k ON k.owner = c.owner AND k.constraint_name = c.constraint_name
       WHERE c.constraint_type = 'P' AND c.owner = ${schema} AND c.table_name = :name ORDER BY k.position`,
      { name },
    );
    return (found.rows ?? []).map(([column]) => column);
  }

  async countNulls({ name }: ReadColumn): Promise<number> {
    const { connection, address } = await this.#db();
    const own = this.#settings.where === undefined ? '' : ` AND ${bracketed(this.#settings.where)}`;
    const sql = `SELECT COUNT(*) FROM ${fromSql(this.#settings)} WHERE ${ident(name)} IS NULL${own}`;
    try {
      const found = await connection.execute<[number]>(sql);
      return Number(found.rows?.[0]?.[0] ?? 0);
    } catch (error) {
      throw told(error, address);
    }
  }

  async parts(columns: readonly ReadColumn[], sideBySide: number): Promise<Part[]> {
    const { partition_on: on } = this.#settings;
    if (on === undefined) return [{ where: null, bytes: null }];
    const column = partitionColumn(on, columns, kindOf);
    const what = tableOrQuery(this.#settings);
    const moment = 'table' in what ? await this.#momentNow() : null;
    if (!('table' in what) || moment === null) {
      const reason =
        'table' in what
          ? 'the user may not read it as of a moment (FLASHBACK)'
          : 'a query cannot be read as of a moment';
      this.#ctx.log('warn', `${this.name} is read by one connection in spite of \`partition_on\`: ${reason}`);
      return [{ where: null, bytes: null }];
    }
    const { connection, address } = await this.#db();
    try {
      const [name = '', owner = null] = [...oracleParts(what.table)].reverse();
      const size = await connection.execute<[number | null]>(SIZE, { name, owner });
      const bytes = size.rows?.[0]?.[0] ?? null;
      const count = partCount(bytes, sideBySide);
      const ends =
        count > 1 ? await connection.execute<(string | null)[]>(endsSql(this.#settings, column, moment)) : null;
      const parts = partsOf(column, ends?.rows?.[0] ?? [], count, bytes);
      return parts.length > 1 ? parts.map((part) => ({ ...part, session: moment })) : parts;
    } catch (error) {
      throw told(error, address);
    }
  }

  /** The number of a moment as of which the table can be read; null: the user may not. */
  async #momentNow(): Promise<string | null> {
    const { connection } = await this.#db();
    for (const sql of MOMENTS) {
      try {
        const found = await connection.execute<[string]>(sql);
        const moment = found.rows?.[0]?.[0] ?? '';
        if (!/^\d+$/.test(moment)) continue;
        await connection.execute(`SELECT 1 FROM ${fromSql(this.#settings, moment)} WHERE 1 = 0`);
        return moment;
      } catch {
        this.#ctx.signal.throwIfAborted();
      }
    }
    return null;
  }

  join(moment: string): void {
    this.#moment = moment;
  }

  async *rows(columns: readonly ReadColumn[], { range, part, limit }: Wanted): AsyncGenerator<CsvValue[]> {
    const { connection, address } = await this.#db();
    const { default: oracledb } = await import('oracledb');
    const { sql, values } = readSql(this.#settings, columns, range, limit, { part, moment: this.#moment });
    // Numbers as the server writes them, and large values as a whole.
    const asText = new Set<unknown>([oracledb.DB_TYPE_NUMBER, oracledb.DB_TYPE_CLOB, oracledb.DB_TYPE_NCLOB]);
    const fetchTypeHandler = ({ dbType }: { dbType?: unknown }) => {
      if (asText.has(dbType)) return { type: oracledb.STRING };
      return dbType === oracledb.DB_TYPE_BLOB ? { type: oracledb.BUFFER } : undefined;
    };
    try {
      const found = await connection.execute(sql, values, {
        resultSet: true,
        fetchArraySize: FETCHED,
        fetchTypeHandler,
      } as never);
      const rows = found.resultSet;
      try {
        for (;;) {
          const batch = (await rows?.getRows(FETCHED)) ?? [];
          for (const row of batch) yield (row as unknown[]).map(textOf);
          if (batch.length === 0) break;
        }
      } finally {
        await rows?.close();
      }
    } catch (error) {
      this.#ctx.signal.throwIfAborted();
      throw told(error, address);
    }
  }

  async close(): Promise<void> {
    const opened = await this.#opened?.catch(() => null);
    await opened?.close();
  }

  #db(): Promise<Opened> {
    this.#opened ??= open(this.#ctx);
    return this.#opened;
  }
}

function textOf(value: unknown): CsvValue {
  if (value === null || value === undefined) return null;
  return Buffer.isBuffer(value) ? value : String(value);
}

/** Codes: https://docs.oracle.com/error-help/db/ and https://node-oracledb.readthedocs.io (NJS). */
const MEANINGS: [RegExp, string, 'config' | 'transient' | 'data', string][] = [
  [/^ORA-(01017|28000|28001|01045|01005)/, 'access-denied', 'config', 'Check user and password of the connection.'],
  [
    /^(ORA-12514|ORA-12505|NJS-518|NJS-517)/,
    'unreachable',
    'config',
    'Check `database`: the server knows no such service.',
  ],
  [
    /^(ORA-12541|ORA-12170|ORA-125\d\d|NJS-50\d|NJS-51\d|NJS-04[02])/,
    'unreachable',
    'transient',
    'Check host and port of the connection, and that the server is up.',
  ],
  [/^(ORA-00942|ORA-04043)/, 'no-table', 'config', 'Check `table` and its schema, and that the user may read it.'],
  [/^(ORA-01031|ORA-41900)/, 'no-rights', 'config', 'Grant the user of the connection SELECT on it.'],
  [/^ORA-009\d\d/, 'query', 'config', 'Check `query` and `where`.'],
  [
    /^ORA-01555/,
    'conflict',
    'transient',
    'The server no longer has the rows as they were; it needs more undo, or read less at a time.',
  ],
  [/^ORA-(01722|018\d\d|01476)/, 'value', 'data', 'The query fails on a value; mend it or the value.'],
  [
    /^(ORA-0311[34]|ORA-03135|ORA-00028|NJS-500|DPI-1080)/,
    'connection-lost',
    'transient',
    'Run again; `retries` does so by itself.',
  ],
];

function told(error: unknown, address: OraAddress): unknown {
  if (error instanceof SluiceError || !(error instanceof Error)) return error;
  const { password } = address;
  const message = (password ? error.message.replaceAll(password, '***') : error.message).split('\n')[0] ?? '';
  const known = MEANINGS.find(([pattern]) => pattern.test(message));
  if (!known)
    return /^(ORA|NJS|DPI)-/.test(message)
      ? new SluiceError('source/refused', 'terminal', `Oracle: ${message}`)
      : error;
  return new SluiceError(`source/${known[1]}`, known[2], `Oracle: ${message}`, { hint: known[3] });
}
