import type { Column, DataType } from '../../model/type.ts';
import { queryFailed } from '../shared/errors.ts';
import type { SqliteDb } from './file.ts';
import { decimalText, fromSqliteType } from './types.ts';

type Cell = string | number | boolean | null;

/** Runs one query that only reads. Throws destination/query-failed with SQLite's words. */
export function queryReadOnly(db: SqliteDb, sql: string): { columns: Column[]; rows: Cell[][] } {
  try {
    const statement = db.handle.prepare(sql);
    if (!statement.reader || !statement.readonly) throw new Error('One query that only reads is expected.');
    const columns = statement.columns().map((c) => ({ name: c.name, type: fromSqliteType(c.type ?? '') }));
    const rows = statement.raw().all() as unknown[][];
    return { columns, rows: rows.map((row) => row.map((value, i) => toCell(value, columns[i]?.type))) };
  } catch (error) {
    throw queryFailed(error);
  }
}

function toCell(value: unknown, type: DataType | undefined): Cell {
  if (value === null || value === undefined) return null;
  if (type?.kind === 'boolean' && (value === 0n || value === 1n)) return value === 1n;
  if (type?.kind === 'decimal' && typeof value !== 'object') return decimalText(value, type.scale);
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  if (value instanceof Uint8Array) return `\\x${Buffer.from(value).toString('hex')}`;
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value);
  const text = String(value);
  if (type?.kind !== 'timestamp' && type?.kind !== 'timestamptz') return text;
  return shortFraction(text.replace(' ', 'T'));
}

/** Zeros that end the digits behind the second are only there for the order of texts. */
function shortFraction(text: string): string {
  return text.replace(/(\.\d*?)0+(Z?)$/, (_, digits: string, zone: string) => (digits === '.' ? '' : digits) + zone);
}
