import {
  type DuckDBConnection,
  type DuckDBResultReader,
  type DuckDBValue,
  type Json,
  StatementType,
} from '@duckdb/node-api';
import { fromDuckType, toDuckType } from '../../model/duck.ts';
import { ident } from '../../model/sql.ts';
import type { Column, DataType } from '../../model/type.ts';
import { queryFailed } from './errors.ts';

export type Cell = string | number | boolean | null;

/** Runs a query and reads all of its rows, as `DestinationSession.query` gives them. Throws the engine's error. */
export async function readRows(
  connection: DuckDBConnection,
  sql: string,
): Promise<{ columns: Column[]; rows: Cell[][] }> {
  const reader = await connection.runAndReadAll(sql);
  const types = reader.columnTypes().map((type) => fromDuckType(type.toString()));
  const columns = reader
    .deduplicatedColumnNames()
    .map((name, i) => ({ name, type: types[i] ?? { kind: 'text' as const } }));
  const rows = (await plainRows(reader)).map((row) =>
    row.map((value, i) => toCell(value, types[i] ?? { kind: 'text' })),
  );
  return { columns, rows };
}

/** The same for one SELECT and nothing else. Throws destination/query-failed with the engine's words. */
export async function readSelect(
  connection: DuckDBConnection,
  sql: string,
): Promise<{ columns: Column[]; rows: Cell[][] }> {
  try {
    const statements = await connection.extractStatements(sql);
    const statement = statements.count === 1 ? await statements.prepare(0) : null;
    if (statement?.statementType !== StatementType.SELECT) throw new Error('One SELECT is expected.');
    return await readRows(connection, sql);
  } catch (error) {
    throw queryFailed(error);
  }
}

/** The rows of a result as JSON values, whole numbers beyond 32 bits and decimals as text. */
export async function plainRows(reader: DuckDBResultReader): Promise<Json[][]> {
  // Bundled, the driver's module has its names under `default` alone.
  const { JsonDuckDBValueConverter } = (await import('@duckdb/node-api')).default;
  return reader.convertRows<Json>(
    (value, type, inner) => specialText(value) ?? JsonDuckDBValueConverter(value, type, inner),
  );
}

/**
 * The text of an infinite date or of bytes, also inside lists and structs; null for any other value. What the driver writes for
 * an infinite date is a day like any other, and what it writes for bytes cannot be read back.
 */
function specialText(value: DuckDBValue): string | null {
  if (value === null || typeof value !== 'object') return null;
  if ('bytes' in value) return `\\x${Buffer.from(value.bytes).toString('hex')}`;
  if (!('days' in value && 'isFinite' in value) || value.isFinite) return null;
  return value.days > 0 ? 'infinity' : '-infinity';
}

/** The JSON text of what is in a list or struct; whole numbers and decimals, which come as texts, are numbers with all digits. */
function nestedText(value: unknown, type: DataType): string {
  if (value === null || value === undefined) return 'null';
  if (type.kind === 'list' && Array.isArray(value))
    return `[${value.map((item) => nestedText(item, type.item)).join(',')}]`;
  if (type.kind === 'struct' && typeof value === 'object') {
    const held = value as Record<string, unknown>;
    return `{${type.fields.map((f) => `${JSON.stringify(f.name)}:${nestedText(held[f.name], f.type)}`).join(',')}}`;
  }
  const isNumber = (type.kind === 'bigint' || type.kind === 'decimal') && /^-?\d+(?:\.\d+)?$/.test(String(value));
  return isNumber ? String(value) : JSON.stringify(value);
}

function toCell(value: unknown, type: DataType): Cell {
  if (value === null || value === undefined) return null;
  if (typeof value === 'object') return nestedText(value, type);
  if (type.kind === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  if (type.kind === 'timestamp') return String(value).replace(/^(\S+) (?=\d)/, '$1T');
  if (type.kind === 'timestamptz')
    return String(value)
      .replace(/^(\S+) (?=\d)/, '$1T')
      .replace(/\+00$/, 'Z');
  return value as Cell;
}

/** Columns cast to the types that the table has for them; a cast to the same type costs nothing. */
export function typed(columns: readonly Column[]): string {
  return columns.map((c) => `CAST(${ident(c.name)} AS ${toDuckType(c.type)}) AS ${ident(c.name)}`).join(', ');
}

/** A value of a type that the engine hands over as it is: text, whole numbers of 64 bits, doubles, booleans and bytes. */
export type PlainValue = string | bigint | number | boolean | Uint8Array | null;

/** A column of `streamRows` alone: true in the row behind the last one. */
const END = '_sluice_end';

/**
 * Rows of a query as the engine makes them, a chunk at a time. Its columns have to be VARCHAR, INTEGER, BIGINT, DOUBLE, BOOLEAN
 * or BLOB. Throws the engine's error, also after some rows; `interrupted` says whether the query was told to stop.
 */
export async function* streamRows(
  connection: DuckDBConnection,
  sql: string,
  interrupted: () => boolean,
): AsyncGenerator<PlainValue[][]> {
  // The driver takes an error behind the first chunk for the end of the rows: only a row of our own tells them apart.
  const result = await connection.stream(
    `SELECT *, NULL::BOOLEAN AS ${END} FROM (${sql}) AS r UNION ALL BY NAME SELECT true AS ${END}`,
  );
  for (let ended = false; ; ) {
    const chunk = await result.fetchChunk();
    if (!chunk || chunk.rowCount === 0) {
      if (ended) return;
      throw await streamError(connection, sql, interrupted());
    }
    if (ended) throw new Error('the engine gave rows behind their end');
    const rows = chunk.getRows();
    for (const row of rows) {
      if (row.pop() !== null) ended = true;
      for (let i = 0; i < row.length; i++) {
        const value = row[i];
        if (value !== null && typeof value === 'object') row[i] = (value as unknown as { bytes: never }).bytes;
      }
    }
    if (ended) rows.pop();
    if (rows.length > 0) yield rows as PlainValue[][];
  }
}

/** What ended a query whose words the driver keeps to itself: the query is asked again, without its rows. */
async function streamError(connection: DuckDBConnection, sql: string, interrupted: boolean): Promise<unknown> {
  if (interrupted) return new Error('INTERRUPT Error: Interrupted!');
  try {
    await connection.run(`EXPLAIN ANALYZE ${sql}`);
  } catch (error) {
    return error;
  }
  return new Error('the query ended before its last row');
}
