import type { DuckDBConnection } from '@duckdb/node-api';
import { fromDuckType } from '../../model/duck.ts';
import type { Column, DataType } from '../../model/type.ts';

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
  const rows = reader.getRowsJson().map((row) => row.map((value, i) => toCell(value, types[i] ?? { kind: 'text' })));
  return { columns, rows };
}

function toCell(value: unknown, type: DataType): Cell {
  if (value === null || value === undefined) return null;
  if (typeof value === 'object') return JSON.stringify(value);
  if (type.kind === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  if (type.kind === 'timestamp') return String(value).replace(' ', 'T');
  if (type.kind === 'timestamptz') return String(value).replace(' ', 'T').replace(/\+00$/, 'Z');
  return value as Cell;
}
