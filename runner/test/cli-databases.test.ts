import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { noMariaDb, type TestMariaDb, testMariaDb } from '../../core/test/mariadb.ts';
import { type TestDatabase, testDatabase } from '../../core/test/postgres.ts';
import { sqliteFile } from '../../core/test/sqlite-file.ts';
import { type CliResult, folderWith, sluice } from './cli.ts';

/** Databases as sources by the built command: drivers are loaded where they are needed, in processes and threads of their own. */

let db: TestDatabase;
let maria: TestMariaDb | null = null;
let dir: string;
let remove: () => Promise<void>;

const replica = `name: replica
source: {type: postgres, connection: crm}
incremental: {type: cursor, column: updated_at, lookback: 10m}
destination: {type: duckdb, schema: crm, write_disposition: merge}
streams:
  - source: {table: "public.*"}
    exclude: ["audit_*"]
  - name: pairs
    source: {table: pairs}
    incremental: {type: none}
    destination: {primary_key: [a, b]}
`;

beforeAll(async () => {
  db = await testDatabase();
  maria = noMariaDb ? null : await testMariaDb();
  await db.query(`CREATE TABLE orders (id int PRIMARY KEY, total numeric(12,2), updated_at timestamptz);
    INSERT INTO orders SELECT i, i, timestamptz '2026-01-01Z' + i * interval '1 hour' FROM generate_series(1, 500) i;
    CREATE TABLE items (id int PRIMARY KEY, updated_at timestamptz); INSERT INTO items VALUES (1, '2026-01-01Z');
    CREATE TABLE pairs (a int, b int, v text); INSERT INTO pairs VALUES (1, 1, 'x'), (1, 2, 'y');
    CREATE TABLE audit_log (id int); CREATE TABLE keyless (updated_at timestamptz)`);
  await maria?.query(`CREATE TABLE shop (id int PRIMARY KEY, name varchar(20)); INSERT INTO shop VALUES (1, 'ä')`);
  ({ dir, remove } = await folderWith({
    'sluice.yaml':
      'version: 1\nname: db\nconnections:\n  crm: {type: postgres, url: "${env:CRM}"}\n  shop: {type: mysql, url: "${env:SHOP}"}\n',
    'jobs/replica.yaml': replica,
    'jobs/lite.yaml': 'name: lite\nsource: {type: sqlite, path: app.sqlite, table: t}\n',
    'jobs/shop.yaml': 'name: shop\nsource: {type: mysql, connection: shop, table: shop}\n',
  }));
  sqliteFile(
    join(dir, 'app.sqlite'),
    `CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT); INSERT INTO t VALUES (1, 'a'), (2, NULL)`,
  );
});
afterAll(async () => {
  await remove();
  await db.drop();
  await maria?.drop();
});

function run(...args: string[]): Promise<CliResult> {
  return sluice(args, { cwd: dir, env: { DATABASE_URL: db.url, CRM: db.url, SHOP: maria?.url ?? '' } });
}

async function rows(sql: string): Promise<unknown[]> {
  return JSON.parse((await run('sql', '--json', sql)).stdout);
}

describe('a job of many tables', () => {
  it('loads each table by itself; one that cannot be merged fails alone', async () => {
    const { code, stdout } = await run('run', 'replica', '--json');
    expect(code).toBe(1);
    const { streams, status } = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as {
      status: string;
      streams: { stream: string; status: string; rows_written: number; error: { code: string } | null }[];
    };
    expect(status).toBe('failed');
    const short = streams.map((s) => [s.stream, s.status, s.rows_written, s.error?.code ?? null]);
    expect(short).toEqual([
      ['items', 'succeeded', 1, null],
      ['keyless', 'failed', 0, 'destination/key'],
      ['orders', 'succeeded', 500, null],
      ['pairs', 'succeeded', 2, null],
    ]);
    expect(await rows('select count(*) as n, sum(total)::varchar as total from crm.orders')).toEqual([
      { n: 500, total: '125250.00' },
    ]);
  });

  it('takes one of its streams by name, which has a checkpoint of its own', async () => {
    await db.query(`INSERT INTO orders VALUES (501, 1, '2026-03-01Z')`);
    const { code, stdout } = await run('run', 'replica/orders', '--json');
    expect([code, JSON.parse(stdout.trim().split('\n').at(-1) ?? '').rows_written]).toEqual([0, 1]);
    const state = JSON.parse((await run('state', 'show', 'replica/orders', '--json')).stdout);
    expect(state.streams).toMatchObject([
      { stream: 'orders', state: { seq: 2, checkpoint: { cursor: { value: '2026-03-01T00:00:00.000000Z' } } } },
    ]);
    expect((await run('run', 'replica/nothing')).code).toBe(1);
    const shown = await run('preview', 'replica/items', '--json');
    expect(JSON.parse(shown.stdout).rows).toMatchObject([{ id: 1 }]);
  });

  it('is looked at by doctor, and discovered', async () => {
    const doctor = await run('doctor', 'replica', '--json');
    const found = (JSON.parse(doctor.stdout) as { stream: string | null; check: string; status: string }[]).filter(
      (one) => one.stream === 'replica/orders',
    );
    expect(found.map(({ check, status }) => [check, status])).toEqual([
      ['source reach', 'ok'],
      ['source read', 'ok'],
      ['destination write', 'ok'],
    ]);
    const discovered = JSON.parse((await run('discover', 'crm', '--json')).stdout) as {
      name: string;
      primary_key: string[];
    }[];
    expect(discovered.find(({ name }) => name === 'orders')?.primary_key).toEqual(['id']);
  });
});

it('reads SQLite', async () => {
  expect((await run('run', 'lite', '--quiet')).code).toBe(0);
  expect(await rows('select id, v from lite order by id')).toEqual([
    { id: 1, v: 'a' },
    { id: 2, v: null },
  ]);
});

it.skipIf(noMariaDb)(`reads MariaDB${noMariaDb ? ` (${noMariaDb})` : ''}`, async () => {
  expect((await run('run', 'shop', '--quiet')).code).toBe(0);
  expect(await rows('select id, name from shop')).toEqual([{ id: 1, name: 'ä' }]);
});
