import { SluiceError } from '../../model/error.ts';
import { ident, literal } from '../../model/sql.ts';
import type { Column, DataType } from '../../model/type.ts';
import { OWN_TABLES, STATE, type TableShape } from '../shared/tables.ts';
import type { MyDb } from './connection.ts';
import { columnType, fromMyType, normal } from './types.ts';

/** A column with the type that the catalog has for it. */
export interface MyColumn extends Column {
  myType: string;
}

/** Column names that differ in case alone are one to the server. */
export function fold(name: string): string {
  return name.toLowerCase();
}

export function sameName(a: string, b: string): boolean {
  return fold(a) === fold(b);
}

export function idents(names: readonly string[]): string {
  return names.map((name) => ident(name)).join(', ');
}

/** The collation that compares texts byte by byte, spaces at their end too. */
export async function collationOf(db: MyDb): Promise<string> {
  const [row] = await db.rows('SELECT version() AS version');
  return /mariadb/i.test(String(row?.version)) ? 'utf8mb4_nopad_bin' : 'utf8mb4_0900_bin';
}

/** The table's columns; null where it is not there. Throws destination/not-a-table for a view and for an engine without transactions. */
export async function readTable(db: MyDb, name: string): Promise<MyColumn[] | null> {
  const at = `table_schema = ${literal(db.address.database)} AND table_name = ${literal(name)}`;
  const [found] = await db.rows(
    `SELECT table_type AS kind, engine AS engine FROM information_schema.tables WHERE ${at}`,
  );
  if (!found) return null;
  if (found.kind !== 'BASE TABLE' || String(found.engine).toLowerCase() !== 'innodb') {
    const why =
      found.kind === 'BASE TABLE' ? `is a table of ${found.engine}, which has no transactions` : 'is no table';
    throw new SluiceError('destination/not-a-table', 'config', `"${name}" is there, but ${why}.`, {
      hint: 'Give the destination another `table`.',
    });
  }
  const rows = await db.rows(
    `SELECT column_name AS name, column_type AS type, is_nullable AS nullable FROM information_schema.columns WHERE ${at} ORDER BY ordinal_position`,
  );
  return rows.map((row) => ({
    name: String(row.name),
    type: fromMyType(String(row.type)),
    myType: normal(String(row.type)),
    nullable: row.nullable === 'YES',
  }));
}

/** Bytes that an index can hold, by the widest letters. */
const KEY_BYTES = 3072;
const LETTER = 4;

/** An index's columns: texts and bytes by their beginning. */
export function indexColumns(columns: readonly { name: string; type: DataType }[]): string {
  const long = columns.filter((c) => isLong(c.type)).length;
  const length = Math.min(191, Math.floor((KEY_BYTES - columns.length * 20) / (LETTER * Math.max(1, long))));
  return columns.map((c) => `${ident(c.name)}${isLong(c.type) ? `(${length})` : ''}`).join(', ');
}

function isLong(type: DataType): boolean {
  return ['text', 'binary', 'json', 'list', 'struct'].includes(type.kind);
}

/** A CREATE TABLE with a key that rows are found by; of a text key only the beginning is indexed, so that it cannot be unique. */
export function createSql(name: string, columns: readonly Column[], key: readonly string[], collation: string): string {
  const keys = key.flatMap((k) => columns.find((c) => c.name === k) ?? []);
  const whole = keys.every((c) => !isLong(c.type));
  const index = keys.length === 0 ? [] : [`${whole ? 'PRIMARY KEY' : 'INDEX'} (${indexColumns(keys)})`];
  const list = columns.map(
    (c) => `${ident(c.name)} ${columnType(c.type, collation)}${whole && keys.includes(c) ? ' NOT NULL' : ' NULL'}`,
  );
  return `CREATE TABLE ${ident(name)} (${[...list, ...index].join(', ')}) ENGINE = InnoDB`;
}

/** Makes the tables that hold state, ledger and quarantine, where they are missing. */
export async function makeOwnTables(db: MyDb, collation: string): Promise<void> {
  const names = OWN_TABLES.map((shape) => literal(shape.name)).join(', ');
  const [found] = await db.rows(
    `SELECT count(*) AS n FROM information_schema.tables WHERE table_schema = ${literal(db.address.database)} AND table_name IN (${names})`,
  );
  if (Number(found?.n) === OWN_TABLES.length) return;
  for (const shape of OWN_TABLES) await db.run(ownTable(shape, collation));
}

const KEY = ['project', 'target', 'job', 'stream'];

function ownTable(shape: TableShape, collation: string): string {
  const text = `varchar(191) CHARACTER SET utf8mb4 COLLATE ${collation} NOT NULL`;
  const columns = shape.columns.map(
    (c) => `${ident(c.name)} ${KEY.includes(c.name) ? text : columnType(c.type, collation)}`,
  );
  const path = shape.columns.some((c) => c.name === 'path') ? ', path(191)' : '';
  // A path may be longer than any key; the ledger's own statements keep it unique.
  const index =
    shape.name === STATE.name
      ? `PRIMARY KEY (${KEY.join(', ')})`
      : `INDEX (${KEY.map((name) => `${name}(63)`).join(', ')}${path})`;
  return `CREATE TABLE IF NOT EXISTS ${ident(shape.name)} (${[...columns, index].join(', ')}) ENGINE = InnoDB`;
}

export function columnsSql(columns: readonly Column[]): string {
  return idents(columns.map((c) => c.name));
}
