import type { DuckDBConnection } from '@duckdb/node-api';
import type { Snapshot } from '../../delta/actions.ts';
import { tableSql } from '../../delta/scan.ts';
import { columnsOf } from '../../delta/types.ts';
import { toDuckType } from '../../model/duck.ts';
import type { FileIdentity, StreamKey } from '../../model/run.ts';
import { ident, literal, literalList } from '../../model/sql.ts';
import type { Column } from '../../model/type.ts';
import { closeAccess, openInstance } from '../shared/duck-instance.ts';
import { type Cell, readSelect } from '../shared/duck-rows.ts';
import { FILES, QUARANTINE, STATE, type TableShape } from '../shared/tables.ts';
import { asideSql } from './aside.ts';
import type { Place } from './place.ts';
import { scanFiles } from './rewrite.ts';
import type { Stored } from './stream-state.ts';

export interface TableToQuery {
  place: Place;
  table: Snapshot | null;
  /** Schema and name that the table has in the query. */
  name: [schema: string | null, table: string];
  key: StreamKey;
  budget: { threads: number; memory: number } | undefined;
  state: Stored;
  fence: number;
  ledger: ReadonlyMap<string, FileIdentity>;
}

/**
 * Runs one SELECT over the table as it stands, with `_sluice_state`, `_sluice_files` and `_sluice_quarantine` of the stream beside
 * it. Throws destination/query-failed with the engine's words.
 */
export async function queryTable(query: TableToQuery, sql: string): Promise<{ columns: Column[]; rows: Cell[][] }> {
  return query.place.withEngine(async ({ folder }) => {
    const { instance, connection } = await openInstance(
      ':memory:',
      query.budget ?? { threads: 2, memory: 1_000_000_000 },
    );
    try {
      const paths = await layOut(query, connection, folder);
      await connection.run(`SET allowed_paths = ${literalList(paths)}`);
      await connection.run(`SET allowed_directories = [${literal(folder)}]`);
      await closeAccess(connection);
      return await readSelect(connection, sql);
    } finally {
      connection.closeSync();
      instance.closeSync();
    }
  });
}

/** Makes the views; returns the files that they read. */
async function layOut(query: TableToQuery, connection: DuckDBConnection, into: string): Promise<string[]> {
  const { place, table, name, state } = query;
  const [schema, own] = name;
  if (schema !== null) await connection.run(`CREATE SCHEMA IF NOT EXISTS ${ident(schema)}`);
  const at = (view: string) => (schema === null ? ident(view) : ident(schema, view));
  const paths: string[] = [];
  if (table) {
    const files = await scanFiles(place.folder, [...table.files.values()], into);
    paths.push(...files.map(({ path }) => path));
    const rows = async (text: string) => (await connection.runAndReadAll(text)).getRowObjectsJson();
    await connection.run(`CREATE VIEW ${at(own)} AS ${await tableSql(rows, files, columnsOf(table.metadata))}`);
  }
  const aside: string[] = [];
  for (const { path } of state.quarantine) aside.push(await place.folder.local(path, into));
  paths.push(...aside);
  const set = aside.length > 0 ? asideSql(aside, query.key) : null;
  const own_ = [...ownRows(query), [QUARANTINE, set] as const];
  for (const [shape, rows] of own_) await connection.run(`CREATE VIEW ${at(shape.name)} AS ${viewOf(shape, rows)}`);
  return paths;
}

function viewOf(shape: TableShape, rows: string | null): string {
  const empty = shape.columns.map((c) => `CAST(NULL AS ${toDuckType(c.type)}) AS ${ident(c.name)}`).join(', ');
  return `SELECT ${empty} WHERE false${rows === null ? '' : ` UNION ALL BY NAME ${rows}`}`;
}

/** The stream's state and ledger as the tables that other destinations keep. */
function ownRows({ key, state, fence, ledger }: TableToQuery): (readonly [TableShape, string | null])[] {
  const { project, target, job, stream } = key;
  const fixed = { project, target, job, stream };
  if (fence === 0)
    return [
      [STATE, null],
      [FILES, null],
    ];
  const { seq, commitId, checkpoint, counts } = state;
  const own = {
    ...fixed,
    fence,
    seq,
    commit_id: commitId,
    checkpoint: checkpoint === null ? null : JSON.stringify(checkpoint),
    counts: counts === null ? null : JSON.stringify(counts),
  };
  const files = [...ledger.values()].map((file) => ({ ...fixed, ...file }));
  return [
    [STATE, valuesOf([own])],
    [FILES, files.length > 0 ? valuesOf(files) : null],
  ];
}

function valuesOf(rows: readonly Record<string, string | number | null>[]): string {
  const names = Object.keys(rows[0] ?? {});
  const value = (item: string | number | null | undefined) =>
    item === null || item === undefined ? 'NULL' : typeof item === 'number' ? String(item) : literal(item);
  const list = rows.map((row) => `(${names.map((name) => value(row[name])).join(', ')})`).join(', ');
  return `SELECT * FROM (VALUES ${list}) AS v(${names.map((name) => ident(name)).join(', ')})`;
}
