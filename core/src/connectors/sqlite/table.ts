import { SluiceError } from '../../model/error.ts';
import { ident, literal } from '../../model/sql.ts';
import type { Column } from '../../model/type.ts';
import type { Dialect } from '../shared/tables.ts';
import type { SqliteDb } from './file.ts';
import { fromSqliteType, toSqliteType } from './types.ts';

export const SQLITE: Dialect = { type: toSqliteType, keys: true };

/** A column with the type that it was declared with. */
export interface SqliteColumn extends Column {
  declared: string;
}

/** SQLite folds the case of ASCII letters alone. */
export function fold(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase());
}

export function sameName(a: string, b: string): boolean {
  return fold(a) === fold(b);
}

/** The table's columns; null where it is not there. Throws destination/not-a-table for a view. */
export async function readTable(db: SqliteDb, name: string): Promise<SqliteColumn[] | null> {
  const [found] = await db.rows(
    `SELECT type, sql FROM sqlite_master WHERE type IN ('table', 'view') AND lower(name) = lower(${literal(name)})`,
  );
  if (!found) return null;
  if (found.type !== 'table' || /^\s*CREATE\s+VIRTUAL/i.test(String(found.sql)))
    throw new SluiceError('destination/not-a-table', 'config', `"${name}" is there, but is no table.`, {
      hint: 'Give the destination another `table`.',
    });
  const rows = await db.rows(`SELECT name, type, "notnull" AS required FROM pragma_table_info(${literal(name)})`);
  return rows.map((row) => ({
    name: String(row.name),
    type: fromSqliteType(String(row.type)),
    declared: String(row.type),
    nullable: String(row.required) === '0',
  }));
}

/** Statements that make the table's indexes and triggers again. */
export async function belongings(db: SqliteDb, name: string): Promise<string[]> {
  const rows = await db.rows(
    `SELECT sql FROM sqlite_master WHERE type IN ('index', 'trigger') AND sql IS NOT NULL AND lower(tbl_name) = lower(${literal(name)}) ORDER BY type`,
  );
  return rows.map((row) => String(row.sql));
}

/** Columns of the primary key, in its order. */
export async function primaryKey(db: SqliteDb, name: string): Promise<string[]> {
  const rows = await db.rows(`SELECT name FROM pragma_table_info(${literal(name)}) WHERE pk > 0 ORDER BY pk`);
  return rows.map((row) => String(row.name));
}

/** Whether rows are found by the key without reading the whole table: an index begins with its columns. */
export async function hasIndex(db: SqliteDb, name: string, key: readonly string[]): Promise<boolean> {
  const wanted = new Set(key.map(fold));
  const leads = (columns: readonly string[]) => {
    const first = new Set(columns.slice(0, wanted.size).map(fold));
    return first.size === wanted.size && [...wanted].every((column) => first.has(column));
  };
  if (leads(await primaryKey(db, name))) return true;
  const indexes = await db.rows(`SELECT name FROM pragma_index_list(${literal(name)}) WHERE partial = 0`);
  for (const index of indexes) {
    const columns = await db.rows(`SELECT name FROM pragma_index_info(${literal(String(index.name))}) ORDER BY seqno`);
    if (leads(columns.map((c) => String(c.name)))) return true;
  }
  return false;
}

export function idents(names: readonly string[]): string {
  return names.map((name) => ident(name)).join(', ');
}
