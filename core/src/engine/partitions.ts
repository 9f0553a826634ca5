import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Engine } from '../model/component.ts';
import { ident, literal, literalList } from '../model/sql.ts';

/** How much of the task's memory one partition's rows may take; sorting and hashing need the rest. */
const SHARE = 5;
const MAX_PARTITIONS = 256;

/** Partitions that rows of this size need, so that each fits into the memory of the task. */
export function partitionCount(bytes: number, memory: number): number {
  return Math.min(MAX_PARTITIONS, Math.max(1, Math.ceil((bytes * SHARE) / memory)));
}

export interface Relation {
  sql: string;
  /** Estimate in bytes, for choosing partitions. */
  bytes: number;
}

/**
 * Writes what `over` makes of a relation into Parquet parts, one hash partition of `keys` at a time, so that memory is
 * bounded by the partition. Without keys the relation is taken whole. Returns the parts and their rows.
 */
export async function materialise(
  engine: Engine,
  name: string,
  input: Relation,
  keys: readonly string[] | null,
  over: (partitionSql: string) => string,
): Promise<{ sql: string; bytes: number; rows: number }> {
  const count = keys === null || keys.length === 0 ? 1 : partitionCount(input.bytes, engine.memory);
  const folder = join(engine.spool, name);
  await mkdir(folder, { recursive: true });
  const slices = count === 1 ? [input.sql] : await split(engine, join(folder, 'in'), input.sql, keys ?? [], count);
  const parts: string[] = [];
  let rows = 0;
  for (const [index, slice] of slices.entries()) {
    const part = join(folder, `${index}.parquet`);
    rows += await engine.changed(`COPY (${over(slice)}) TO ${literal(part)} (FORMAT parquet, COMPRESSION lz4_raw)`);
    parts.push(part);
  }
  const sql = `SELECT * FROM read_parquet(${literalList(parts)})`;
  const [size] = await engine.rows(
    `SELECT coalesce(sum(total_uncompressed_size), 0) AS bytes FROM parquet_metadata(${literalList(parts)})`,
  );
  return { sql, bytes: Number(size?.bytes ?? 0), rows };
}

/** One pass that deals rows out by hash; the open files' buffers are what bounds the number of partitions. */
async function split(
  engine: Engine,
  folder: string,
  sql: string,
  keys: readonly string[],
  count: number,
): Promise<string[]> {
  const bucket = '_sluice_bucket';
  const hash = `hash(${keys.map((k) => ident(k)).join(', ')}) % ${count}`;
  await mkdir(folder, { recursive: true });
  await engine.run(
    `COPY (SELECT *, (${hash})::INTEGER AS ${bucket} FROM (${sql})) TO ${literal(folder)} ` +
      `(FORMAT parquet, COMPRESSION lz4_raw, PARTITION_BY (${bucket}), OVERWRITE_OR_IGNORE)`,
  );
  const slices: string[] = [];
  const found = await engine.rows(
    `SELECT DISTINCT regexp_extract(file, '${bucket}=([0-9]+)', 1)::INTEGER AS n FROM glob(${literal(`${folder}/**/*.parquet`)}) ORDER BY n`,
  );
  for (const { n } of found)
    slices.push(
      `SELECT * FROM read_parquet(${literal(`${folder}/${bucket}=${n}/*.parquet`)}, hive_partitioning = false)`,
    );
  return slices.length > 0 ? slices : [sql];
}
