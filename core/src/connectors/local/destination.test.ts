import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ADDRESSES, columns, Driver, type SystemUnderTest } from '../../../test/destination-driver.ts';
import { destinationSuite } from '../../../test/destination-suite.ts';
import { type OwnedEngine, openEngine } from '../../engine/duckdb.ts';
import { destinations } from '../../registry.ts';

const folder = mkdtempSync(join(tmpdir(), 'sluice-local-'));
const out = join(folder, 'out');
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const local = await destinations.local!.load();

/** The folders as another program sees them: every Parquet file below them, whoever wrote it. */
async function select(sql: string): Promise<Record<string, string | null>[]> {
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  try {
    await connection.run("SET TimeZone = 'UTC'");
    await connection.run('CREATE SCHEMA raw');
    for (const name of readdirSync(out).filter((n) => sql.includes(`"${n}"`)))
      await connection.run(
        `CREATE VIEW raw."${name}" AS SELECT * FROM read_parquet('${out}/${name}/**/*.parquet', union_by_name = true, hive_partitioning = false)`,
      );
    const aside = `read_json('${out}/*/*/_quarantine/*.jsonl', format = 'newline_delimited')`;
    if (sql.includes('_quarantine'))
      await connection.run(`CREATE VIEW raw._sluice_quarantine AS SELECT * FROM ${aside}`);
    const rows = (await connection.runAndReadAll(sql)).getRowObjectsJson();
    const text = (value: unknown) =>
      value === null ? null : typeof value === 'object' ? JSON.stringify(value) : String(value);
    return rows.map((row) => Object.fromEntries(Object.entries(row).map(([name, value]) => [name, text(value)])));
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

const system = (more: object = {}): SystemUnderTest => ({
  destination: local,
  settings: (table) => ({ path: join(out, table), format: 'parquet', ...more }),
  schema: 'raw',
  select,
});

destinationSuite('local', () => system(), { merge: false, window: false });

describe('local alone', () => {
  const two = columns({ id: 'int', s: 'text' });
  const three = (from: number) => `SELECT (range + ${from})::INT AS id, 'v' || (range + ${from}) AS s FROM range(3)`;
  const LOAD = { how: 'load', tasks: 1 } as const;
  const STAGE = { how: 'stage', tasks: 4 } as const;
  let engine: OwnedEngine;
  let driver: Driver;
  let count = 0;
  beforeAll(async () => {
    mkdirSync(join(folder, 'spool'));
    engine = await openEngine({ spool: join(folder, 'spool'), threads: 2, memory: 500_000_000 });
  });
  afterAll(() => engine.close());
  beforeEach(() => {
    driver = new Driver(system(), engine, `x${++count}`, folder);
  });
  const home = () => join(out, `.${driver.table}.sluice`);

  test('a commit is one folder, named by its number and id, with what was committed', async () => {
    await driver.run(LOAD, three(1), two);
    await driver.run(STAGE, three(4), two);
    const place = join(out, driver.table);
    const names = readdirSync(place).sort();
    expect(names).toEqual([`000001-run-1.${driver.table}.0`, `000002-run-2.${driver.table}.0`]);
    const said = JSON.parse(readFileSync(join(place, names[1]!, '_commit'), 'utf8'));
    expect(said).toMatchObject({
      commit_id: `run-2/${driver.table}/0`,
      seq: 2,
      checkpoint: { cursor: 'x' },
      columns: two,
    });
    expect(readlinkSync(place)).toMatch(/^\.x\d+\.sluice\/versions\/000001-/);
    expect(readdirSync(join(home(), 'staging'))).toEqual([]);
  });

  test('a replace leaves the version before for its readers, until the next commit', async () => {
    const versions = () => readdirSync(join(home(), 'versions')).map((n) => n.slice(0, 6));
    for (const n of [1, 2, 3]) await driver.run(LOAD, three(n), two, { disposition: 'replace' });
    expect(versions()).toEqual(['000002', '000003']);
    expect((await driver.select()).map((r) => r.id)).toEqual(['3', '4', '5']);
  });

  test('an append after a replace adds to the new version', async () => {
    await driver.run(LOAD, three(1), two);
    await driver.run(LOAD, three(11), two, { disposition: 'replace' });
    await driver.run(STAGE, three(21), two);
    expect((await driver.select()).map((r) => r.id)).toEqual(['11', '12', '13', '21', '22', '23']);
  });

  test('rows that were set aside stay when the data is replaced', async () => {
    const quarantine = `SELECT 'bad/type' AS code, 'r' AS reason, 'in.csv' AS path, 7::BIGINT AS row_number, NULL::BIGINT AS byte_offset, 'x' AS "row"`;
    for (let n = 0; n < 3; n++) await driver.run(LOAD, three(1), two, { disposition: 'replace', quarantine });
    const session = await driver.connect('look');
    const { rows } = await session.query('SELECT run_id, code, row_number, "row" FROM _sluice_quarantine ORDER BY 1');
    expect(rows).toEqual([1, 2, 3].map((n) => [`run-${n}`, 'bad/type', 7, 'x']));
  });

  test('a holder that slept through a takeover cannot commit, at whatever step it wakes', async () => {
    const old = await driver.connect('old');
    const opened = await old.open(ADDRESSES, []);
    const rows = driver.rows(three(1), two);
    // The gate is the last thing before the files are brought into place: a newer run opens and commits meanwhile.
    rows.gate = async () => {
      const young = await driver.connect('young');
      const next = await young.open(ADDRESSES, []);
      await young.load(driver.epoch('young', next, two), driver.rows(three(4), two));
    };
    await expect(old.load(driver.epoch('old', opened, two), rows)).rejects.toMatchObject({ code: 'commit/fenced' });
    await old.abort('old');
    expect((await driver.select()).map((r) => r.id)).toEqual(['4', '5', '6']);
    expect(readdirSync(join(home(), 'staging'))).toEqual([]);
  });

  test('a folder that was there is appended to, and not replaced while it holds files of others', async () => {
    const place = join(out, driver.table);
    mkdirSync(place);
    writeFileSync(join(place, 'mine.txt'), 'x');
    await driver.run(LOAD, three(1), two);
    expect(existsSync(join(place, 'mine.txt'))).toBe(true);
    expect(await driver.select()).toHaveLength(3);
    await expect(driver.run(LOAD, three(1), two, { disposition: 'replace' })).rejects.toMatchObject({
      code: 'destination/not-empty',
      kind: 'config',
    });
    const other = new Driver(system(), engine, `x${++count}`, folder);
    mkdirSync(join(out, other.table));
    await other.run(LOAD, three(1), two, { disposition: 'replace' });
    expect(await other.select()).toHaveLength(3);
  });

  test('another format is refused until everything is loaded anew', async () => {
    for (let n = 0; n < 3; n++) await driver.run(LOAD, three(1), two);
    const csv = new Driver(system({ format: 'csv' }), engine, driver.table, folder);
    await expect(csv.run(LOAD, three(1), two)).rejects.toMatchObject({ code: 'destination/format-changed' });
    await csv.run(LOAD, three(1), two, { disposition: 'replace' });
    const text = readdirSync(join(out, driver.table), { recursive: true, encoding: 'utf8' }).find((n) =>
      n.endsWith('.csv'),
    );
    expect(readFileSync(join(out, driver.table, text!), 'utf8')).toBe('id,"s"\n1,"v1"\n2,"v2"\n3,"v3"\n');
  });

  test('values make folders, and a column that is not there is refused', async () => {
    const parted = new Driver(system({ partition_by: ['day'] }), engine, driver.table, folder);
    const cols = columns({ id: 'int', day: 'date' });
    const sql = `SELECT range::INT AS id, DATE '2026-01-01' + (range % 2)::INT AS day FROM range(8)`;
    for (const way of [LOAD, STAGE]) expect(await parted.run(way, sql, cols)).toMatchObject({ rows_written: 8 });
    expect(await parted.select('count(*) AS n, count(DISTINCT day) AS d', '')).toEqual([{ n: '16', d: '2' }]);
    const [first] = readdirSync(join(out, driver.table));
    expect(readdirSync(join(out, driver.table, first!)).sort()).toEqual([
      '_commit',
      'day=2026-01-01',
      'day=2026-01-02',
    ]);
    await expect(parted.run(LOAD, three(1), two)).rejects.toMatchObject({ code: 'destination/partition' });
  });

  test.each(['parquet', 'csv', 'json'])(
    'a query sees the committed %s files as tables and nothing else',
    async (format) => {
      const one = new Driver(system({ format }), engine, driver.table, folder);
      await one.run(LOAD, three(1), two);
      const wider = columns({ id: 'bigint', s: 'text', extra: 'date' });
      await one.run(STAGE, `SELECT 5000000000::BIGINT AS id, NULL AS s, DATE '2026-02-03' AS extra`, wider, {
        more: { addColumns: columns({ extra: 'date' }), alterColumns: columns({ id: 'bigint' }) },
      });
      const session = await one.connect('look');
      expect((await session.query(`SELECT * FROM raw.${one.table} ORDER BY id`)).rows).toEqual([
        [1, 'v1', null],
        [2, 'v2', null],
        [3, 'v3', null],
        [5000000000, null, '2026-02-03'],
      ]);
      expect((await session.query('SELECT seq FROM _sluice_state')).rows).toEqual([[2]]);
      for (const sql of [
        `SELECT * FROM read_text('/etc/passwd')`,
        `COPY (SELECT 1) TO '${out}/${one.table}/x.csv'`,
        'SELECT 1; SELECT 2',
      ])
        await expect(session.query(sql)).rejects.toMatchObject({ code: 'destination/query-failed' });
    },
  );

  test('paths that are no folder are refused', async () => {
    writeFileSync(join(folder, 'file'), '');
    for (const [path, code] of [
      ['s3://bucket/x', 'destination/bad-path'],
      ['/', 'destination/bad-path'],
      [join(folder, 'file'), 'destination/not-a-folder'],
    ]) {
      const bad = new Driver({ ...system(), settings: { path: path!, format: 'csv' } }, engine, 'bad', folder);
      await expect(bad.connect('r').then((s) => s.open(ADDRESSES, []))).rejects.toMatchObject({ code, kind: 'config' });
    }
  });
});
