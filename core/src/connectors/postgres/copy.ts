import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import type pg from 'pg';
import type { Engine } from '../../model/component.ts';
import { SluiceError } from '../../model/error.ts';
import { ident, literal } from '../../model/sql.ts';
import type { Column } from '../../model/type.ts';
import type { PgDb } from './client.ts';
import { isServerError, queryError, type ServerError } from './errors.ts';
import { exportCsv } from './export.ts';
import { render } from './types.ts';

/** A column with the type that it has in the table copied into. */
export interface CopyColumn extends Column {
  pgType: string;
}

/**
 * Copies a query's rows into a table, inside the caller's transaction; `table` is quoted. Returns their number. `freeze`: the
 * table was made in this transaction, and its rows are to be seen by every snapshot that sees the table. An error of
 * the query is thrown as it is; a value that the table refuses as destination/bad-value or destination/nul-character with
 * row (of the query, from 1) and column.
 */
export async function copyRows(
  db: PgDb,
  engine: Engine,
  sql: string,
  columns: readonly CopyColumn[],
  table: string,
  freeze: boolean,
): Promise<number> {
  const rendered = columns.map((column) => ({ name: column.name, ...render(column, column.pgType) }));
  const select = rendered.map((r) => `${r.sql} AS ${ident(r.name)}`).join(', ');
  const quoted = rendered.filter((r) => r.quote).map((r) => r.name);
  const names = columns.map((c) => ident(c.name)).join(', ');
  const statement = `COPY ${table} (${names}) FROM STDIN (FORMAT csv, ENCODING 'UTF8'${freeze ? ', FREEZE true' : ''})`;
  const source = exportCsv(engine, `SELECT ${select} FROM (${sql}) AS r`, quoted);
  try {
    return await copyIn(db, statement, source);
  } catch (error) {
    if (!isServerError(error)) throw error;
    throw (await explain(error, engine, sql, columns)) ?? queryError(error, db.address);
  }
}

/** Sends bytes as one COPY FROM STDIN and returns the rows that the server took. */
async function copyIn(db: PgDb, statement: string, source: AsyncGenerator<Buffer>): Promise<number> {
  const copy = new CopyIn(statement);
  db.client.query(copy as unknown as pg.Submittable);
  try {
    await copy.ready;
    for await (const chunk of source) {
      if (copy.settled) break;
      await copy.write(chunk);
    }
    copy.finish();
  } catch (error) {
    if (copy.settled) await copy.done;
    copy.fail();
    await copy.done.catch(() => undefined);
    throw error;
  }
  return copy.done;
}

/** The part of the driver's connection that COPY speaks through. */
interface Wire {
  stream: Duplex;
  query(text: string): void;
  endCopyFrom(): void;
  sendCopyFail(message: string): void;
}

/** The driver's side of COPY FROM STDIN: a statement that it submits and tells what the server answers. */
class CopyIn {
  /** Settles when the server is ready for bytes, or has refused the statement. */
  readonly ready: Promise<void>;
  /** The rows taken, once the server has them all; rejects with its error. */
  readonly done: Promise<number>;
  settled = false;
  readonly #statement: string;
  #connection: Wire | null = null;
  #started: () => void = () => undefined;
  #resolve: (rows: number) => void = () => undefined;
  #reject: (error: unknown) => void = () => undefined;
  #rows = 0;

  constructor(statement: string) {
    this.#statement = statement;
    this.done = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.done.catch(() => undefined);
    this.ready = Promise.race([
      new Promise<void>((resolve) => {
        this.#started = resolve;
      }),
      this.done.then(() => undefined),
    ]);
    this.ready.catch(() => undefined);
  }

  submit(connection: Wire): void {
    this.#connection = connection;
    connection.query(this.#statement);
  }

  async write(chunk: Buffer): Promise<void> {
    const stream = this.#stream();
    const header = Buffer.alloc(5);
    header.write('d', 0);
    header.writeInt32BE(chunk.length + 4, 1);
    stream.cork();
    stream.write(header);
    const room = stream.write(chunk);
    stream.uncork();
    if (!room) await Promise.race([once(stream, 'drain').catch(() => undefined), this.done.catch(() => undefined)]);
  }

  finish(): void {
    if (!this.settled) this.#connection?.endCopyFrom();
  }

  fail(): void {
    if (!this.settled) this.#connection?.sendCopyFail('the rows could not be read');
  }

  #stream(): Duplex {
    if (!this.#connection) throw new Error('COPY has not begun');
    return this.#connection.stream;
  }

  handleCopyInResponse(): void {
    this.#started();
  }

  handleCommandComplete(message: { text?: string }): void {
    this.#rows = Number(/^COPY (\d+)/.exec(message.text ?? '')?.[1] ?? 0);
  }

  handleReadyForQuery(): void {
    this.settled = true;
    this.#resolve(this.#rows);
  }

  handleError(error: unknown): void {
    this.settled = true;
    this.#reject(error);
  }
}

/** Finds the row and the column of a value that the server refused; null where its error is of another kind. */
async function explain(
  error: ServerError,
  engine: Engine,
  sql: string,
  columns: readonly CopyColumn[],
): Promise<SluiceError | null> {
  const place = /^COPY .*?, line (?<line>\d+)(?:, column (?<column>.*?))?(?::|$)/m.exec(error.where ?? '')?.groups;
  const line = Number(place?.line ?? 0);
  if (error.code === '22021') {
    const found = await findNul(engine, sql, columns);
    if (found)
      return new SluiceError(
        'destination/nul-character',
        'data',
        `Row ${found.row}, column "${found.column}": the text holds the character U+0000, which PostgreSQL cannot store.`,
        {
          where: found,
          hint: "Take it out in a transform, such as replace(column, chr(0), ''), or set such rows aside with a check.",
        },
      );
  }
  if (!/^22/.test(error.code) || line === 0) return null;
  const row = await rowOfLine(engine, sql, columns, line);
  const column = columns.find((c) => c.name === place?.column)?.name;
  const shown = `Row ${row}${column === undefined ? '' : `, column "${column}"`}`;
  return new SluiceError(
    'destination/bad-value',
    'data',
    `${shown}: Postgres does not take the value: ${error.message} (${error.code})`,
    {
      where: { row, ...(column === undefined ? {} : { column }) },
      hint: 'Mend the value in the source, or set such rows aside with a check.',
    },
  );
}

async function findNul(
  engine: Engine,
  sql: string,
  columns: readonly CopyColumn[],
): Promise<{ row: number; column: string } | null> {
  const texts = columns.filter((c) => ['text', 'json', 'list', 'struct'].includes(c.type.kind));
  if (texts.length === 0) return null;
  const cases = texts.map((c) => `WHEN contains(CAST(${ident(c.name)} AS VARCHAR), chr(0)) THEN ${literal(c.name)}`);
  const rows = await engine.rows(
    `SELECT _sluice_n, _sluice_c FROM (SELECT row_number() OVER () AS _sluice_n, CASE ${cases.join(' ')} END AS _sluice_c FROM (${sql}) AS r) AS f WHERE _sluice_c IS NOT NULL ORDER BY _sluice_n LIMIT 1`,
  );
  return rows[0] ? { row: Number(rows[0]._sluice_n), column: String(rows[0]._sluice_c) } : null;
}

/**
 * The server counts lines, and a text may hold several. Until the first row has ended it does not know which character
 * ends a line and counts carriage returns.
 */
async function rowOfLine(engine: Engine, sql: string, columns: readonly CopyColumn[], line: number): Promise<number> {
  const count = (code: number) =>
    columns
      .map((c) => {
        const text = `coalesce(CAST(${ident(c.name)} AS VARCHAR), '')`;
        return `length(${text}) - length(replace(${text}, chr(${code}), ''))`;
      })
      .join(' + ');
  const lines = `1 + CASE WHEN _sluice_n = 1 THEN ${count(13)} ELSE ${count(10)} END`;
  const numbered = `SELECT row_number() OVER () AS _sluice_n, * FROM (${sql}) AS r LIMIT ${line}`;
  const rows = await engine.rows(
    `SELECT count(*) AS n FROM (SELECT sum(${lines}) OVER (ORDER BY _sluice_n) AS last FROM (${numbered}) AS f) AS l WHERE last < ${line}`,
  );
  return Number(rows[0]?.n ?? 0) + 1;
}
