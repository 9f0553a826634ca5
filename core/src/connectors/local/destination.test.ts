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
import { afterAll, describe, expect, test } from 'vitest';
import { ADDRESSES, columns, type SystemUnderTest } from '../../../test/destination-driver.ts';
import { destinationFixture, LOAD, lookInto, STAGE, three, two } from '../../../test/destination-fixture.ts';
import { destinationSuite } from '../../../test/destination-suite.ts';
import { destinations } from '../../registry.ts';

const folder = mkdtempSync(join(tmpdir(), 'sluice-local-'));
const out = join(folder, 'out');
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const local = await destinations.local!.load();

/** The folders as another program sees them: every Parquet file below them, whoever wrote it. */
function select(sql: string): Promise<Record<string, string | null>[]> {
  return lookInto(':memory:', sql, async (connection) => {
    await connection.run('CREATE SCHEMA raw');
    for (const name of readdirSync(out).filter((n) => sql.includes(`"${n}"`)))
      await connection.run(
        `CREATE VIEW raw."${name}" AS SELECT * FROM read_parquet('${out}/${name}/**/*.parquet', union_by_name = true, hive_partitioning = false)`,
      );
    const aside = `read_json('${out}/*/*/_quarantine/*.jsonl', format = 'newline_delimited')`;
    if (sql.includes('_quarantine'))
      await connection.run(`CREATE VIEW raw._sluice_quarantine AS SELECT * FROM ${aside}`);
  });
}

const system = (more: object = {}): SystemUnderTest => ({
  destination: local,
  settings: (table) => ({ path: join(out, table), format: 'parquet', ...more }),
  schema: 'raw',
  select,
});

destinationSuite('local', () => system(), { merge: false, window: false });

describe('local alone', () => {
  const lab = destinationFixture(() => system());
  const home = () => join(out, `.${lab.driver.table}.sluice`);

  test('a commit is one folder, named by its number and id, with what was committed', async () => {
    await lab.driver.run(LOAD, three(1), two);
    await lab.driver.run(STAGE, three(4), two);
    const place = join(out, lab.driver.table);
    const names = readdirSync(place).sort();
    expect(names).toEqual([`000001-run-1.${lab.driver.table}.0`, `000002-run-2.${lab.driver.table}.0`]);
    const said = JSON.parse(readFileSync(join(place, names[1]!, '_commit'), 'utf8'));
    expect(said).toMatchObject({
      commit_id: `run-2/${lab.driver.table}/0`,
      seq: 2,
      checkpoint: { cursor: 'x' },
      columns: two,
    });
    expect(readlinkSync(place)).toMatch(/^\.x\d+\.sluice\/versions\/000001-/);
    expect(readdirSync(join(home(), 'staging'))).toEqual([]);
  });

  test('a replace leaves the version before for its readers, until the next commit', async () => {
    const versions = () => readdirSync(join(home(), 'versions')).map((n) => n.slice(0, 6));
    for (const n of [1, 2, 3]) await lab.driver.run(LOAD, three(n), two, { disposition: 'replace' });
    expect(versions()).toEqual(['000002', '000003']);
    expect((await lab.driver.select()).map((r) => r.id)).toEqual(['3', '4', '5']);
  });

  test('an append after a replace adds to the new version', async () => {
    await lab.driver.run(LOAD, three(1), two);
    await lab.driver.run(LOAD, three(11), two, { disposition: 'replace' });
    await lab.driver.run(STAGE, three(21), two);
    expect((await lab.driver.select()).map((r) => r.id)).toEqual(['11', '12', '13', '21', '22', '23']);
  });

  test('rows that were set aside stay when the data is replaced', async () => {
    const quarantine = `SELECT 'bad/type' AS code, 'r' AS reason, 'in.csv' AS path, 7::BIGINT AS row_number, NULL::BIGINT AS byte_offset, 'x' AS "row"`;
    for (let n = 0; n < 3; n++) await lab.driver.run(LOAD, three(1), two, { disposition: 'replace', quarantine });
    const session = await lab.driver.connect('look');
    const { rows } = await session.query('SELECT run_id, code, row_number, "row" FROM _sluice_quarantine ORDER BY 1');
    expect(rows).toEqual([1, 2, 3].map((n) => [`run-${n}`, 'bad/type', 7, 'x']));
  });

  test('a holder that slept through a takeover cannot commit, at whatever step it wakes', async () => {
    const old = await lab.driver.connect('old');
    const opened = await old.open(ADDRESSES, []);
    const rows = lab.driver.rows(three(1), two);
    // The gate is the last thing before the files are brought into place: a newer run opens and commits meanwhile.
    rows.gate = async () => {
      const young = await lab.driver.connect('young');
      const next = await young.open(ADDRESSES, []);
      await young.load(lab.driver.epoch('young', next, two), lab.driver.rows(three(4), two));
    };
    await expect(old.load(lab.driver.epoch('old', opened, two), rows)).rejects.toMatchObject({ code: 'commit/fenced' });
    await old.abort('old');
    expect((await lab.driver.select()).map((r) => r.id)).toEqual(['4', '5', '6']);
    expect(readdirSync(join(home(), 'staging'))).toEqual([]);
  });

  test('a folder that was there is appended to, and not replaced while it holds files of others', async () => {
    const place = join(out, lab.driver.table);
    mkdirSync(place);
    writeFileSync(join(place, 'mine.txt'), 'x');
    await lab.driver.run(LOAD, three(1), two);
    expect(existsSync(join(place, 'mine.txt'))).toBe(true);
    expect(await lab.driver.select()).toHaveLength(3);
    await expect(lab.driver.run(LOAD, three(1), two, { disposition: 'replace' })).rejects.toMatchObject({
      code: 'destination/not-empty',
      kind: 'config',
    });
    const other = lab.next();
    mkdirSync(join(out, other.table));
    await other.run(LOAD, three(1), two, { disposition: 'replace' });
    expect(await other.select()).toHaveLength(3);
  });

  test('another format is refused until everything is loaded anew', async () => {
    for (let n = 0; n < 3; n++) await lab.driver.run(LOAD, three(1), two);
    const csv = lab.over(system({ format: 'csv' }));
    await expect(csv.run(LOAD, three(1), two)).rejects.toMatchObject({ code: 'destination/format-changed' });
    await csv.run(LOAD, three(1), two, { disposition: 'replace' });
    const text = readdirSync(join(out, lab.driver.table), { recursive: true, encoding: 'utf8' }).find((n) =>
      n.endsWith('.csv'),
    );
    expect(readFileSync(join(out, lab.driver.table, text!), 'utf8')).toBe('id,"s"\n1,"v1"\n2,"v2"\n3,"v3"\n');
  });

  test('values make folders, and a column that is not there is refused', async () => {
    const parted = lab.over(system({ partition_by: ['day'] }));
    const cols = columns({ id: 'int', day: 'date' });
    const sql = `SELECT range::INT AS id, DATE '2026-01-01' + (range % 2)::INT AS day FROM range(8)`;
    for (const way of [LOAD, STAGE]) expect(await parted.run(way, sql, cols)).toMatchObject({ rows_written: 8 });
    expect(await parted.select('count(*) AS n, count(DISTINCT day) AS d', '')).toEqual([{ n: '16', d: '2' }]);
    const [first] = readdirSync(join(out, lab.driver.table));
    expect(readdirSync(join(out, lab.driver.table, first!)).sort()).toEqual([
      '_commit',
      'day=2026-01-01',
      'day=2026-01-02',
    ]);
    await expect(parted.run(LOAD, three(1), two)).rejects.toMatchObject({ code: 'destination/partition' });
  });

  test.each(['parquet', 'csv', 'json'])(
    'a query sees the committed %s files as tables and nothing else',
    async (format) => {
      const one = lab.over(system({ format }));
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
      const bad = lab.over({ ...system(), settings: { path: path!, format: 'csv' } }, 'bad');
      await expect(bad.connect('r').then((s) => s.open(ADDRESSES, []))).rejects.toMatchObject({ code, kind: 'config' });
    }
  });
});
