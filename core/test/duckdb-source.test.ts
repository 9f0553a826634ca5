import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { registry } from '../src/runtime.ts';
import { type EngineProject, engineProject } from './engine.ts';

let project: EngineProject;

beforeAll(async () => {
  project = await engineProject();
  await sql(`
    CREATE SCHEMA raw;
    CREATE TABLE raw.orders (id INTEGER PRIMARY KEY, "at" TIMESTAMP, total DECIMAL(12,2), big UBIGINT, tags VARCHAR[], extra JSON, mood ENUM ('a', 'b'));
    INSERT INTO raw.orders SELECT i, TIMESTAMP '2026-01-01' + to_hours(i::BIGINT), i / 4, 18446744073709551615, ['x', NULL], '{"n": 12345678901234567890}', 'b' FROM range(30000) t(i);
    CREATE TABLE strange (file_row_number INTEGER, "a ""b" VARCHAR, d DATE, f DOUBLE);
    INSERT INTO strange VALUES (7, '', 'infinity', 'nan'), (NULL, NULL, DATE '0044-03-15 (BC)', '-infinity');
  `);
});
afterAll(() => project.close());

async function sql(text: string): Promise<void> {
  const instance = await DuckDBInstance.create(join(project.dir, 'source.duckdb'));
  const connection = await instance.connect();
  await connection.run(text);
  connection.closeSync();
  instance.closeSync();
}

function job(name: string, source: string, rest = ''): string {
  return `name: ${name}\nsource:\n  type: duckdb\n  path: source.duckdb\n${source
    .split('\n')
    .map((line) => `  ${line}`)
    .join('\n')}\ndestination:\n  type: duckdb\n  path: target.duckdb\n${rest}`;
}

describe('source duckdb', () => {
  it('keeps types and values', async () => {
    const yaml = job('orders', 'table: raw.orders');
    const { counts } = await project.ok(yaml);
    expect(counts).toMatchObject({ rows_read: 30_000, rows_written: 30_000 });
    const rows = await project.rows(
      yaml,
      `SELECT count(*), sum(total), max(big)::VARCHAR, any_value(tags)::VARCHAR, any_value(extra)::VARCHAR, any_value(mood), max("at")::VARCHAR, typeof(any_value(big)) FROM orders`,
    );
    expect(rows).toEqual([
      [
        '30000',
        '112496250.00',
        '18446744073709551615',
        '[x, NULL]',
        '{"n": 12345678901234567890}',
        'b',
        '2029-06-03 23:00:00',
        'DECIMAL(20,0)',
      ],
    ]);
  });

  it('gives other names to columns whose names belong to a scan or the engine', async () => {
    await sql(`CREATE TABLE own AS SELECT 'a' AS "_file", 'b' AS "_row", 'c' AS "_sluice_raw", 1 AS id`);
    const yaml = job('own', 'table: own', 'transform:\n  - filter: id = 1\n');
    await project.ok(yaml);
    const { columns } = await project.table(yaml, 'SELECT * FROM own');
    expect(columns.map(({ name }) => name)).toEqual(['_file_2', '_row_2', 'sluice_raw', 'id']);
    expect(await project.rows(yaml, 'SELECT * FROM own')).toEqual([['a', 'b', 'c', '1']]);
    await sql('DROP TABLE own');
  });

  it('keeps infinity, NaN, years before 1, empty texts and odd names', async () => {
    const yaml = job('strange', 'table: strange');
    await project.ok(yaml);
    const rows = await project.rows(
      yaml,
      `SELECT file_row_number, "a ""b", d::VARCHAR, f::VARCHAR FROM strange ORDER BY 1 NULLS LAST`,
    );
    expect(rows).toEqual([
      ['7', '', 'infinity', 'nan'],
      [null, null, '0044-03-15 (BC)', '-inf'],
    ]);
  });

  it('says how many rows without a cursor an append leaves out', async () => {
    await sql(`CREATE TABLE ev (id INTEGER, v INTEGER); INSERT INTO ev VALUES (1, 1), (2, NULL)`);
    const yaml = job('ev', 'table: ev', 'incremental:\n  type: cursor\n  column: v\n');
    expect((await project.ok(yaml)).counts.rows_written).toBe(2);
    await sql(`INSERT INTO ev VALUES (3, 2), (4, NULL)`);
    const { counts, logs } = await project.ok(yaml);
    expect(counts.rows_written).toBe(1);
    expect(logs.find(({ level }) => level === 'warn')?.message).toMatch(/^2 rows have no value in v/);
    await sql('DROP TABLE ev');
  });

  it('merges by the key that the table has, and reads on from a cursor', async () => {
    const yaml = job(
      'kept',
      'table: raw.orders\nwhere: id % 3 = 0',
      '  write_disposition: merge\nincremental:\n  type: cursor\n  column: at\n',
    );
    expect((await project.ok(yaml)).counts.rows_written).toBe(10_000);
    await sql(`INSERT INTO raw.orders (id, "at", total) VALUES (30000, '2030-01-01', 1), (30001, '2030-01-01', 1)`);
    const second = await project.ok(yaml);
    expect(second.counts).toMatchObject({ rows_read: 2, rows_inserted: 1 });
    expect((await project.ok(yaml)).counts).toMatchObject({ rows_read: 1, rows_written: 0, rows_filtered: 1 });
    await sql('DELETE FROM raw.orders WHERE id >= 30000');
  });

  it('takes a query, which reaches nothing but the file', async () => {
    const yaml = job('sums', 'query: |-\n  SELECT mood, count(*) AS n FROM raw.orders GROUP BY mood -- all;\n  ;');
    await project.ok(yaml);
    expect(await project.rows(yaml, 'SELECT mood, n FROM sums')).toEqual([['b', '30000']]);
    for (const query of [`SELECT * FROM read_text('/etc/hostname')`, `SELECT 1) TO '/tmp/x'; SELECT (1`]) {
      const { error } = await project.run(job('out', `query: ${JSON.stringify(query)}`));
      expect(error?.code).toMatch(/^source\/(no-rights|query)$/);
    }
  });

  it.each([
    ['table: nowhere', 'source/no-table'],
    ['table: raw.orders\nwhere: nothing > 1', 'source/query'],
    ['table: "a.b.c"', 'source/table-name'],
  ])('tells what is wrong: %s', async (source, code) => {
    const { error } = await project.run(job('wrong', source));
    expect(error).toMatchObject({ code, kind: 'config' });
  });

  it('discovers tables with their keys', async () => {
    const source = await registry.sources.duckdb?.load();
    const found = await source?.discover?.({
      settings: { path: 'source.duckdb' },
      projectDir: project.dir,
      signal: new AbortController().signal,
      log: () => {},
    });
    expect(found).toMatchObject([
      { name: 'strange', settings: { table: 'strange' }, primary_key: [] },
      { name: 'raw_orders', settings: { table: 'raw.orders' }, primary_key: ['id'] },
    ]);
  });
});
