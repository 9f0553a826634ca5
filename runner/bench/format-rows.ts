import { existsSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { openEngine } from '@sluice/core/runtime';
import avsc from 'avsc';
import { dlt, ourJob, rawDuck, root, sling } from './baselines.ts';
import { COLUMNS, type Data } from './data.ts';
import type { Baseline, Bench, BenchRow } from './row.ts';
import { declared, localSource } from './rows.ts';

/** XML and Avro have a tenth of the rows: what reads them is slower by as much. */
const FEWER = 10;

/** Rows of formats beside plain CSV and Parquet. */
export async function formatRows(bench: Bench, data: Data): Promise<BenchRow[]> {
  return [...(await jsonRows(bench, data)), ...(await fileRows(bench, data)), ...(await decodedRows(bench, data))];
}

const database = (bench: Bench, name: string) => join(bench.folder, `${name}.duckdb`);

function gone(bench: Bench, name: string): () => Promise<void> {
  return async () => {
    for (const end of ['', '.wal']) await rm(database(bench, name) + end, { force: true });
  };
}

/** Into DuckDB by one task, types inferred. */
function intoDuck(bench: Bench, name: string, path: string, format: string): Promise<Baseline> {
  const destination = `  type: duckdb\n  path: ${database(bench, name)}\n  table: big\n  write_disposition: replace`;
  return ourJob(bench, { name, source: localSource(path, format), workers: 1, destination }, gone(bench, name));
}

async function jsonRows(bench: Bench, data: Data): Promise<BenchRow[]> {
  const folder = dirname(data.csv);
  const lines = join(folder, 'big.ndjson');
  const list = join(folder, 'big.json');
  const slung = (path: string) =>
    sling(
      bench,
      path,
      { conn: `duckdb://${database(bench, 'sling')}`, object: 'main.big' },
      'full-refresh',
      gone(bench, 'sling'),
    );
  const target: [string, string] = ['duckdb', database(bench, 'dlt')];
  return [
    {
      name: 'NDJSON → DuckDB',
      ours: await intoDuck(bench, 'ndjson', lines, 'json'),
      baselines: [
        rawDuck(bench, 'ndjson', 2, `read_json('${lines}', format = 'newline_delimited')`),
        ...slung(lines),
        ...dlt(bench, 'jsonl', folder, 'big.ndjson', target, 'replace', gone(bench, 'dlt')),
      ],
      goals: { 'raw DuckDB': 0.5, sling: 1, dlt: 1 },
      rows: bench.rows,
      prepare: () => copied(folder, lines, `SELECT * FROM '${data.parquet}'`, 'FORMAT json'),
    },
    {
      name: 'JSON array → DuckDB',
      ours: await intoDuck(bench, 'json_array', list, 'json'),
      baselines: [rawDuck(bench, 'json', 2, `read_json('${list}', format = 'array')`), ...slung(list)],
      goals: { sling: 1 },
      rows: bench.rows,
      prepare: () => copied(folder, list, `SELECT * FROM '${data.parquet}'`, 'FORMAT json, ARRAY true'),
    },
  ];
}

async function fileRows(bench: Bench, data: Data): Promise<BenchRow[]> {
  const folder = dirname(data.csv);
  const packed = join(folder, 'big.csv.gz');
  const out = join(bench.folder, 'partitioned');
  const raw = join(bench.folder, 'partitioned-raw');
  const removed = (path: string) => async () => {
    for (const found of [path, join(dirname(path), `.${path.slice(path.lastIndexOf('/') + 1)}.sluice`)])
      await rm(found, { recursive: true, force: true });
  };
  const destination = `  type: local\n  path: ${out}\n  partition_by: [qty]\n  write_disposition: replace`;
  const job = {
    name: 'csv_partitioned',
    source: localSource(data.csv, 'csv'),
    more: declared,
    workers: 1,
    destination,
  };
  const from = `read_csv('${data.csv}', header = true)`;
  const plain = rawDuck(bench, 'partitioned', 2, from);
  const statement = `COPY (SELECT * FROM ${from}) TO '${raw}' (FORMAT parquet, COMPRESSION zstd, PARTITION_BY (qty), WRITE_PARTITION_COLUMNS true)`;
  const argv = [...plain.command.argv.slice(0, -1), statement];
  return [
    {
      name: 'gzip CSV → DuckDB',
      ours: await intoDuck(bench, 'csv_gzip', packed, 'csv'),
      baselines: [rawDuck(bench, 'gzip', 2, `read_csv('${packed}', header = true)`)],
      goals: {},
      rows: bench.rows,
      prepare: () => copied(folder, packed, `SELECT * FROM '${data.parquet}'`, 'FORMAT csv, HEADER, COMPRESSION gzip'),
    },
    {
      name: 'CSV → Parquet in folders by a column',
      ours: await ourJob(bench, job, removed(out)),
      baselines: [{ ...plain, reset: removed(raw), command: { ...plain.command, argv } }],
      goals: { 'raw DuckDB': 0.8 },
      rows: bench.rows,
    },
  ];
}

async function decodedRows(bench: Bench, data: Data): Promise<BenchRow[]> {
  const folder = dirname(data.csv);
  const xml = join(folder, 'big.xml');
  const avro = join(folder, 'big.avro');
  const rows = Math.ceil(bench.rows / FEWER);
  const select = `SELECT * FROM '${data.parquet}' LIMIT ${rows}`;
  return [
    {
      name: 'XML → DuckDB',
      ours: await intoDuck(bench, 'xml', xml, 'xml'),
      baselines: [npmReader('saxes', xml, 'row')],
      goals: {},
      rows,
      prepare: () => writeXml(folder, xml, select),
    },
    {
      name: 'Avro → DuckDB',
      ours: await intoDuck(bench, 'avro', avro, 'avro'),
      baselines: [npmReader('avsc', avro)],
      goals: {},
      rows,
      prepare: () => writeAvro(folder, avro, select),
    },
  ];
}

const nothing = async () => undefined;

/** The npm package of a format alone: it reads the records and loads them nowhere. */
function npmReader(kind: string, file: string, element = ''): Baseline {
  const script = join(root, 'runner', 'bench', 'read-npm.mjs');
  return {
    name: `${kind} (reads only)`,
    reset: nothing,
    command: { label: kind, argv: [process.execPath, script, kind, file, element] },
  };
}

/** Writes a query's rows, under another name until they are whole. */
async function copied(folder: string, path: string, select: string, options: string): Promise<() => Promise<void>> {
  if (existsSync(path)) return nothing;
  const engine = await openEngine({ spool: folder, threads: 2, memory: 2_000_000_000 });
  try {
    await engine.run(`COPY (${select}) TO '${path}.part' (${options})`);
  } finally {
    engine.close();
  }
  await rename(`${path}.part`, path);
  return nothing;
}

async function writeXml(folder: string, path: string, select: string): Promise<() => Promise<void>> {
  const fields = COLUMNS.map(([name]) => `'<${name}>' || CAST("${name}" AS VARCHAR) || '</${name}>'`).join(' || ');
  const lines = `SELECT '<rows>' UNION ALL SELECT '<row>' || ${fields} || '</row>' FROM (${select}) UNION ALL SELECT '</rows>'`;
  return copied(folder, path, lines, `FORMAT csv, HEADER false, QUOTE '', ESCAPE '', DELIMITER '\x01'`);
}

const AVRO_TYPES: Record<string, unknown> = {
  BIGINT: 'long',
  VARCHAR: 'string',
  'DECIMAL(12,2)': 'double',
  INTEGER: 'int',
  BOOLEAN: 'boolean',
  DATE: { type: 'int', logicalType: 'date' },
  TIMESTAMP: { type: 'long', logicalType: 'local-timestamp-micros' },
};

async function writeAvro(folder: string, path: string, select: string): Promise<() => Promise<void>> {
  if (existsSync(path)) return nothing;
  const fields = COLUMNS.map(([name, type]) => ({ name, type: AVRO_TYPES[type] }));
  const encoder = avsc.createFileEncoder(`${path}.part`, { type: 'record', name: 'row', fields } as never, {
    codec: 'deflate',
  });
  const items = COLUMNS.map(([name, type]) => {
    if (type === 'DATE') return `CAST("${name}" - DATE '1970-01-01' AS INTEGER)`;
    if (type === 'TIMESTAMP') return `epoch_us("${name}")`;
    return type === 'DECIMAL(12,2)' ? `CAST("${name}" AS DOUBLE)` : `"${name}"`;
  });
  const engine = await openEngine({ spool: folder, threads: 2, memory: 2_000_000_000 });
  try {
    for await (const rows of engine.stream(`SELECT ${items.join(', ')} FROM (${select})`))
      for (const row of rows) {
        const record = Object.fromEntries(
          COLUMNS.map(([name], i) => [name, typeof row[i] === 'bigint' ? Number(row[i]) : row[i]]),
        );
        if (!encoder.write(record)) await new Promise((resolve) => encoder.once('drain', resolve));
      }
    await new Promise((resolve) => encoder.end(resolve));
  } finally {
    engine.close();
  }
  await rename(`${path}.part`, path);
  return nothing;
}
