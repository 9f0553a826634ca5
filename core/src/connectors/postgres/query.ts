import { SluiceError } from '../../model/error.ts';
import type { Column } from '../../model/type.ts';
import type { PgDb } from './client.ts';
import { isServerError, queryError } from './errors.ts';
import { fromPgType } from './types.ts';

type Cell = string | number | boolean | null;

/** Runs one query in a read-only transaction. Throws destination/query-failed with the server's words. */
export async function queryReadOnly(db: PgDb, sql: string): Promise<{ columns: Column[]; rows: Cell[][] }> {
  await db.run('BEGIN TRANSACTION READ ONLY');
  try {
    // The extended protocol takes one statement only: nothing can follow that ends the transaction.
    const query = { text: sql, rowMode: 'array' as const, queryMode: 'extended' };
    const result = await db.client.query<(string | null)[]>(query);
    const types = await typesOf(db, result.fields);
    const columns = result.fields.map((field, i) => ({ name: field.name, type: fromPgType(types[i] ?? 'text') }));
    const rows = result.rows.map((row) => row.map((value, i) => toCell(value, types[i] ?? 'text')));
    return { columns, rows };
  } catch (error) {
    if (!isServerError(error)) throw queryError(error, db.address);
    throw new SluiceError('destination/query-failed', 'config', `${error.message} (${error.code})`);
  } finally {
    await db.run('ROLLBACK').catch(() => undefined);
  }
}

async function typesOf(
  db: PgDb,
  fields: readonly { dataTypeID: number; dataTypeModifier: number }[],
): Promise<string[]> {
  if (fields.length === 0) return [];
  const calls = fields.map((f) => `format_type(${f.dataTypeID}, ${f.dataTypeModifier})`).join(', ');
  const rows = await db.rows(`SELECT unnest(ARRAY[${calls}]) AS type`);
  return rows.map((row) => String(row.type));
}

function toCell(value: string | null, type: string): Cell {
  if (value === null) return null;
  if (type === 'boolean') return value === 't';
  if (/^(smallint|integer|bigint|oid|real|double precision)$/.test(type)) {
    const number = Number(value);
    const exact = /^(real|double)/.test(type) ? Number.isFinite(number) : Number.isSafeInteger(number);
    return exact ? number : value;
  }
  if (!type.startsWith('timestamp')) return value;
  const iso = value.replace(' ', 'T');
  return type.includes('with time zone') ? iso.replace(/\+00$/, 'Z') : iso;
}
