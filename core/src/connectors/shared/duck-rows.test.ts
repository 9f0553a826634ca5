import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openInstance } from './duck-instance.ts';
import { type PlainValue, readRows, streamRows } from './duck-rows.ts';

describe('rows of a query as it makes them', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-rows-'));
  let made: Awaited<ReturnType<typeof openInstance>>;
  beforeAll(async () => {
    made = await openInstance(':memory:', { threads: 4, memory: 500_000_000, spill: folder });
  });
  afterAll(() => {
    made.connection.closeSync();
    made.instance.closeSync();
    rmSync(folder, { recursive: true, force: true });
  });

  it('has lists and structs as JSON, with numbers as they are', async () => {
    const sql = `SELECT [9007199254740993, NULL] AS l, {'a b': 0.10::DECIMAL(5,2), 'c': [{'d': '1', 'e': true}], 'f': NULL::DATE} AS s, []::BIGINT[] AS n,
      [1.5::DOUBLE, 'inf'] AS f, [DATE '2026-01-02'] AS d`;
    const { rows } = await readRows(made.connection, sql);
    expect(rows).toEqual([
      [
        '[9007199254740993,null]',
        '{"a b":0.10,"c":[{"d":"1","e":true}],"f":null}',
        '[]',
        '[1.5,"Infinity"]',
        '["2026-01-02"]',
      ],
    ]);
  });

  async function read(
    sql: string,
    each = (_: PlainValue[][]) => {},
    interrupted = () => false,
  ): Promise<PlainValue[][]> {
    const rows: PlainValue[][] = [];
    for await (const chunk of streamRows(made.connection, sql, interrupted)) {
      each(chunk);
      rows.push(...chunk);
    }
    return rows;
  }

  it.each([
    ['SELECT range AS a FROM range(300000)', 300_000],
    ['SELECT range % 1000 AS a, count(*) AS n FROM range(300000) GROUP BY a', 1000],
    ['SELECT DISTINCT a.range AS a FROM range(200000) AS a JOIN range(100000, 300000) AS b USING (range)', 100_000],
    ["SELECT NULL::VARCHAR AS a, 'x'::BLOB AS b WHERE false", 0],
  ])('all of them: %s', async (sql, count) => {
    const rows = await read(sql);
    expect(rows.length).toBe(count);
    expect(new Set(rows.map((row) => row[0])).size).toBe(count);
  });

  it('keeps values and their order, and names that are twice there', async () => {
    expect(await read("SELECT 1::BIGINT AS a, 'x' AS a, '\\x00'::BLOB, NULL::DOUBLE")).toEqual([
      [1n, 'x', expect.objectContaining({ 0: 0, length: 1 }), null],
    ]);
    const rows = await read('SELECT range FROM range(500000)');
    expect(rows.every(([n], i) => n === BigInt(i))).toBe(true);
  });

  it.each([
    "SELECT CASE WHEN range = 280000 THEN error('late') ELSE range END AS a FROM range(300000)",
    "SELECT CASE WHEN max(range) = 280000 THEN error('late') END AS a FROM range(300000) GROUP BY range",
  ])('an error behind the first of them is thrown: %s', async (sql) => {
    await expect(read(sql)).rejects.toThrow('Invalid Input Error: late');
  });

  it('a query that is stopped has not ended', async () => {
    let stopped = false;
    const stop = () => {
      stopped = true;
      made.connection.interrupt();
    };
    await expect(read('SELECT range FROM range(100000000)', stop, () => stopped)).rejects.toThrow('INTERRUPT');
  });
});
