import { ident } from '../../model/sql.ts';
import type { Column, DataType, ScalarKind } from '../../model/type.ts';

/** What a destination's SQL runs on: the engine for DuckDB, a session for Postgres. Values arrive as exact text or JSON scalars. */
export interface Db {
  rows(sql: string): Promise<Record<string, string | number | boolean | null>[]>;
  changed(sql: string): Promise<number>;
  run(sql: string): Promise<void>;
}

/** Where SQL differs between the systems that hold tables. */
export interface Dialect {
  /** `native`: the system's own name of the type, where source and destination share it. */
  type(type: DataType, native?: string): string;
  /** Whether tables get their PRIMARY KEY. */
  keys: boolean;
}

export interface TableShape {
  name: string;
  columns: Column[];
  primaryKey: string[];
}

/** Schema of a destination, with the catalog before it where the system has one: the leading parts of a table's name. */
export type Place = readonly string[];

export function inPlace(place: Place, table: string): string {
  return ident(...place, table);
}

const KEY_COLUMNS = columns({ project: 'text', target: 'text', job: 'text', stream: 'text' });

/** One row a stream: the fence, and what its last epoch committed. */
export const STATE: TableShape = {
  name: '_sluice_state',
  columns: [
    ...KEY_COLUMNS,
    ...columns({
      fence: 'bigint',
      seq: 'bigint',
      commit_id: 'text',
      epoch: 'bigint',
      checkpoint: 'text',
      counts: 'text',
      source_address: 'text',
      incremental_address: 'text',
      destination_address: 'text',
      table_columns: 'text',
      updated_at: 'timestamptz',
    }),
  ],
  primaryKey: ['project', 'target', 'job', 'stream'],
};

/** The ledger: files that are in the table already. */
export const FILES: TableShape = {
  name: '_sluice_files',
  columns: [
    ...KEY_COLUMNS,
    ...columns({
      path: 'text',
      size: 'bigint',
      modified_at: 'text',
      etag: 'text',
      commit_id: 'text',
      committed_at: 'timestamptz',
    }),
  ],
  primaryKey: ['project', 'target', 'job', 'stream', 'path'],
};

/** Rows set aside, committed with the data they were read with. */
export const QUARANTINE: TableShape = {
  name: '_sluice_quarantine',
  columns: [
    ...KEY_COLUMNS,
    ...columns({
      run_id: 'text',
      code: 'text',
      reason: 'text',
      path: 'text',
      row_number: 'bigint',
      byte_offset: 'bigint',
      row: 'text',
      quarantined_at: 'timestamptz',
      replayed_by: 'text',
    }),
  ],
  primaryKey: [],
};

export const OWN_TABLES: readonly TableShape[] = [STATE, FILES, QUARANTINE];

/** Marks rows that a soft delete took away. */
export const SOFT_DELETE_COLUMN: Column = { name: '_sluice_deleted', type: { kind: 'boolean' } };
/** Last column of rows of a merge with deletes: true where the row takes its key away. */
export const DELETE_MARK = '_sluice_delete';

function columns(types: Record<string, ScalarKind>): Column[] {
  return Object.entries(types).map(([name, kind]) => ({ name, type: { kind } }));
}
