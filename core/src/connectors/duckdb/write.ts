import { rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { CommitResult, EpochCommit } from '../../model/component.ts';
import { toDuckType } from '../../model/duck.ts';
import { SluiceError } from '../../model/error.ts';
import { ident, literal, literalList } from '../../model/sql.ts';
import type { Column } from '../../model/type.ts';
import { createTable, planTable } from '../shared/ddl.ts';
import { type Db, DELETE_MARK, type Dialect, SOFT_DELETE_COLUMN } from '../shared/tables.ts';

export const DUCK: Dialect = { type: toDuckType, keys: false };

export type Written = Omit<CommitResult, 'repeated'>;

/** Rows to write: a query, or Parquet files that hold them already. */
export type Input = { sql: string } | { parts: string[] };

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

/** Makes the table fit and puts the rows in, by the epoch's write disposition. The caller owns the transaction. */
export async function writeRows(target: Target, epoch: EpochCommit, input: Input): Promise<Written> {
  const whole = epoch.disposition === 'replace' && !epoch.window;
  const columns = await prepare(target, epoch, whole);
  if (epoch.disposition === 'merge') return merge(target, epoch, input, columns);
  let rows_deleted = 0;
  if (epoch.disposition === 'replace' && epoch.window) {
    const { column, from, to } = epoch.window;
    const type = toDuckType(epoch.columns.find((c) => c.name === column)?.type ?? { kind: 'timestamptz' });
    const at = (text: string) => `CAST(${literal(text)} AS ${type})`;
    rows_deleted = await target.db.changed(
      `DELETE FROM ${target.table} WHERE ${ident(column)} >= ${at(from)} AND ${ident(column)} < ${at(to)}`,
    );
  }
  const names = list(epoch.columns);
  const rows_written = await target.db.changed(
    `INSERT INTO ${target.table} (${names}) SELECT ${typed(epoch.columns)} FROM (${select(input)}) AS r`,
  );
  return { rows_written, rows_inserted: rows_written, ...(rows_deleted > 0 ? { rows_deleted } : {}) };
}

async function prepare(target: Target, epoch: EpochCommit, whole: boolean): Promise<Column[]> {
  const { db, table, existing } = target;
  const plan = planTable(whole ? null : existing, epoch, sameName);
  if (plan.create) {
    await db.run(createTable(table, { columns: plan.create, primaryKey: [] }, DUCK, 'OR REPLACE TABLE'));
    return plan.create;
  }
  for (const column of plan.add)
    await db.run(`ALTER TABLE ${table} ADD COLUMN ${ident(column.name)} ${toDuckType(column.type)}`);
  for (const column of plan.alter)
    await db.run(`ALTER TABLE ${table} ALTER COLUMN ${ident(column.name)} SET DATA TYPE ${toDuckType(column.type)}`);
  return [...(existing ?? []), ...plan.add];
}

function select(input: Input): string {
  return 'sql' in input ? input.sql : `SELECT * FROM read_parquet(${literalList(input.parts)})`;
}

function list(columns: readonly Column[], prefix = ''): string {
  return columns.map((c) => prefix + ident(c.name)).join(', ');
}

/** Columns cast to the types that the table has for them; a cast to the same type costs nothing. */
export function typed(columns: readonly Column[]): string {
  return columns.map((c) => `CAST(${ident(c.name)} AS ${toDuckType(c.type)}) AS ${ident(c.name)}`).join(', ');
}

/**
 * A hash join over all rows may need more memory than the run has, so a large merge is done in parts by the key's hash.
 * Deleting and inserting is used instead of UPDATE: DuckDB keeps the old and new values of updated rows in memory until commit.
 */
async function merge(target: Target, epoch: EpochCommit, input: Input, columns: Column[]): Promise<Written> {
  const { db, scratch } = target;
  const landed = join(scratch, `merge-${epoch.epoch}.parquet`);
  const parts = 'parts' in input ? input.parts : [landed];
  try {
    if ('sql' in input) {
      const marks = epoch.deletes ? [...epoch.columns, mark] : epoch.columns;
      await db.run(`COPY (SELECT ${typed(marks)} FROM (${input.sql}) AS r) TO ${literal(landed)} (FORMAT parquet)`);
    }
    const rows: Written = { rows_written: 0, rows_inserted: 0, rows_updated: 0, rows_deleted: 0 };
    const count = await partitions(parts, target.memory);
    for (let part = 0; part < count; part++) add(rows, await mergePart(target, epoch, columns, parts, part, count));
    return rows;
  } finally {
    if ('sql' in input) await rm(landed, { force: true });
  }
}

const mark: Column = { name: DELETE_MARK, type: { kind: 'boolean' } };

/** Parquet holds the rows several times smaller than a hash table does, and half of the memory is left to the rest of the query. */
const GROWTH = 8;

async function partitions(parts: readonly string[], memory: number): Promise<number> {
  const sizes = await Promise.all(parts.map(async (part) => (await stat(part)).size));
  const bytes = sizes.reduce((sum, size) => sum + size, 0);
  return Math.max(1, Math.min(256, Math.ceil((bytes * GROWTH) / (memory / 2))));
}

function add(sum: Written, more: Written): void {
  for (const [key, value] of Object.entries(more)) {
    const name = key as keyof Written;
    sum[name] = (sum[name] ?? 0) + (value ?? 0);
  }
}

async function mergePart(
  target: Target,
  epoch: EpochCommit,
  columns: Column[],
  parts: string[],
  part: number,
  count: number,
): Promise<Written> {
  const { db, table } = target;
  const keys = epoch.primaryKey.map((name) => ident(name));
  const on = (left: string) => keys.map((k) => `${left}.${k} = s.${k}`).join(' AND ');
  const where = count > 1 ? ` WHERE hash(${keys.join(', ')}) % ${count} = ${part}` : '';
  const source = `(SELECT * FROM read_parquet(${literalList(parts)})${where})`;
  const total = await countKeys(db, source, keys, epoch);
  if (total === 0) return { rows_written: 0 };

  let rows_deleted = 0;
  const removes = `${source} AS s WHERE ${on('t')} AND s.${ident(DELETE_MARK)}`;
  if (epoch.deletes === 'hard') rows_deleted = await db.changed(`DELETE FROM ${table} AS t USING ${removes}`);
  if (epoch.deletes === 'soft')
    rows_deleted = await db.changed(
      `UPDATE ${table} AS t SET ${ident(SOFT_DELETE_COLUMN.name)} = true FROM ${removes}`,
    );

  const upserts = epoch.deletes ? `(SELECT * FROM ${source} WHERE ${ident(DELETE_MARK)} IS NOT TRUE)` : source;
  const soft = epoch.deletes === 'soft';
  const kept = columns.filter(
    (c) => !epoch.columns.some((n) => sameName(n.name, c.name)) && !(soft && c.name === SOFT_DELETE_COLUMN.name),
  );
  const held = ident('temp', '_sluice_held');
  await db.run(
    `CREATE OR REPLACE TEMP TABLE _sluice_held AS SELECT DISTINCT ON (${keys.map((k) => `t.${k}`).join(', ')})
      ${[...keys.map((k) => `t.${k}`), ...kept.map((c) => `t.${ident(c.name)}`)].join(', ')}
    FROM ${table} AS t SEMI JOIN ${upserts} AS s ON ${on('t')}`,
  );
  const heldRows = await db.rows(`SELECT count(*) AS n FROM ${held}`);
  const rows_updated = Number(heldRows[0]?.n ?? 0);
  if (rows_updated > 0) await db.changed(`DELETE FROM ${table} AS t USING ${held} AS s WHERE ${on('t')}`);

  const into = `INSERT INTO ${table} (${list(epoch.columns)}${soft ? `, ${ident(SOFT_DELETE_COLUMN.name)}` : ''}`;
  const values = `SELECT ${list(epoch.columns, 's.')}${soft ? ', false' : ''}`;
  let inserted = 0;
  if (kept.length === 0 || rows_updated === 0) {
    inserted = await db.changed(`${into}) ${values} FROM ${upserts} AS s`);
  } else {
    // Rows that are new leave the other columns to the table's own defaults.
    inserted = await db.changed(`${into}) ${values} FROM ${upserts} AS s ANTI JOIN ${held} AS h ON ${on('h')}`);
    inserted += await db.changed(
      `${into}, ${list(kept)}) ${values}, ${list(kept, 'h.')} FROM ${upserts} AS s JOIN ${held} AS h ON ${on('h')}`,
    );
  }
  await db.run(`DROP TABLE ${held}`);
  return { rows_written: total, rows_inserted: inserted - rows_updated, rows_updated, rows_deleted };
}

/** Rows of one part; throws destination/duplicate-key where a key stands twice, because the later one could not be told. */
async function countKeys(db: Db, source: string, keys: string[], epoch: EpochCommit): Promise<number> {
  const rows = await db.rows(
    `SELECT coalesce(sum(n), 0)::BIGINT AS total, coalesce(max(n), 0)::BIGINT AS most FROM (SELECT count(*) AS n FROM ${source} GROUP BY ${keys.join(', ')})`,
  );
  if (Number(rows[0]?.most ?? 0) > 1)
    throw new SluiceError(
      'destination/duplicate-key',
      'terminal',
      `Two rows to merge have the same key (${epoch.primaryKey.join(', ')}).`,
      { hint: 'Name all columns that make a row unique in `primary_key`, or add a dedupe step.' },
    );
  return Number(rows[0]?.total ?? 0);
}
