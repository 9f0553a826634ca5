import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ADDRESSES, columns, type SystemUnderTest } from '../../../test/destination-driver.ts';
import { destinationFixture, LOAD, three, two, WAYS } from '../../../test/destination-fixture.ts';
import { destinationSuite } from '../../../test/destination-suite.ts';
import { noMariaDb, type TestMariaDb, testMariaDb } from '../../../test/mariadb.ts';
import { mysql } from './destination.ts';

describe.skipIf(noMariaDb)(noMariaDb ?? 'MariaDB', () => {
  let db: TestMariaDb;
  const lab = destinationFixture(() => system());
  beforeAll(async () => {
    db = await testMariaDb();
  });
  afterAll(async () => {
    await db.drop();
  });

  /** Booleans are shown as the suite writes them. */
  function select(sql: string): Promise<Record<string, string | null>[]> {
    return db.query(sql.replace('CAST("_sluice_deleted" AS text)', `if("_sluice_deleted", 'true', 'false')`));
  }
  function system(): SystemUnderTest {
    return { destination: mysql, settings: { url: db.url }, schema: new URL(db.url).pathname.slice(1), select };
  }

  destinationSuite('mysql', system, { merge: true, window: true, reshape: false });

  test('a replace keeps the table, widens what can be widened and refuses the rest', async () => {
    await lab.driver.run(LOAD, three(1), two, { disposition: 'replace' });
    for (const way of WAYS) {
      const other = columns({ id: 'bigint', n: 'decimal(6,2)' });
      await lab.driver.run(way, 'SELECT 5000000000::BIGINT AS id, 1.5::DECIMAL(6,2) AS n', other, {
        disposition: 'replace',
      });
      expect(await lab.driver.select()).toEqual([{ id: '5000000000', s: null, n: '1.50' }]);
    }
    await expect(
      lab.driver.run(LOAD, `SELECT 1 AS id, DATE '2026-01-01' AS n`, columns({ id: 'int', n: 'date' }), {
        disposition: 'replace',
      }),
    ).rejects.toMatchObject({ code: 'destination/column-type', kind: 'config' });
    expect(await lab.driver.select()).toHaveLength(1);
  });

  test('text keys are told apart by case, accents and spaces at their end', async () => {
    const keys = columns({ id: 'int', k: 'text', v: 'int' });
    const more = { primaryKey: ['k'] };
    const sql = (v: number) =>
      `SELECT i::INT AS id, k, ${v}::INT AS v FROM (SELECT unnest(['a', 'A', 'a ', 'ä', 'é']) AS k, unnest(range(5)) AS i)`;
    for (const way of WAYS) await lab.driver.run(way, sql(1), keys, { disposition: 'merge', more });
    expect(await lab.driver.run(LOAD, sql(2), keys, { disposition: 'merge', more })).toMatchObject({
      rows_inserted: 0,
      rows_updated: 5,
    });
    expect(await lab.driver.select('count(*) AS n, sum(v) AS v', '')).toEqual([{ n: '5', v: '10' }]);
  });

  test('values beyond the system name row and column and write nothing', async () => {
    const cols = columns({ id: 'int', f: 'double', d: 'date' });
    const sql = (f: string, d: string) =>
      `SELECT range::INT AS id, CASE WHEN range = 4 THEN '${f}'::DOUBLE ELSE 1.5 END AS f, CASE WHEN range = 4 THEN DATE '${d}' END AS d FROM range(9)`;
    for (const [f, d, column] of [
      ['nan', '2026-01-01', 'f'],
      ['inf', '2026-01-01', 'f'],
      ['0', 'infinity', 'd'],
      ['0', '10000-01-01', 'd'],
      ['0', '0044-03-15 (BC)', 'd'],
    ] as const)
      for (const way of WAYS)
        await expect(lab.driver.run(way, sql(f, d), cols)).rejects.toMatchObject({
          code: 'destination/bad-value',
          kind: 'data',
          where: { column },
        });
    expect(await db.query(`SHOW TABLES LIKE '${lab.driver.table}'`)).toEqual([]);
  });

  test('a column that is there keeps its type, and what it refuses names row and column', async () => {
    await db.query(`CREATE TABLE ${lab.driver.table} (id smallint, s varchar(3) NOT NULL)`);
    const sql = `SELECT range::INT AS id, CASE WHEN range = 1500 THEN 'toolong' ELSE 'a' END AS s FROM range(2000)`;
    await expect(lab.driver.run(LOAD, sql, two)).rejects.toMatchObject({
      code: 'destination/bad-value',
      where: { row: 1501, column: 's' },
    });
    expect(await lab.driver.select()).toEqual([]);
  });

  test.each([
    ['a key that its collation has already', `id int, s varchar(9) COLLATE utf8mb4_general_ci UNIQUE`, null],
    ['a word that the enum lacks', `id int, s enum('a')`, 's'],
    ['a column that wants a value', `id int, s text, must int NOT NULL`, 'must'],
    ['a condition', `id int, s varchar(9) CHECK (s < 'b')`, null],
    ['a list of partitions', `id int, s varchar(9)) PARTITION BY LIST COLUMNS (s) (PARTITION p VALUES IN ('a')`, null],
  ])('a table of others with %s refuses rows for good, and says what to do', async (_, definition, column) => {
    await db.query(`CREATE TABLE ${lab.driver.table} (${definition})`);
    const sql = `SELECT unnest([1, 2, 3])::INT AS id, unnest(['a', 'A', 'c']) AS s`;
    for (const way of WAYS)
      await expect(lab.driver.run(way, sql, two)).rejects.toMatchObject({
        code: 'destination/bad-value',
        kind: 'data',
        where: column === null ? {} : { column },
        hint: expect.any(String),
      });
    expect(await lab.driver.select('id, s')).toEqual([]);
  });

  test('a session of an older run that still holds its transaction is ended by the next one', async () => {
    const old = await lab.driver.connect('old');
    const opened = await old.open(ADDRESSES, []);
    const rows = lab.driver.rows(three(1), two);
    let young: Promise<unknown> = Promise.resolve();
    rows.gate = async () => {
      const session = await lab.driver.connect('young');
      young = session
        .open(ADDRESSES, [])
        .then((next) => session.load(lab.driver.epoch('young', next, two), lab.driver.rows(three(4), two)));
      await young;
    };
    await expect(old.load(lab.driver.epoch('old', opened, two), rows)).rejects.toMatchObject({ kind: 'transient' });
    await young;
    expect((await lab.driver.select()).map((r) => r.id)).toEqual(['4', '5', '6']);
  });

  test('tables without transactions, views and wrong passwords are refused', async () => {
    await db.query(`CREATE TABLE no_innodb (id int) ENGINE = MyISAM; CREATE VIEW a_view AS SELECT 1 AS id`);
    for (const table of ['no_innodb', 'a_view']) {
      const session = await lab.over(system(), table).connect('r');
      await expect(session.open(ADDRESSES, [])).rejects.toMatchObject({ code: 'destination/not-a-table' });
    }
    const url = new URL(db.url);
    url.password = 'S3cr-wrong';
    const denied = await lab.over({ ...system(), settings: { url: url.href } }, 'd').connect('r');
    const error = await denied.open(ADDRESSES, []).catch((e) => e);
    expect(error).toMatchObject({ code: 'destination/access-denied', kind: 'config' });
    expect(JSON.stringify(error)).not.toContain('S3cr');
    const nobody = { host: '127.0.0.1', port: 1, database: 'x' };
    const gone = await lab.over({ ...system(), settings: nobody }, 'd').connect('r');
    await expect(gone.open(ADDRESSES, [])).rejects.toMatchObject({
      code: 'destination/unreachable',
      kind: 'transient',
    });
  });

  test('rows of any number and size arrive once each', async () => {
    const cols = columns({ id: 'int', ts: 'timestamp', s: 'text' });
    const sql = `SELECT range::INT AS id, TIMESTAMP '2026-01-01' + INTERVAL (range) HOUR AS ts, repeat('x', CASE WHEN range = 7 THEN 6000000 ELSE 10 END) AS s FROM range(30000)`;
    await lab.driver.run(LOAD, sql, cols);
    expect(
      await lab.driver.select(
        'count(*) AS n, count(DISTINCT id) AS d, count(DISTINCT ts) AS t, max(length(s)) AS l',
        '',
      ),
    ).toEqual([{ n: '30000', d: '30000', t: '30000', l: '6000000' }]);
    expect(await lab.driver.select('id, ts', 'WHERE id IN (24999, 25000, 29999) ORDER BY id')).toEqual([
      { id: '24999', ts: '2028-11-07 15:00:00.000000' },
      { id: '25000', ts: '2028-11-07 16:00:00.000000' },
      { id: '29999', ts: '2029-06-03 23:00:00.000000' },
    ]);
  });
});
