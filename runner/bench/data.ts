import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { openEngine } from '@sluice/core/runtime';

/** Columns of the benchmark's table in DuckDB's and Postgres' words. */
export const COLUMNS: [string, string][] = [
  ['id', 'BIGINT'],
  ['name', 'VARCHAR'],
  ['amount', 'DECIMAL(12,2)'],
  ['qty', 'INTEGER'],
  ['flag', 'BOOLEAN'],
  ['day', 'DATE'],
  ['created_at', 'TIMESTAMP'],
  ['code', 'VARCHAR'],
  ['city', 'VARCHAR'],
];

const SELECT = `SELECT range AS id, 'name_' || (range % 1000) AS name, ((range * 7919) % 100000)::DECIMAL(12,2) / 100 AS amount,
  (range % 7)::INTEGER AS qty, range % 2 = 0 AS flag, DATE '2020-01-01' + (range % 1000)::INTEGER AS day,
  TIMESTAMP '2020-01-01' + INTERVAL (range) SECOND AS created_at, md5(range::VARCHAR) AS code, 'oslo, ' || (range % 50) AS city`;

export interface Data {
  csv: string;
  /** The same rows in four files. */
  parts: string;
  parquet: string;
  /** Eight times the rows in one CSV file: more than the memory that its row is allowed. */
  large: string;
}

/** How many times the rows of the other files the large one has. */
export const LARGE = 8;

/** Writes the benchmark's files once: mixed columns, about 100 bytes a row as CSV. */
export async function makeData(folder: string, rows: number): Promise<Data> {
  const data = join(folder, `data-${rows}`);
  const found = {
    csv: join(data, 'big.csv'),
    parts: join(data, 'parts'),
    parquet: join(data, 'big.parquet'),
    large: join(data, 'large.csv'),
  };
  if (existsSync(found.large)) return found;
  await mkdir(found.parts, { recursive: true });
  const engine = await openEngine({ spool: data, threads: 2, memory: 4_000_000_000 });
  try {
    const select = (from: number, to: number) =>
      `SELECT id, name, amount::DECIMAL(12,2) AS amount, qty, flag, day, created_at, code, city FROM (${SELECT} FROM range(${from}, ${to}))`;
    await engine.run(`COPY (${select(0, rows)}) TO '${found.csv}' (HEADER)`);
    const step = Math.ceil(rows / 4);
    for (let i = 0; i < 4; i++) {
      await engine.run(
        `COPY (${select(i * step, Math.min(rows, (i + 1) * step))}) TO '${found.parts}/${i}.csv' (HEADER)`,
      );
    }
    await engine.run(`COPY (${select(0, rows)}) TO '${found.parquet}' (FORMAT parquet)`);
    await engine.run(`COPY (${select(0, rows * LARGE)}) TO '${found.large}' (HEADER)`);
  } finally {
    engine.close();
  }
  return found;
}
