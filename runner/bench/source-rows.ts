import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { openEngine } from '@sluice/core/runtime';
import { startMariaDb } from '../../core/test/mariadb-server.ts';
import { makeBucket, putObject, startMoto } from '../../core/test/moto.ts';
import { dlt, ourJob, raw, root, sling } from './baselines.ts';
import { COLUMNS, type Data } from './data.ts';
import type { Baseline, Bench, BenchRow } from './row.ts';
import { csvColumns } from './rows.ts';

/** Rows whose source is a server: each starts its own and fills it. */
export async function sourceRows(bench: Bench, data: Data, sql: (text: string) => Promise<void>): Promise<BenchRow[]> {
  return [
    await postgresToParquet(bench, data, sql),
    await mariaDbToDuckDb(bench, data),
    await bucketToDuckDb(bench, data),
    await pagesToDuckDb(bench),
  ];
}

const PARTS = 16;
const names = COLUMNS.map(([name]) => name).join(', ');
const shell = (script: string) => ['bash', '-ec', script];
const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;
/** The plainest way to run a statement in DuckDB, for a shell. */
const duck = (file: string, sql: string) => [process.execPath, raw, file, '2', sql].map(quoted).join(' ');

function outputs(bench: Bench, name: string): { path: string; gone: () => Promise<void> } {
  const path = join(bench.folder, `source-${name}`);
  return { path, gone: () => rm(path, { recursive: true, force: true }) };
}

async function run(argv: readonly string[], env: Record<string, string> = {}): Promise<void> {
  const [program = '', ...args] = argv;
  await promisify(execFile)(program, args, { env: { ...process.env, ...env }, maxBuffer: 1 << 26 });
}

async function postgresToParquet(bench: Bench, data: Data, sql: (text: string) => Promise<void>): Promise<BenchRow> {
  const ours = outputs(bench, 'parquet');
  const copied = outputs(bench, 'copied');
  const slung = outputs(bench, 'slung');
  const dlted = outputs(bench, 'dlt');
  const types = COLUMNS.map(([name, type]) => `"${name}" ${type.replace('VARCHAR', 'text')}`).join(', ');
  const csv = join(copied.path, 'big.csv');
  const convert = `COPY (SELECT * FROM read_csv('${csv}', header = true, auto_detect = false, columns = ${csvColumns})) TO '${copied.path}/big.parquet' (FORMAT parquet, COMPRESSION zstd)`;
  const copy: Baseline = {
    name: 'psql \\copy, then raw DuckDB',
    reset: async () => {
      await copied.gone();
      await mkdir(copied.path, { recursive: true });
    },
    command: {
      label: 'psql and DuckDB',
      argv: shell(
        `psql ${quoted(bench.postgres)} -c ${quoted(`\\copy source.big to '${csv}' csv header`)}; ${duck(':memory:', convert)}`,
      ),
    },
  };
  const source = { stream: 'source.big', env: { SOURCE: `${bench.postgres}?sslmode=disable` } };
  return {
    name: 'Postgres → Parquet',
    ours: await ourJob(
      bench,
      {
        name: 'pg_parquet',
        source: '  type: postgres\n  url: ${env:BENCH_URL}\n  table: source.big',
        destination: `  type: local\n  path: ${ours.path}\n  write_disposition: replace`,
        workers: 2,
      },
      async () => {
        await ours.gone();
        await rm(join(ours.path, '..', '.source-parquet.sluice'), { recursive: true, force: true });
      },
    ),
    baselines: [
      ...(bench.tools.psql === null ? [] : [copy]),
      ...sling(bench, source, { conn: '', object: `file://${slung.path}/big.parquet` }, 'full-refresh', slung.gone),
      ...dlt(bench, 'sql', bench.postgres, 'source.big', ['files', `file://${dlted.path}`], 'replace', dlted.gone),
    ],
    goals: { 'psql \\copy, then raw DuckDB': 1.2, sling: 1, dlt: 1 },
    rows: bench.rows,
    prepare: async () => {
      await sql(`DROP SCHEMA IF EXISTS source CASCADE; CREATE SCHEMA source; CREATE TABLE source.big (${types})`);
      await run(['psql', bench.postgres, '-qc', `\\copy source.big from '${data.csv}' csv header`]);
      await sql('VACUUM ANALYZE source.big');
      return () => sql('DROP SCHEMA source CASCADE');
    },
  };
}

async function mariaDbToDuckDb(bench: Bench, data: Data): Promise<BenchRow> {
  const ours = outputs(bench, 'maria.duckdb');
  const client = outputs(bench, 'maria-client.duckdb');
  const tsv = join(bench.folder, 'source-maria.tsv');
  const slung = outputs(bench, 'maria-sling.duckdb');
  const env: Record<string, string> = {};
  const source: Record<string, string> = {};
  const columns = csvColumns.replace("'BOOLEAN'", "'TINYINT'");
  const read = `CREATE TABLE big AS SELECT * FROM read_csv('${tsv}', header = true, delim = '\t', auto_detect = false, columns = ${columns})`;
  return {
    name: 'MariaDB → DuckDB',
    ours: await ourJob(
      bench,
      {
        name: 'maria_duckdb',
        source: '  type: mysql\n  url: ${env:MARIA_URL}\n  table: big',
        destination: `  type: duckdb\n  path: ${ours.path}\n  table: big\n  write_disposition: replace`,
        workers: 1,
        env,
      },
      ours.gone,
    ),
    baselines: [
      {
        name: 'mariadb --quick, then raw DuckDB',
        reset: client.gone,
        command: {
          label: 'mariadb and DuckDB',
          argv: shell(
            `mariadb --no-defaults $MARIA_ARGS --quick --batch -e 'SELECT * FROM big' > ${quoted(tsv)}; ${duck(client.path, read)}`,
          ),
          env,
        },
      },
      ...sling(
        bench,
        { stream: 'bench.big', env: source },
        { conn: `duckdb://${slung.path}`, object: 'main.big' },
        'full-refresh',
        slung.gone,
      ),
    ],
    goals: { sling: 1 },
    rows: bench.rows,
    prepare: async () => {
      const server = await startMariaDb();
      const { hostname, port, username, password } = new URL(server.url);
      const args = ['-h', hostname, '-P', port, '-u', username, `-p${password}`];
      const types = COLUMNS.map(
        ([name, type]) => `${name} ${type.replace('VARCHAR', 'VARCHAR(64)').replace('TIMESTAMP', 'DATETIME')}`,
      );
      const load = `CREATE DATABASE bench; USE bench; CREATE TABLE big (${types.join(', ')}, PRIMARY KEY (id));
        LOAD DATA LOCAL INFILE '${data.csv}' INTO TABLE big FIELDS TERMINATED BY ',' OPTIONALLY ENCLOSED BY '"' IGNORE 1 LINES
        (${names.replace('flag', '@flag')}) SET flag = @flag = 'true'`;
      await run(['mariadb', '--no-defaults', ...args, '--local-infile', '-e', load]);
      Object.assign(env, {
        MARIA_URL: server.url.replace(/\/mysql$/, '/bench'),
        MARIA_ARGS: [...args, 'bench'].join(' '),
      });
      source.SOURCE = server.url.replace(/\/mysql$/, '/bench');
      return server.stop;
    },
  };
}

async function bucketToDuckDb(bench: Bench, data: Data): Promise<BenchRow> {
  const ours = outputs(bench, 's3.duckdb');
  const fetched = outputs(bench, 's3-fetched');
  const env: Record<string, string> = {};
  const read = `CREATE TABLE big AS SELECT * FROM read_csv('${fetched.path}/*.csv', header = true, auto_detect = false, columns = ${csvColumns})`;
  const script = join(root, 'runner', 'bench', 'sdk-download.mjs');
  return {
    name: `S3, ${PARTS} CSV files → DuckDB`,
    ours: await ourJob(
      bench,
      {
        name: 's3_duckdb',
        source:
          '  type: s3\n  endpoint: ${env:S3_URL}\n  bucket: bench\n  access_key_id: key\n  secret_access_key: ${env:S3_SECRET}\n  path: big/*.csv\n  format: csv',
        more: `columns:\n${COLUMNS.map(([name, type]) => `  - name: ${name}\n    type: ${type.toLowerCase().replace('varchar', 'text').replace('integer', 'int')}\n`).join('')}`,
        destination: `  type: duckdb\n  path: ${ours.path}\n  table: big\n  write_disposition: replace`,
        workers: 1,
        env,
      },
      ours.gone,
    ),
    baselines: [
      {
        name: 'the SDK, then raw DuckDB',
        reset: async () => {
          await fetched.gone();
          await mkdir(fetched.path, { recursive: true });
        },
        command: {
          label: 'SDK and DuckDB',
          argv: shell(
            `${[process.execPath, script, fetched.path].map(quoted).join(' ')}; ${duck(join(fetched.path, 'big.duckdb'), read)}`,
          ),
          env,
        },
      },
    ],
    goals: { 'the SDK, then raw DuckDB': 0.8 },
    rows: bench.rows,
    prepare: async () => {
      const folder = await sixteenth(bench, data);
      const server = await startMoto();
      await makeBucket(server.url, 'bench');
      for (let i = 0; i < PARTS; i++) {
        await putObject(server.url, 'bench', `big/${i}.csv`, await readFile(join(folder, `${i}.csv`)));
      }
      Object.assign(env, { S3_URL: server.url, S3_SECRET: 'secret' });
      return server.stop;
    },
  };
}

/** The rows in so many files. */
async function sixteenth(bench: Bench, data: Data): Promise<string> {
  const folder = join(bench.folder, `data-${bench.rows}`, 'sixteen');
  if (existsSync(join(folder, `${PARTS - 1}.csv`))) return folder;
  await mkdir(folder, { recursive: true });
  const engine = await openEngine({ spool: folder, threads: 2, memory: 2_000_000_000 });
  try {
    for (let i = 0; i < PARTS; i++) {
      await engine.run(
        `COPY (SELECT * FROM '${data.parquet}' WHERE id % ${PARTS} = ${i}) TO '${folder}/${i}.csv' (HEADER)`,
      );
    }
  } finally {
    engine.close();
  }
  return folder;
}

/** An API that gives lines of JSON page by page. The other side reads the same pages and keeps nothing: the server's own bound. */
async function pagesToDuckDb(bench: Bench): Promise<BenchRow> {
  const ours = outputs(bench, 'http.duckdb');
  const env: Record<string, string> = {};
  const perPage = 10_000;
  const pages = Math.max(1, Math.round(bench.rows / 5 / perPage));
  const script = join(root, 'runner', 'bench', 'read-pages.mjs');
  return {
    name: 'HTTP, NDJSON page by page → DuckDB',
    ours: await ourJob(
      bench,
      {
        name: 'http_duckdb',
        source:
          '  type: http\n  base_url: ${env:API_URL}\n  path: rows\n  pagination:\n    type: link_header\n  format:\n    type: json\n    layout: ndjson',
        destination: `  type: duckdb\n  path: ${ours.path}\n  table: big\n  write_disposition: replace`,
        workers: 1,
        env,
      },
      ours.gone,
    ),
    baselines: [
      {
        name: 'the pages alone, read and dropped',
        reset: async () => undefined,
        command: { label: 'pages', argv: [process.execPath, script], env },
      },
    ],
    goals: {},
    rows: pages * perPage,
    prepare: async () => {
      const line = (id: number) =>
        `{"id":${id},"name":"name_${id % 1000}","amount":${(id * 7919) % 100000}.25,"flag":${id % 2 === 0},"city":"oslo, ${id % 50}","code":"${(id * 2654435761) % 2 ** 32}"}\n`;
      const body = Buffer.from(Array.from({ length: perPage }, (_, id) => line(id)).join(''));
      const server = createServer((request, response) => {
        const { searchParams, host } = new URL(request.url ?? '/', `http://${request.headers.host}`);
        const page = Number(searchParams.get('page') ?? 1);
        const next = page < pages ? { link: `<http://${host}/rows?page=${page + 1}>; rel="next"` } : {};
        response.writeHead(200, { 'content-type': 'application/x-ndjson', 'content-length': body.length, ...next });
        response.end(body);
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      env.API_URL = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      return async () => {
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      };
    },
  };
}
