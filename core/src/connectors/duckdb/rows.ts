import type { CommitResult, RowPiece } from '../../model/component.ts';
import { toDuckType } from '../../model/duck.ts';
import { ident, literalList } from '../../model/sql.ts';
import type { Column } from '../../model/type.ts';
import type { Db, Dialect } from '../shared/tables.ts';

export const DUCK: Dialect = { type: toDuckType, keys: false };

export type Written = Omit<CommitResult, 'repeated'>;

/** Rows to write: a query, with more of them behind it or not, or Parquet files that hold them already. */
export type Input = { sql: string; pieces?: AsyncIterable<RowPiece> } | { parts: string[] };

export interface Target {
  db: Db;
  /** Quoted name of the table. */
  table: string;
  existing: Column[] | null;
  /** Folder for files that a large merge needs. */
  scratch: string;
  /** Bytes that the database may use. */
  memory: number;
}

export function sameName(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}

export function select(input: Input): string {
  return 'sql' in input ? input.sql : `SELECT * FROM read_parquet(${literalList(input.parts)})`;
}

export function list(columns: readonly Column[], prefix = ''): string {
  return columns.map((c) => prefix + ident(c.name)).join(', ');
}
