import { SluiceError } from '../../model/error.ts';
import { ident } from '../../model/sql.ts';
import type { Column } from '../../model/type.ts';
import type { Scratch } from '../shared/scratch.ts';
import type { MyDb } from './connection.ts';
import { badValue } from './errors.ts';
import { idents } from './table.ts';
import { render, UNFIT, unfit } from './types.ts';

/** Where rows are read from: an engine and a query on it. */
export interface RowsInput {
  engine: Scratch;
  sql: string;
}

/** The protocol counts placeholders in 16 bits. */
const MOST_VALUES = 60_000;
const MOST_ROWS = 1000;
/** A statement has to fit into the server's max_allowed_packet, 16 MB where nobody set it. */
const MOST_BYTES = 4_000_000;

/**
 * Inserts a query's rows by statements of many rows with bound values; `table` is quoted. Returns their number. Throws
 * destination/bad-value with row (of the query, from 1) and column.
 */
export async function insertRows(
  db: MyDb,
  table: string,
  columns: readonly Column[],
  input: RowsInput,
): Promise<number> {
  const select = `SELECT ${columns.map((c, i) => render(c, i)).join(', ')} FROM (${input.sql}) AS r`;
  const most = Math.max(1, Math.min(MOST_ROWS, Math.floor(MOST_VALUES / columns.length)));
  const one = `(${columns.map(() => '?').join(', ')})`;
  const start = `INSERT INTO ${table} (${idents(columns.map((c) => c.name))}) VALUES `;
  let values: (string | Buffer | null)[] = [];
  let [rows, bytes, done] = [0, 0, 0];
  const flush = async () => {
    if (rows === 0) return;
    await db.bound(start + Array(rows).fill(one).join(', '), values).catch((error) => {
      throw badValue(error, done);
    });
    done += rows;
    [values, rows, bytes] = [[], 0, 0];
  };
  try {
    for await (const chunk of input.engine.stream(select)) {
      for (const row of chunk) {
        for (const value of row) {
          const bound = value instanceof Uint8Array ? Buffer.from(value) : (value as string | null);
          bytes += bound === null ? 0 : bound.length;
          values.push(bound);
        }
        rows++;
        if (rows === most || bytes > MOST_BYTES) await flush();
      }
    }
    await flush();
  } catch (error) {
    const index = new RegExp(`${UNFIT}(\\d+)`).exec((error as Error).message)?.[1];
    const column = index === undefined ? undefined : columns[Number(index)];
    throw column ? await explained(input, column) : error;
  }
  return done;
}

async function explained({ engine, sql }: RowsInput, column: Column): Promise<SluiceError> {
  const [found] = await engine.rows(
    `SELECT n FROM (SELECT row_number() OVER () AS n, ${unfit(ident(column.name), column.type)} AS bad FROM (${sql}) AS r) AS f WHERE bad ORDER BY n LIMIT 1`,
  );
  const row = Number(found?.n ?? 0);
  return new SluiceError(
    'destination/bad-value',
    'data',
    `Row ${row}, column "${column.name}": MySQL has no such ${column.type.kind}: it is infinite, no number, or beyond the years 1 to 9999.`,
    {
      where: { row, column: column.name },
      hint: 'Make it null in a transform, or set such rows aside with a check.',
    },
  );
}
