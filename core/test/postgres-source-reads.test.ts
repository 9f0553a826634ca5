import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { registry } from '../src/runtime.ts';
import { type EngineProject, engineProject } from './engine.ts';
import { type TestDatabase, testDatabase } from './postgres.ts';

let db: TestDatabase;
let project: EngineProject;

beforeAll(async () => {
  db = await testDatabase();
  project = await engineProject({ DB: db.url });
  await db.query(`CREATE TABLE big (id int PRIMARY KEY, ts timestamp, pad text);
    INSERT INTO big SELECT i, timestamp '2026-01-01' + i * interval '1 hour', repeat('x', 300) FROM generate_series(0, 39999) i`);
});
afterAll(async () => {
  await project?.close();
  await db?.drop();
});

const KEEP = 'type: duckdb, path: out.duckdb';

function job(name: string, source: string, destination = KEEP, rest = ''): string {
  return `name: ${name}\nsource: {type: postgres, url: "\${env:DB}", ${source}}\ndestination: {${destination}}\n${rest}`;
}

const cursor = (column: string, more = '') => `incremental: {type: cursor, column: ${column}${more}}\n`;

describe('cursors', () => {
  it.each(['append', 'merge'])('takes each row once where several share the last value: %s', async (disposition) => {
    const table = `ev_${disposition}`;
    await db.query(`CREATE TABLE ${table} (id int PRIMARY KEY, at timestamptz);
      INSERT INTO ${table} VALUES (1, '2024-05-01 10:00:00.000100+00'), (2, '2024-05-01 10:00:00.000900+00')`);
    const yaml = job(table, `table: ${table}`, `${KEEP}, write_disposition: ${disposition}`, cursor('at'));
    const ids = async () => (await project.rows(yaml, `SELECT id FROM ${table} ORDER BY id`)).flat().join(' ');
    expect((await project.ok(yaml)).checkpoint).toMatchObject({ cursor: { value: '2024-05-01T10:00:00.000900Z' } });
    expect((await project.ok(yaml)).counts.rows_read).toBe(1);
    expect(await ids()).toBe('1 2');
    await db.query(
      `INSERT INTO ${table} VALUES (3, '2024-05-01 10:00:00.000900+00'), (4, '2024-05-01 10:00:00.000950+00')`,
    );
    expect((await project.ok(yaml)).checkpoint).toMatchObject({ cursor: { value: '2024-05-01T10:00:00.000950Z' } });
    expect(await ids()).toBe('1 2 3 4');
    await project.ok(yaml);
    expect(await ids()).toBe('1 2 3 4');
  });

  it('takes rows without a value in a merge, and counts them in a warning in an append', async () => {
    await db.query(
      `CREATE TABLE c (id int PRIMARY KEY, upd timestamptz); INSERT INTO c VALUES (1, null), (2, null), (3, '2024-09-18 02:00Z')`,
    );
    const merge = job('cm', 'table: c', `${KEEP}, write_disposition: merge`, cursor('upd'));
    const append = job('ca', 'table: c', KEEP, cursor('upd'));
    for (const yaml of [merge, append]) expect((await project.ok(yaml)).counts.rows_written).toBe(3);
    await db.query(`UPDATE c SET upd = '2024-09-18 03:00Z' WHERE id = 2; INSERT INTO c VALUES (4, null)`);
    await project.ok(merge);
    expect(await project.rows(merge, 'SELECT id, upd IS NULL FROM cm ORDER BY id')).toEqual([
      ['1', 'true'],
      ['2', 'false'],
      ['3', 'false'],
      ['4', 'true'],
    ]);
    const { logs, counts } = await project.ok(append);
    expect(counts.rows_written).toBe(1);
    expect(logs.filter((l) => l.level === 'warn' && /^2 rows have no value in upd/.test(l.message))).toHaveLength(1);
  });

  it('reads back by lookback, starts at initial_value, and asks the server for no more', async () => {
    const yaml = job('late', 'table: big', KEEP, cursor('ts', ", initial_value: '2030-01-01', lookback: 2h"));
    const first = await project.ok(yaml);
    expect(first.counts.rows_read).toBe(39_999 - 35_064 + 1);
    expect((await project.ok(yaml)).counts).toMatchObject({ rows_read: 3, rows_written: 0 });
  });

  it('leaves the order of texts to the engine', async () => {
    await db.query(`CREATE TABLE words (w text COLLATE "en-x-icu"); INSERT INTO words VALUES ('a'), ('B')`);
    const yaml = job('words', 'table: words', KEEP, cursor('w'));
    await project.ok(yaml);
    await db.query(`INSERT INTO words VALUES ('b'), ('A')`);
    await project.ok(yaml);
    expect((await project.rows(yaml, 'SELECT w FROM words ORDER BY w')).flat()).toEqual(['B', 'a', 'b']);
  });
});

describe('parts', () => {
  it.each([
    ['by place', 'table: big', 'compute: {workers: {min: 4, max: 4}, memory: 1GB}\n'],
    ['by a column', 'table: big, partition_on: id', 'compute: {workers: {min: 4, max: 4}, memory: 1GB}\n'],
    [
      'by a time of a query',
      'query: SELECT * FROM big, partition_on: ts',
      'compute: {workers: {min: 3, max: 3}, memory: 1GB}\n',
    ],
    ['at once', 'table: big', ''],
  ])('holds every row once: %s', async (_, source, compute) => {
    await db.query('CREATE SCHEMA IF NOT EXISTS out; DROP TABLE IF EXISTS out.big');
    const yaml = job('big', source, 'type: postgres, url: "${env:DB}", schema: out', compute);
    const { counts } = await project.ok(yaml);
    expect(counts).toMatchObject({ rows_read: 40_000, rows_written: 40_000 });
    const [same] = await db.query('SELECT count(*) AS n FROM (TABLE big EXCEPT ALL TABLE out.big) x');
    expect(same?.n).toBe('0');
    const at = await db.query('SELECT ts FROM out.big WHERE id IN (24999, 25000, 29999) ORDER BY id');
    expect(at.map((row) => row.ts)).toEqual(['2028-11-07 15:00:00', '2028-11-07 16:00:00', '2029-06-03 23:00:00']);
  });

  it('is one snapshot, whatever is written meanwhile', async () => {
    const source = await registry.sources.postgres?.load();
    const ctx = {
      settings: { url: db.url, table: 'big', partition_on: 'id' },
      projectDir: project.dir,
      signal: new AbortController().signal,
      log: () => {},
    };
    const lister = await source?.connect(ctx);
    const splits = [];
    const request = {
      checkpoint: null,
      known: new Map(),
      incremental: { type: 'none' as const },
      spool: project.dir,
      parts: 4,
    };
    for await (const split of lister?.splits(request) ?? []) splits.push(split);
    expect(splits).toHaveLength(4);
    await db.query(`UPDATE big SET id = -id - 1 WHERE id < 10; INSERT INTO big VALUES (50000, null, null)`);
    const { openEngine } = await import('../src/engine/duckdb.ts');
    const engine = await openEngine({ spool: project.dir, threads: 1, memory: 200_000_000 });
    let rows = 0;
    for (const split of splits) {
      const reader = await source?.connect(ctx);
      const file = await reader?.fetch(split, `${project.dir}/snap`, engine);
      const [found] = await engine.rows(`SELECT count(*) AS n, min(c0) AS low, max(c0) AS high FROM '${file?.path}'`);
      rows += Number(found?.n);
      expect(Number(found?.low)).toBeGreaterThanOrEqual(0);
      expect(Number(found?.high)).toBeLessThan(40_000);
      await reader?.close();
    }
    engine.close();
    await lister?.close();
    expect(rows).toBe(40_000);
    await db.query('DELETE FROM big WHERE id = 50000; UPDATE big SET id = -id - 1 WHERE id < 0');
  });
});

describe('errors', () => {
  it.each([
    ['table: nowhere', 'source/no-table'],
    ['table: none.such', 'source/no-table'],
    ['table: big, where: no_column > 1', 'source/query'],
    ['query: "SELECT 1) AS t; DROP TABLE big; SELECT * FROM (SELECT 1"', 'source/query'],
    ['query: "SELECT setval(\'no_sequence\', 1)"', 'source/no-table'],
  ])('says what is wrong: %s', async (source, code) => {
    const { error } = await project.run(job('wrong', source));
    expect(error).toMatchObject({ code, kind: 'config' });
  });

  it('says which right is missing, and that a password is wrong, without showing it', async () => {
    project.env.PW1 = 'wr0ng';
    await db.query(`CREATE ROLE reader_${db.database} LOGIN PASSWORD 'S3cr%t-Zq9'`);
    const at = (user: string, password: string, more = '') =>
      `name: denied\nsource: {type: postgres, host: ${db.host}, port: ${db.port}, database: ${db.database}, user: ${user}, password: "${password}", table: big${more}}\ndestination: {${KEEP}}\n`;
    const denied = (await project.run(at(`reader_${db.database}`, '${env:PW1}'))).error;
    expect(denied?.code).toBe('source/access-denied');
    expect(JSON.stringify(denied)).not.toContain('wr0ng');
    await db.query(`DROP ROLE reader_${db.database}`);
  });

  it('tells a refused connection from an unknown host and an unknown database', async () => {
    const at = (host: string, port: number, database: string) =>
      `name: lost\nsource: {type: postgres, host: ${host}, port: ${port}, database: ${database}, user: ${db.user}, password: "\${env:PW}", table: big}\ndestination: {${KEEP}}\n`;
    project.env.PW = db.password;
    expect((await project.run(at('127.0.0.1', 1, 'x'))).error).toMatchObject({
      code: 'source/unreachable',
      kind: 'transient',
    });
    expect((await project.run(at('no-such-host.invalid', 5432, 'x'))).error).toMatchObject({
      code: 'source/unreachable',
    });
    expect((await project.run(at(db.host, db.port, 'no_such_database'))).error).toMatchObject({
      code: 'source/unreachable',
      kind: 'config',
    });
  });

  it('gives up the run where the connection is lost in the middle, and doubles nothing later', async () => {
    const yaml = job(
      'cut',
      'query: "SELECT *, CASE WHEN id = 39000 THEN pg_terminate_backend(pg_backend_pid()) END AS cut FROM big"',
    );
    const { error } = await project.run(yaml);
    expect(error).toMatchObject({ kind: 'transient', code: 'source/connection-lost' });
    const healed = job('cut', 'query: "SELECT *, NULL::boolean AS cut FROM big"');
    expect((await project.ok(healed)).counts.rows_written).toBe(40_000);
    expect(await project.rows(healed, 'SELECT count(*), count(DISTINCT id) FROM cut')).toEqual([['40000', '40000']]);
  });
});

it('discovers tables and views with their keys', async () => {
  const source = await registry.sources.postgres?.load();
  await db.query(
    'CREATE SCHEMA crm; CREATE TABLE crm.pairs (b int, a int, PRIMARY KEY (b, a)); CREATE VIEW crm.v AS SELECT 1 AS one',
  );
  const found = await source?.discover?.({
    settings: { url: db.url },
    projectDir: project.dir,
    signal: new AbortController().signal,
    log: () => {},
  });
  expect(found).toEqual(
    expect.arrayContaining([
      expect.objectContaining({ name: 'crm_pairs', settings: { table: 'crm.pairs' }, primary_key: ['b', 'a'] }),
      { name: 'crm_v', text: 'view', settings: { table: 'crm.v' }, view: true },
    ]),
  );
});
