import { rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { dlt, ourJob, rawDuck, sling } from './baselines.ts';
import { COLUMNS, type Data, LARGE } from './data.ts';
import { formatRows } from './format-rows.ts';
import type { Baseline, Bench, BenchRow } from './row.ts';
import { sourceRows } from './source-rows.ts';

const TYPES: Record<string, string> = {
  BIGINT: 'bigint',
  VARCHAR: 'text',
  'DECIMAL(12,2)': 'decimal(12,2)',
  INTEGER: 'int',
  BOOLEAN: 'boolean',
  DATE: 'date',
  TIMESTAMP: 'timestamp',
};

export const declared = `columns:\n${COLUMNS.map(([name, type]) => `  - name: ${name}\n    type: ${TYPES[type]}\n`).join('')}`;
export const csvColumns = `{${COLUMNS.map(([name, type]) => `'${name}': '${type}'`).join(', ')}}`;

export const localSource = (path: string, format: string) => `  type: local\n  path: ${path}\n  format: ${format}`;

/** The rows of the table: each ours and what a user would take instead, in turn in one run. */
export async function benchRows(bench: Bench, data: Data, sql: (text: string) => Promise<void>): Promise<BenchRow[]> {
  return [
    ...(await duckRows(bench, data)),
    ...(await formatRows(bench, data)),
    ...(await postgresRows(bench, data, sql)),
    ...(await sourceRows(bench, data, sql)),
  ];
}

async function duckRows(bench: Bench, data: Data): Promise<BenchRow[]> {
  const { rows } = bench;
  const file = (name: string) => join(bench.folder, `${name}.duckdb`);
  const gone = (name: string) => async () => {
    await rm(file(name), { force: true });
    await rm(`${file(name)}.wal`, { force: true });
  };
  const duck = (name: string) => `  type: duckdb\n  path: ${file(name)}\n  table: big\n  write_disposition: replace`;
  const readCsv = (path: string) =>
    `read_csv('${path}', header = true, delim = ',', quote = '"', auto_detect = false, columns = ${csvColumns})`;
  const other = (path: string, folder: string, pattern: string, kind: string): Baseline[] => [
    ...sling(bench, path, { conn: `duckdb://${file('sling')}`, object: 'main.big' }, 'full-refresh', gone('sling')),
    ...dlt(bench, kind, `file://${folder}`, pattern, ['duckdb', file('dlt')], 'replace', gone('dlt')),
  ];
  const folder = dirname(data.csv);
  const job = (name: string, path: string, format: string, typed: boolean, workers: number, memory = '4GB') =>
    ourJob(
      bench,
      {
        name,
        source: localSource(path, format),
        more: typed ? declared : '',
        workers,
        memory,
        destination: duck(name),
      },
      gone(name),
    );
  return [
    {
      name: 'CSV → DuckDB, one task, declared types',
      ours: await job('csv_declared', data.csv, 'csv', true, 1),
      baselines: [rawDuck(bench, 'csv', 2, readCsv(data.csv)), ...other(data.csv, folder, 'big.csv', 'csv')],
      goals: { 'raw DuckDB': 0.9, sling: 1, dlt: 1 },
      rows,
    },
    {
      name: 'CSV → DuckDB, one task, inferred types',
      ours: await job('csv_inferred', data.csv, 'csv', false, 1),
      baselines: [rawDuck(bench, 'csv', 2, readCsv(data.csv))],
      goals: { 'raw DuckDB': 0.8 },
      rows,
    },
    {
      name: 'CSV → DuckDB, four tasks',
      ours: await job('csv_four', `${data.parts}/*.csv`, 'csv', true, 4),
      baselines: [rawDuck(bench, 'csv4', 4, readCsv(`${data.parts}/*.csv`))],
      goals: { 'raw DuckDB': 0.55 },
      rows,
    },
    {
      name: 'Parquet → DuckDB',
      ours: await job('parquet', data.parquet, 'parquet', false, 1),
      baselines: [
        rawDuck(bench, 'parquet', 2, `'${data.parquet}'`),
        ...other(data.parquet, folder, 'big.parquet', 'parquet'),
      ],
      goals: { 'raw DuckDB': 0.9, sling: 1, dlt: 1 },
      rows,
    },
    {
      name: 'CSV, eight times the rows, → DuckDB under 512 MB',
      ours: await job('csv_large', data.large, 'csv', true, 1, '512MB'),
      baselines: [rawDuck(bench, 'large', 2, readCsv(data.large), "SET memory_limit = '512MB'; ")],
      goals: {},
      rows: rows * LARGE,
    },
  ];
}

async function postgresRows(bench: Bench, data: Data, sql: (text: string) => Promise<void>): Promise<BenchRow[]> {
  const { rows } = bench;
  const types = COLUMNS.map(([name, type]) => `"${name}" ${type.replace('VARCHAR', 'text')}`).join(', ');
  const reset = (schema: string, empty: boolean) => async () => {
    await sql(`DROP SCHEMA IF EXISTS ${schema} CASCADE; CREATE SCHEMA ${schema}`);
    if (empty) await sql(`CREATE TABLE ${schema}.big (${types})`);
    await sql('CHECKPOINT');
  };
  const copy: Baseline[] =
    bench.tools.psql === null
      ? []
      : [
          {
            name: 'psql \\copy',
            reset: reset('copied', true),
            command: {
              label: 'psql',
              argv: [bench.tools.psql, bench.postgres, '-c', `\\copy copied.big from '${data.csv}' csv header`],
            },
          },
        ];
  const target = (disposition: string) =>
    `  type: postgres\n  url: \${env:BENCH_URL}\n  schema: ours\n  table: big\n  write_disposition: ${disposition}`;
  const others = (mode: string, disposition: string): Baseline[] => [
    ...sling(
      bench,
      data.csv,
      { conn: `${bench.postgres}?sslmode=disable`, object: 'slung.big' },
      mode,
      reset('slung', false),
    ),
    ...dlt(
      bench,
      'csv',
      `file://${dirname(data.csv)}`,
      'big.csv',
      ['postgres', bench.postgres],
      disposition,
      reset('dlt_bench', false),
    ),
  ];
  const job = (name: string, disposition: string, empty: boolean, path: string, workers: number) =>
    ourJob(
      bench,
      { name, source: localSource(path, 'csv'), more: declared, workers, destination: target(disposition) },
      reset('ours', empty),
    );
  return [
    {
      name: 'CSV → Postgres, append',
      ours: await job('pg_append', 'append', true, data.csv, 1),
      baselines: [...copy, ...others('truncate', 'append')],
      goals: { 'psql \\copy': 0.9, sling: 1, dlt: 1 },
      rows,
    },
    {
      name: 'CSV → Postgres, replace',
      ours: await job('pg_replace', 'replace', false, `${data.parts}/*.csv`, 2),
      baselines: [...copy, ...others('full-refresh', 'replace')],
      goals: { 'psql \\copy': 1, sling: 1, dlt: 1 },
      rows,
    },
  ];
}
