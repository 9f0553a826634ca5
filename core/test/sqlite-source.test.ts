import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { registry } from '../src/runtime.ts';
import { type EngineProject, engineProject } from './engine.ts';
import { sqliteFile } from './sqlite-file.ts';

let project: EngineProject;

beforeAll(async () => {
  project = await engineProject();
  sql(`
    CREATE TABLE orders (id INTEGER PRIMARY KEY, total DECIMAL(12,2), at DATETIME, name TEXT, paid BOOLEAN, rate REAL, raw BLOB, doc JSON, odd INT);
    INSERT INTO orders VALUES (9007199254740993, 1.1, '2026-01-02 03:04:05', 'a"b,
c', 1, 0.30000000000000004, x'00ff', '{"n": 12345678901234567890}', 7), (-2, 5, NULL, '', 0, 1e21, 'text', NULL, NULL), (3, NULL, '2026-01-03', NULL, NULL, 9e999, NULL, '[]', 8);
    CREATE TABLE loose (n INTEGER, t TEXT, d DATE);
    INSERT INTO loose VALUES (1, x'00ff', 20240101), (1.5, 'b', '2024-01-02'), ('abc', NULL, NULL), (9223372036854775807, 'c' || char(0) || 'd', NULL);
    CREATE TABLE pairs (b TEXT, a INT, v TEXT, PRIMARY KEY (b, a));
    CREATE TABLE ticks (id INTEGER PRIMARY KEY, v INT);
    INSERT INTO ticks WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40000) SELECT i, i * 2 FROM n;
    CREATE VIEW seen AS SELECT 1 AS one;
  `);
});
afterAll(() => project.close());

function sql(text: string): void {
  sqliteFile(join(project.dir, 'app.sqlite'), text);
}

function job(name: string, source: string, rest = ''): string {
  return `name: ${name}\nsource: {type: sqlite, path: app.sqlite, ${source}}\ndestination: {type: duckdb, path: out.duckdb}\n${rest}`;
}

describe('source sqlite', () => {
  it('reads values by their declared types, to the last digit', async () => {
    const yaml = job('orders', 'table: orders');
    await project.ok(yaml);
    const rows = await project.rows(
      yaml,
      `SELECT id::VARCHAR, total::VARCHAR, "at"::VARCHAR, name, paid, rate::VARCHAR, raw::VARCHAR, doc::VARCHAR, odd FROM orders ORDER BY id`,
    );
    expect(rows).toEqual([
      ['-2', '5.00', null, '', 'false', '1e+21', 'text', null, null],
      ['3', null, '2026-01-03 00:00:00', null, null, 'inf', null, '[]', '8'],
      [
        '9007199254740993',
        '1.10',
        '2026-01-02 03:04:05',
        'a"b,\nc',
        'true',
        '0.30000000000000004',
        '\\x00\\xFF',
        '{"n": 12345678901234567890}',
        '7',
      ],
    ]);
    const [types] = await project.rows(
      yaml,
      'SELECT typeof(any_value(id)), typeof(any_value(total)), typeof(any_value("at")), typeof(any_value(paid)), typeof(any_value(rate)), typeof(any_value(raw)) FROM orders',
    );
    expect(types).toEqual(['BIGINT', 'DECIMAL(12,2)', 'TIMESTAMP', 'BOOLEAN', 'DOUBLE', 'BLOB']);
  });

  it('makes a column wider where a value is of another type than declared', async () => {
    const yaml = job('loose', 'table: loose');
    await project.ok(yaml);
    expect(await project.rows(yaml, 'SELECT n, t, d FROM loose ORDER BY n')).toEqual([
      ['1', "X'00FF'", '20240101'],
      ['1.5', 'b', '2024-01-02'],
      ['9223372036854775807', 'c\u0000d', null],
      ['abc', null, null],
    ]);
  });

  it('tells the types of a query by its first values, and takes one statement alone', async () => {
    const yaml = job('sums', 'query: "SELECT count(*) AS n, avg(v) AS mean, NULL AS none FROM ticks"');
    await project.ok(yaml);
    expect(await project.rows(yaml, 'SELECT n, mean, none, typeof(n), typeof(mean) FROM sums')).toEqual([
      ['40000', '40001', null, 'BIGINT', 'DOUBLE'],
    ]);
    for (const query of [
      'SELECT 1); DROP TABLE ticks; SELECT (1',
      'DELETE FROM ticks',
      'SELECT no_column FROM ticks',
    ]) {
      expect((await project.run(job('bad', `query: "${query}"`))).error).toMatchObject({
        code: 'source/query',
        kind: 'config',
      });
    }
    expect((await project.run(job('bad', 'table: nowhere'))).error?.code).toBe('source/no-table');
  });

  it.each([
    ['whole numbers beyond 32 bits', '9007199254740993', '9007199254740994'],
    ['whole numbers below the last', '-3000000000', '-2999999999'],
    ['fractions', '1.5', '1.7'],
    ['texts', "'x'", "'y'"],
  ])('a cursor goes on where its values are wider than the first ones: %s', async (_kind, last, next) => {
    const table = `wide_${last.replaceAll(/\W/g, '')}`;
    const first = last.startsWith('-') ? '-3000000001' : '1';
    sql(`CREATE TABLE ${table} (id INTEGER, v INTEGER); INSERT INTO ${table} VALUES (1, ${first}), (2, ${last})`);
    const yaml = job(table, `table: ${table}`, 'incremental: {type: cursor, column: v}\n');
    await project.ok(yaml);
    expect((await project.ok(yaml)).counts.rows_written).toBe(0);
    sql(`INSERT INTO ${table} VALUES (3, ${next}), (4, NULL)`);
    const { counts, logs } = await project.ok(yaml);
    expect(counts.rows_written).toBe(1);
    // Told by the source or by whoever compares, as the range goes to the source or not.
    const warnings = logs.filter(({ level }) => level === 'warn').map(({ message }) => message);
    expect(warnings).toEqual([expect.stringMatching(/^1 rows .*left out/)]);
    expect((await project.rows(yaml, `SELECT id FROM ${table} ORDER BY id`)).flat()).toEqual(['1', '2', '3']);
    sql(`DROP TABLE ${table}`);
  });

  it('asks for rows beyond the cursor alone, and merges by the table’s key', async () => {
    const yaml = job('ticks', 'table: ticks, where: v > 2', 'incremental: {type: cursor, column: id}\n');
    expect((await project.ok(yaml)).counts.rows_written).toBe(39_999);
    expect((await project.ok(yaml)).counts).toMatchObject({ rows_read: 1, rows_written: 0 });
    const merge = job('pairs', 'table: pairs').replace('out.duckdb', 'out.duckdb, write_disposition: merge');
    for (const v of ['one', 'two']) {
      sql(`INSERT OR REPLACE INTO pairs VALUES ('x', 1, '${v}')`);
      await project.ok(merge);
    }
    expect(await project.rows(merge, 'SELECT * FROM pairs')).toEqual([['x', '1', 'two']]);
  });

  it('discovers tables and views', async () => {
    const source = await registry.sources.sqlite?.load();
    const context = { projectDir: project.dir, signal: new AbortController().signal, log: () => {} };
    const found = await source?.discover?.({ settings: { path: 'app.sqlite' }, ...context });
    expect(found).toMatchObject([
      { name: 'loose', text: 'table' },
      { name: 'orders', primary_key: ['id'] },
      { name: 'pairs', primary_key: ['b', 'a'] },
      { name: 'seen', view: true },
      { name: 'ticks' },
    ]);
    const missing = source?.discover?.({ settings: { path: 'nothing.sqlite' }, ...context });
    await expect(missing).rejects.toMatchObject({ code: 'source/unreachable', kind: 'config' });
  });
});
