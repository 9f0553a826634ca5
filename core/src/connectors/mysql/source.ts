import type { Connection, FieldPacket } from 'mysql2';
import { ColumnFile } from '../../columnar/file.ts';
import type { Discovered, Engine, RowRange, Source, SourceContext } from '../../model/component.ts';
import { SluiceError } from '../../model/error.ts';
import { literal } from '../../model/sql.ts';
import { columnAt, mostOfRow } from '../shared/columns.ts';
import { ofSource } from '../shared/errors.ts';
import { type Part, partCount, partsBetween } from '../shared/ranges.ts';
import { type RowDriver, RowSession, type Wanted } from '../shared/row-session.ts';
import { bracketed, tableName, tableOrQuery, tableParts } from '../shared/table-name.ts';
import { toAddress } from './address.ts';
import { borrowSession, type MyDb, openSession } from './connection.ts';
import { isServerError, queryError } from './errors.ts';
import { openRelay, type Relay } from './relay.ts';
import { sameMoment } from './snapshot.ts';
import { type ReadColumn, readColumn } from './source-types.ts';
import { readRows, type Statement, TextRows } from './text-rows.ts';

interface Settings {
  table?: string;
  query?: string;
  where?: string;
  partition_on?: string;
}

export const source: Source = {
  async connect(ctx) {
    return new RowSession(ctx, new MyDriver(ctx));
  },

  async discover(ctx) {
    const db = await open(ctx);
    try {
      return (await db.rows(TABLES).catch(rethrow)).map(found);
    } finally {
      await db.end();
    }
  },
};

const TABLES = `SELECT t.TABLE_NAME AS name, t.TABLE_TYPE AS kind, t.TABLE_ROWS AS n,
    (SELECT GROUP_CONCAT(HEX(k.COLUMN_NAME) ORDER BY k.ORDINAL_POSITION) FROM information_schema.KEY_COLUMN_USAGE k
     WHERE k.TABLE_SCHEMA = t.TABLE_SCHEMA AND k.TABLE_NAME = t.TABLE_NAME AND k.CONSTRAINT_NAME = 'PRIMARY') AS pk
  FROM information_schema.TABLES t WHERE t.TABLE_SCHEMA = DATABASE() AND t.TABLE_TYPE <> 'SEQUENCE' AND t.TABLE_NAME NOT LIKE '$_sluice$_%' ESCAPE '$' ORDER BY t.TABLE_NAME`;

function found({ name, kind, n, pk }: Record<string, unknown>): Discovered {
  const view = String(kind).includes('VIEW');
  const key =
    pk === null
      ? []
      : String(pk)
          .split(',')
          .map((hex) => Buffer.from(hex, 'hex').toString('utf8'));
  return {
    name: String(name).toLowerCase().replaceAll(/\W/g, '_'),
    text: view ? 'view' : `table, about ${Number(n ?? 0).toLocaleString('en')} rows`,
    settings: { table: tableName(String(name)) },
    ...(view ? { view } : {}),
    ...(key.length > 0 ? { primary_key: key } : {}),
  };
}

/** A session whose SQL is the user's: the server's usual quotes, in UTC, reading only, in one snapshot. */
async function open(ctx: SourceContext): Promise<MyDb> {
  const db = await openSession(toAddress(ctx.settings), ctx.signal).catch(rethrow);
  try {
    await db.run(`SET SESSION sql_mode = '', net_write_timeout = 3600, group_concat_max_len = 1000000`);
    await db.run('SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ');
    await db.run('START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY');
    return db;
  } catch (error) {
    await db.end();
    return rethrow(error);
  }
}

const NO_TABLE = /^ER_(NO_SUCH_TABLE|BAD_TABLE_ERROR|UNKNOWN_TABLE|BAD_DB_ERROR)$/;
const NO_RIGHTS = /^ER_.*ACCESS_?DENIED/;
const WRONG_QUERY =
  /^ER_(PARSE_ERROR|BAD_FIELD_ERROR|WRONG_|NON_UNIQ|DUP_FIELDNAME|SYNTAX|SP_DOES_NOT_EXIST|CANT_EXECUTE_IN_READ_ONLY)/;

function rethrow(error: unknown): never {
  const cause = error instanceof SluiceError ? error.cause : error;
  if (isServerError(cause)) {
    const message = `MySQL: ${cause.message} (${cause.code})`;
    const made = (code: string, hint: string) => new SluiceError(`source/${code}`, 'config', message, { hint });
    const denied = error instanceof SluiceError && error.code === 'destination/access-denied';
    if (denied) throw ofSource(error);
    if (NO_TABLE.test(cause.code)) {
      throw made('no-table', 'Check `table` and the database; `sluice discover` lists what is there.');
    }
    if (NO_RIGHTS.test(cause.code)) throw made('no-rights', 'Grant the user of the connection SELECT on it.');
    if (WRONG_QUERY.test(cause.code)) throw made('query', 'Check `query` and `where`.');
  }
  throw ofSource(error);
}

function quoted(...parts: string[]): string {
  return parts.map((part) => `\`${part.replaceAll('`', '``')}\``).join('.');
}

class MyDriver implements RowDriver<ReadColumn> {
  readonly name: string;
  readonly #ctx: SourceContext;
  readonly #settings: Settings;
  #opened: Promise<MyDb> | null = null;
  #relay: Relay | null = null;

  constructor(ctx: SourceContext) {
    this.#ctx = ctx;
    this.#settings = ctx.settings as Settings;
    this.name = this.#settings.table ?? 'query';
  }

  async describe(): Promise<{ columns: ReadColumn[]; primary_key: string[] }> {
    const db = await this.#db();
    const { where } = this.#conditions(null, []);
    const { fields } = await db.table(`SELECT * FROM ${this.#from()}${where} LIMIT 0`).catch(rethrow);
    const what = tableOrQuery(this.#settings);
    const primary_key = 'table' in what ? await keyOf(db, what.table).catch(rethrow) : [];
    return { columns: (fields as FieldPacket[]).map(readColumn), primary_key };
  }

  async countNulls(column: ReadColumn): Promise<number> {
    const db = await this.#db();
    const own = this.#settings.where === undefined ? '' : ` AND ${bracketed(this.#settings.where)}`;
    const sql = `SELECT count(*) AS n FROM ${this.#from()} WHERE ${column.isNull(quoted(column.name))}${own}`;
    const [row] = await db.rows(sql).catch(rethrow);
    return Number(row?.n ?? 0);
  }

  async parts(columns: readonly ReadColumn[], sideBySide: number): Promise<Part[]> {
    const { partition_on: on } = this.#settings;
    const db = await this.#db();
    const what = tableOrQuery(this.#settings);
    const { bytes, engine } = 'table' in what ? await storedAs(db, what.table).catch(rethrow) : NOT_STORED;
    const count = partCount(bytes, sideBySide);
    const column = columns.find(({ name }) => name === on);
    if (on !== undefined && !column) throw noColumn(on, columns);
    if (!column || count <= 1) return [{ where: null, bytes }];
    const { where } = this.#conditions(null, columns);
    const ends = `SELECT MIN(${quoted(column.name)}) AS low, MAX(${quoted(column.name)}) AS high FROM ${this.#from()}${where}`;
    const [row] = await db.rows(this.#betweenSql(column, ends, count)).catch(rethrow);
    const found = Object.values(row ?? {}).filter((bound) => bound !== null);
    const bounds = [...new Set(found.map(String))].map((bound) => (column.bind === null ? bound : escaped(bound)));
    return this.#sameMoment(partsBetween(quoted(column.name), bounds, bytes), engine, sideBySide);
  }

  /** Gives parts a session each that sees one moment; where there is none, they are read as one. */
  async #sameMoment(parts: Part[], engine: string | null, sideBySide: number): Promise<Part[]> {
    if (parts.length <= 1) return parts;
    const what = tableOrQuery(this.#settings);
    const none = (reason: string): Part[] => {
      this.#ctx.log('warn', `${this.name} is read by one connection in spite of \`partition_on\`: ${reason}`);
      return [{ where: null, bytes: parts.reduce((sum, part) => sum + (part.bytes ?? 0), 0) || null }];
    };
    if (!('table' in what)) return none('a query has no one table that could be locked for a moment');
    if (engine !== null && !SNAPSHOTS.has(engine)) return none(`tables of ${engine} have no snapshots`);
    const table = quoted(...tableParts(what.table, 2));
    const found = await sameMoment(() => open(this.#ctx), table, Math.min(parts.length, sideBySide)).catch(rethrow);
    if ('reason' in found) return none(found.reason);
    this.#relay = await openRelay(found.sessions);
    const { path } = this.#relay;
    return parts.map((part) => ({ ...part, session: path }));
  }

  join(session: string): void {
    this.#opened ??= borrowSession(session, toAddress(this.#ctx.settings), this.#ctx.signal).catch(rethrow);
  }

  /** One row with the values that divide low … high, null where they cannot be told. Throws `source/partition`. */
  #betweenSql(column: ReadColumn, ends: string, count: number): string {
    const kind = column.type?.kind ?? '';
    const bound: Record<string, (i: number) => string> = {
      number: (i) => `CAST(FLOOR(low + (CAST(high AS DECIMAL(65,0)) - low) * ${i} / ${count}) AS DECIMAL(65,0))`,
      date: (i) => `low + INTERVAL FLOOR(DATEDIFF(high, low) * ${i} / ${count}) DAY`,
      time: (i) => `low + INTERVAL FLOOR(TIMESTAMPDIFF(SECOND, low, high) * ${i} / ${count}) SECOND`,
    };
    const of = column.bind === null ? 'number' : kind === 'date' ? 'date' : /^timestamp/.test(kind) ? 'time' : null;
    if (of === null) {
      throw new SluiceError('source/partition', 'config', `Rows cannot be divided by ${column.name}`, {
        where: { column: column.name },
        hint: 'Name a column of whole numbers, dates or times as `partition_on`.',
      });
    }
    const list = Array.from({ length: count - 1 }, (_, i) => `${bound[of]?.(i + 1)} AS b${i}`);
    return `SELECT ${list.join(', ')} FROM (${ends}) AS ends`;
  }

  async spool(engine: Engine, path: string, columns: readonly ReadColumn[], { range, part, limit }: Wanted) {
    const db = await this.#db();
    const { where, values } = this.#conditions(range, columns, part);
    const select = columns.map((column) => column.select(quoted(column.name))).join(', ');
    const bound = limit === null ? '' : ` LIMIT ${limit}`;
    const sql = `SELECT ${select} FROM ${this.#from()}${where}${bound}`;
    const stored = columns.map((column, i) => ({ name: columnAt(i), type: column.stored }));
    const rows = new TextRows(await ColumnFile.create(path, stored, this.#ctx.came), columns);
    await this.#read(db, { sql, values }, rows, mostOfRow(engine));
    for (const [column, count] of rows.zeros) {
      const what = count === 1 ? 'value is a date' : 'values are dates';
      const message = `Column ${column}: ${count} ${what} with a day or month of zero, read as null`;
      this.#ctx.log('warn', message, { column, rows: count });
    }
    return { bytes: rows.bytes };
  }

  async close(): Promise<void> {
    const db = await this.#opened?.catch(() => null);
    await db?.end();
    await this.#relay?.close();
  }

  async #read(db: MyDb, statement: Statement, rows: TextRows, most: number): Promise<void> {
    // The promise's connection has the one that speaks inside.
    const core = (db.connection as unknown as { connection: Connection }).connection;
    const { signal } = this.#ctx;
    try {
      await readRows(core, statement, rows, { most, signal });
      await rows.file.finish();
    } catch (error) {
      await rows.file.discard();
      // The server may still be sending: it is not waited for.
      db.connection.destroy();
      signal.throwIfAborted();
      throw error instanceof SluiceError ? error : asRead(queryError(error, db.address));
    }
  }

  #db(): Promise<MyDb> {
    this.#opened ??= open(this.#ctx);
    return this.#opened;
  }

  #from(): string {
    const what = tableOrQuery(this.#settings);
    return 'table' in what ? `${quoted(...tableParts(what.table, 2))} AS t` : `${bracketed(what.query)} AS t`;
  }

  #conditions(
    range: RowRange | null,
    columns: readonly ReadColumn[],
    part: string | null = null,
  ): { where: string; values: unknown[] } {
    const all = this.#settings.where === undefined ? [] : [bracketed(this.#settings.where)];
    if (part !== null) all.push(part);
    const values: unknown[] = [];
    if (range) {
      const column = columns.find((known) => known.name === range.column);
      const bind = column?.bind ?? null;
      const bounds: string[] = [];
      for (const [sign, text] of [['>=', range.from] as const, ['<', range.to] as const]) {
        if (text === null) continue;
        // A number in quotes would be compared by way of double.
        bounds.push(`${quoted(range.column)} ${sign} ${bind === null ? '?' : `CAST(? AS ${bind})`}`);
        values.push(bind === null ? BigInt(text) : text.replace('T', ' ').replace(/Z$/, ''));
      }
      const within = bounds.join(' AND ');
      const none = column?.isNull(quoted(column.name)) ?? `${quoted(range.column)} IS NULL`;
      all.push(range.nulls ? `((${within}) OR ${none})` : within);
    }
    return { where: all.length > 0 ? ` WHERE ${all.join(' AND ')}` : '', values };
  }
}

function asRead(error: unknown): unknown {
  try {
    rethrow(error);
  } catch (told) {
    return told;
  }
}

async function keyOf(db: MyDb, table: string): Promise<string[]> {
  const [name = '', schema] = [...tableParts(table, 2)].reverse();
  const rows = await db.rows(
    `SELECT COLUMN_NAME AS name FROM information_schema.KEY_COLUMN_USAGE WHERE CONSTRAINT_NAME = 'PRIMARY'
       AND TABLE_SCHEMA = ${schema === undefined ? 'DATABASE()' : escaped(schema)} AND TABLE_NAME = ${escaped(name)}
     ORDER BY ORDINAL_POSITION`,
  );
  return rows.map((row) => String(row.name));
}

/** Engines whose transactions see one moment. */
const SNAPSHOTS: ReadonlySet<string> = new Set(['InnoDB', 'ROCKSDB']);
const NOT_STORED = { bytes: null, engine: null };

/** Bytes of a table's rows as the server last counted them, and who keeps them; null of a view. */
async function storedAs(db: MyDb, table: string): Promise<{ bytes: number | null; engine: string | null }> {
  const [name = '', schema] = [...tableParts(table, 2)].reverse();
  const [row] = await db.rows(
    `SELECT DATA_LENGTH AS n, ENGINE AS engine FROM information_schema.TABLES
     WHERE TABLE_SCHEMA = ${schema === undefined ? 'DATABASE()' : escaped(schema)} AND TABLE_NAME = ${escaped(name)}`,
  );
  return { bytes: row?.n == null ? null : Number(row.n), engine: row?.engine == null ? null : String(row.engine) };
}

function noColumn(name: string, columns: readonly ReadColumn[]): SluiceError {
  const known = columns.map((column) => column.name).join(', ');
  return new SluiceError('source/partition', 'config', `There is no column ${name} to divide the rows by`, {
    where: { column: name },
    hint: `\`partition_on\` is one of ${known}.`,
  });
}

/** The session reads backslashes in literals as escapes. */
function escaped(text: string): string {
  return literal(text.replaceAll('\\', '\\\\'));
}
