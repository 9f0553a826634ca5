import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { afterAll, describe, expect, test } from 'vitest';
import { ADDRESSES, columns, type SystemUnderTest } from '../../../test/destination-driver.ts';
import { destinationFixture, LOAD, three, two, WAYS } from '../../../test/destination-fixture.ts';
import { destinationSuite } from '../../../test/destination-suite.ts';
import { sqlite } from './destination.ts';

const folder = mkdtempSync(join(tmpdir(), 'sluice-sqlite-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const path = join(folder, 'w.sqlite');

function all(sql: string): Record<string, unknown>[] {
  const db = new Sqlite(path);
  try {
    return db.prepare(sql).safeIntegers().all() as Record<string, unknown>[];
  } finally {
    db.close();
  }
}

/** SQLite has no booleans and no decimals: they are shown as the suite writes them. */
async function select(sql: string): Promise<Record<string, string | null>[]> {
  const shown = (name: string, value: unknown) => {
    if (value === null) return null;
    if (name === 'd' && (value === '0' || value === '1')) return String(value === '1');
    return name === 'n' && typeof value === 'number' ? value.toFixed(2) : String(value);
  };
  return all(sql).map((row) =>
    Object.fromEntries(Object.entries(row).map(([name, value]) => [name, shown(name, value)])),
  );
}

const system = (): SystemUnderTest => ({ destination: sqlite, settings: { path }, schema: 'main', select });

destinationSuite('sqlite', system);

describe('sqlite alone', () => {
  const lab = destinationFixture(() => system());

  test('a replace keeps indexes and triggers, and without any takes the table’s place', async () => {
    await lab.driver.run(LOAD, three(1), two, { disposition: 'replace' });
    const wide = columns({ id: 'int', extra: 'text' });
    for (const way of WAYS) await lab.driver.run(way, `SELECT 7 AS id, 'e' AS extra`, wide, { disposition: 'replace' });
    expect(all(`SELECT * FROM ${lab.driver.table}`)).toEqual([{ id: 7n, extra: 'e' }]);
    new Sqlite(path).exec(`CREATE UNIQUE INDEX own_index ON ${lab.driver.table} (id)`).close();
    for (const way of WAYS)
      await lab.driver.run(way, three(1), two, { disposition: 'replace', more: { addColumns: two.slice(1) } });
    expect(all(`SELECT * FROM ${lab.driver.table} ORDER BY id`)[0]).toEqual({ id: 1n, extra: null, s: 'v1' });
    expect(all(`SELECT name FROM sqlite_master WHERE name = 'own_index'`)).toHaveLength(1);
  });

  test('a widened column keeps indexes, triggers, keys and every value', async () => {
    const cols = columns({ id: 'int', d: 'decimal(6,2)', day: 'date', b: 'boolean', f: 'double' });
    const sql = `SELECT (range + 1)::INT AS id, (range / 100)::DECIMAL(6,2) AS d, DATE '2024-02-29' AS day, range = 1 AS b, 0.1::DOUBLE + 0.2 AS f FROM range(2500)`;
    await lab.driver.run(LOAD, sql, cols, { disposition: 'merge', more: { primaryKey: ['id'] } });
    new Sqlite(path).exec(`CREATE INDEX day_index ON ${lab.driver.table} (day)`).close();
    const wider = columns({ id: 'bigint', d: 'decimal(30,4)', day: 'timestamp', b: 'text', f: 'text' });
    await lab.driver.run(
      LOAD,
      `SELECT 1::BIGINT AS id, 1.5::DECIMAL(30,4) AS d, TIMESTAMP '2026-01-01' AS day, 'x' AS b, 'y' AS f`,
      wider,
      {
        disposition: 'merge',
        more: { primaryKey: ['id'], alterColumns: wider },
      },
    );
    const rows = all(`SELECT * FROM ${lab.driver.table} ORDER BY id`);
    expect(rows).toHaveLength(2500);
    expect(rows[0]).toEqual({ id: 1n, d: '1.5000', day: '2026-01-01 00:00:00.000000', b: 'x', f: 'y' });
    expect(rows[1]).toEqual({
      id: 2n,
      d: '0.0100',
      day: '2024-02-29 00:00:00.000000',
      b: 'true',
      f: '0.30000000000000004',
    });
    expect(
      all(`SELECT name FROM sqlite_master WHERE tbl_name = '${lab.driver.table}' ORDER BY name`).map((r) => r.name),
    ).toContain('day_index');
    expect(all(`SELECT name FROM pragma_table_info('${lab.driver.table}') WHERE pk > 0`)).toEqual([{ name: 'id' }]);
    const opened = await (await lab.driver.connect('look')).inspect();
    expect(opened?.table?.map((c) => c.type)).toEqual(wider.map((c) => c.type));
  });

  test('a merge into a table without an index finds its rows and leaves no index behind', async () => {
    await lab.driver.run(LOAD, three(1), two);
    const more = { primaryKey: ['id'] };
    for (const way of WAYS)
      expect(await lab.driver.run(way, three(2), two, { disposition: 'merge', more })).toMatchObject({
        rows_written: 3,
      });
    expect(all(`SELECT count(*) AS n FROM ${lab.driver.table}`)).toEqual([{ n: 4n }]);
    expect(all(`SELECT name FROM sqlite_master WHERE type = 'index' AND tbl_name = '${lab.driver.table}'`)).toEqual([]);
  });

  test('NaN names row and column and writes nothing; infinity is kept', async () => {
    const cols = columns({ id: 'int', f: 'double' });
    const sql = (bad: string) =>
      `SELECT range::INT AS id, CASE WHEN range = 4 THEN '${bad}'::DOUBLE ELSE 1.5 END AS f FROM range(9)`;
    await expect(lab.driver.run(LOAD, sql('nan'), cols)).rejects.toMatchObject({
      code: 'destination/bad-value',
      kind: 'data',
      where: { row: 5, column: 'f' },
    });
    await lab.driver.run(LOAD, sql('-inf'), cols);
    expect(all(`SELECT f FROM ${lab.driver.table} WHERE id = 4`)).toEqual([{ f: Number.NEGATIVE_INFINITY }]);
  });

  test('another program that writes is waited for, and readers are not', async () => {
    await lab.driver.run(LOAD, three(1), two);
    const other = new Sqlite(path);
    other.exec('BEGIN IMMEDIATE');
    let done = false;
    const run = lab.driver.run(LOAD, three(4), two).then(() => {
      done = true;
    });
    expect(all(`SELECT count(*) AS n FROM ${lab.driver.table}`)).toEqual([{ n: 3n }]);
    expect(done).toBe(false);
    other.exec('COMMIT');
    other.close();
    await run;
    expect(all(`SELECT count(*) AS n FROM ${lab.driver.table}`)).toEqual([{ n: 6n }]);
  });

  test('a stop ends the wait for another program', async () => {
    const other = new Sqlite(path);
    other.exec('BEGIN IMMEDIATE');
    const stop = new AbortController();
    const session = await sqlite.connect({
      signal: stop.signal,
      log: () => undefined,
      key: { project: 'p', target: 't', job: 'j', stream: 's' },
      use: {
        type: 'sqlite',
        connection: null,
        settings: { path },
        schema: null,
        table: 's',
        write_disposition: 'append',
        primary_key: [],
        deletes: null,
        naming: 'as_is',
      },
      projectDir: folder,
      runId: 'r',
    });
    const waiting = session.open(ADDRESSES, []);
    stop.abort();
    await expect(waiting).rejects.toThrow(/abort/i);
    other.close();
  });

  test('keys are told apart by their bytes, also where the table compares them otherwise', async () => {
    const keys = columns({ id: 'int', k: 'text' });
    const make = (key: string) => {
      const old = `DROP TABLE IF EXISTS ${lab.driver.table}; CREATE TABLE ${lab.driver.table} (id int, k text COLLATE NOCASE ${key})`;
      new Sqlite(path).exec(`${old}; INSERT INTO ${lab.driver.table} VALUES (0, 'Ab')`).close();
    };
    const sql = `SELECT unnest([1, 2, 3])::INT AS id, unnest(['ab', 'AB', 'Ab']) AS k`;
    for (const way of WAYS) {
      const merged = () => lab.driver.run(way, sql, keys, { disposition: 'merge', more: { primaryKey: ['k'] } });
      make('');
      expect(await merged()).toMatchObject({ rows_inserted: 2, rows_updated: 1 });
      expect(all(`SELECT id, k FROM ${lab.driver.table} ORDER BY id`)).toEqual([
        { id: 1n, k: 'ab' },
        { id: 2n, k: 'AB' },
        { id: 3n, k: 'Ab' },
      ]);
      make('PRIMARY KEY');
      await expect(merged()).rejects.toMatchObject({ code: 'destination/bad-value', kind: 'data' });
      expect(all(`SELECT id, k FROM ${lab.driver.table}`)).toEqual([{ id: 0n, k: 'Ab' }]);
    }
  });

  test.each(['must int NOT NULL', 'CHECK (id < 3)', 'UNIQUE (s)'])(
    'a table of others with %s refuses rows for good',
    async (rule) => {
      new Sqlite(path).exec(`CREATE TABLE ${lab.driver.table} (id int, s text, ${rule})`).close();
      const sql = `SELECT range::INT AS id, 'a' AS s FROM range(1, 4)`;
      for (const way of WAYS)
        await expect(lab.driver.run(way, sql, two)).rejects.toMatchObject({
          code: 'destination/bad-value',
          kind: 'data',
          hint: expect.any(String),
        });
      expect(all(`SELECT * FROM ${lab.driver.table}`)).toEqual([]);
    },
  );

  test('what is no database and what is no table is refused', async () => {
    writeFileSync(join(folder, 'text'), 'this is no database at all, whatever its name says');
    const at = (path: string, table = 'x') => lab.over({ ...system(), settings: { path } }, table).connect('r');
    const opened = async (path: string, table?: string) => (await at(path, table)).open(ADDRESSES, []);
    await expect(opened(join(folder, 'text'))).rejects.toMatchObject({
      code: 'destination/not-a-database',
      kind: 'config',
    });
    await expect(at(':memory:')).rejects.toMatchObject({ code: 'destination/bad-path' });
    await expect(opened(path, 'SQLite_own')).rejects.toMatchObject({ code: 'destination/bad-name', kind: 'config' });
    new Sqlite(path).exec('CREATE VIEW a_view AS SELECT 1 AS id').close();
    await expect(opened(path, 'a_view')).rejects.toMatchObject({ code: 'destination/not-a-table' });
  });
});
