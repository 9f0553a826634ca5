import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { crash } from '../../../test/crash.ts';
import { ADDRESSES, columns, Driver, type SystemUnderTest } from '../../../test/destination-driver.ts';
import { destinationSuite } from '../../../test/destination-suite.ts';
import { type TestDatabase, testDatabase } from '../../../test/postgres.ts';
import { type OwnedEngine, openEngine } from '../../engine/duckdb.ts';
import type { JsonObject } from '../../model/json.ts';
import { postgres } from './destination.ts';

let db: TestDatabase;
beforeAll(async () => {
  db = await testDatabase();
});
afterAll(() => db.drop());

const system = (): SystemUnderTest => ({
  destination: postgres,
  settings: { url: db.url },
  schema: 'raw',
  select: db.query,
});

destinationSuite('postgres', system);

function gate(): { passed: Promise<void>; open: () => void } {
  let open: () => void = () => undefined;
  const passed = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { passed, open };
}

const two = columns({ id: 'int', s: 'text' });
const LOAD = { how: 'load', tasks: 1 } as const;
const STAGE = { how: 'stage', tasks: 4 } as const;
const WAYS = [LOAD, STAGE];
const three = (from: number) => `SELECT (range + ${from})::INT AS id, 'v' || (range + ${from}) AS s FROM range(3)`;

describe('postgres alone', () => {
  let spool: string;
  let engine: OwnedEngine;
  let driver: Driver;
  let count = 0;

  beforeAll(async () => {
    spool = mkdtempSync(join(tmpdir(), 'sluice-pg-'));
    engine = await openEngine({ spool, threads: 2, memory: 500_000_000 });
  });
  afterAll(() => {
    engine.close();
    rmSync(spool, { recursive: true, force: true });
  });
  beforeEach(() => {
    driver = new Driver(system(), engine, `x${++count}`, spool);
  });
  afterEach(() => {
    vi.unstubAllEnvs();
    expect(readdirSync(spool).filter((name) => name.startsWith('copy-'))).toEqual([]);
  });

  const sessionTo = (settings: JsonObject, table = driver.table) =>
    postgres.connect({
      signal: new AbortController().signal,
      log: () => undefined,
      key: { project: 'p', target: 't', job: 'j', stream: table },
      use: {
        type: 'postgres',
        connection: null,
        settings,
        schema: 'raw',
        table,
        write_disposition: 'append',
        primary_key: [],
        deletes: null,
        naming: 'as_is',
      },
      projectDir: spool,
      runId: 'r',
    });

  test('every type arrives exactly, loaded and staged', async () => {
    const types = {
      id: 'int',
      b: 'boolean',
      big: 'bigint',
      f: 'double',
      d: 'decimal(38,10)',
      bin: 'binary',
      day: 'date',
      at: 'time',
      ts: 'timestamp',
      tz: 'timestamptz',
      u: 'uuid',
      j: 'json',
      l: 'list<text>',
      n: 'list<decimal(5,2)>',
      st: 'struct<a: bigint, b: list<date>>',
      ll: 'list<list<int>>',
    };
    const row = (id: number, values: string) => `SELECT ${id} AS id, ${values}`;
    const sql = [
      row(
        1,
        `true AS b, 9223372036854775807 AS big, 0.1::DOUBLE + 0.2 AS f, 1234567890123456789012345678.0123456789::DECIMAL(38,10) AS d, '\\x00\\xFF\\x5C'::BLOB AS bin,
         DATE '0044-03-15 (BC)' AS day, TIME '23:59:59.999999' AS at, TIMESTAMP '2026-01-02 03:04:05.000001' AS ts, TIMESTAMPTZ '2026-01-02 03:04:05.5+02' AS tz,
         'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::UUID AS u, '{"k": 12345678901234567890.10}'::JSON AS j, ['a,b', NULL, '', 'q"\\', 'NULL', '{x}'] AS l,
         [1.50, NULL]::DECIMAL(5,2)[] AS n, {'a': 9007199254740993, 'b': [DATE '2026-01-01']} AS st, [[1, 2], [3]] AS ll`,
      ),
      row(
        2,
        `false, -9223372036854775808, 'inf'::DOUBLE, -0.0000000001, ''::BLOB, DATE 'infinity', TIME '24:00:00', TIMESTAMP '-infinity',
         TIMESTAMPTZ '0044-03-15 (BC) 10:00:00+00', NULL, '[]', [], NULL, NULL, []`,
      ),
      row(
        3,
        `NULL, NULL, 'nan'::DOUBLE, NULL, NULL, DATE '9999-12-31', NULL, TIMESTAMP '9999-12-31 23:59:59', TIMESTAMPTZ 'infinity', NULL, NULL, NULL, NULL, NULL, NULL`,
      ),
    ].join(' UNION ALL ');
    const expected = [
      {
        id: '1',
        b: 't',
        big: '9223372036854775807',
        f: '0.30000000000000004',
        d: '1234567890123456789012345678.0123456789',
        bin: '\\x00ff5c',
        day: '0044-03-15 BC',
        at: '23:59:59.999999',
        ts: '2026-01-02 03:04:05.000001',
        tz: '2026-01-02 01:04:05.5',
        u: 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11',
        j: '{"k": 12345678901234567890.10}',
        l: '{"a,b",NULL,"","q\\"\\\\","NULL","{x}"}',
        n: '{1.50,NULL}',
        st: '{"a": 9007199254740993, "b": ["2026-01-01"]}',
        ll: '[[1, 2], [3]]',
      },
      {
        id: '2',
        b: 'f',
        big: '-9223372036854775808',
        f: 'Infinity',
        d: '-0.0000000001',
        bin: '\\x',
        day: 'infinity',
        at: '24:00:00',
        ts: '-infinity',
        tz: '0044-03-15 10:00:00 BC',
        u: null,
        j: '[]',
        l: '{}',
        n: null,
        st: null,
        ll: '[]',
      },
      {
        id: '3',
        b: null,
        big: null,
        f: 'NaN',
        d: null,
        bin: null,
        day: '9999-12-31',
        at: null,
        ts: '9999-12-31 23:59:59',
        tz: 'infinity',
        u: null,
        j: null,
        l: null,
        n: null,
        st: null,
        ll: null,
      },
    ];
    const list = Object.keys(types).map((name) => (name === 'tz' ? `tz AT TIME ZONE 'UTC' AS tz` : `"${name}"`));
    for (const way of WAYS) {
      const one = new Driver(system(), engine, `x${++count}`, spool);
      await one.run(way, sql, columns(types));
      expect(await one.select(list.join(', '))).toEqual(expected);
      const opened = await (await one.connect('look')).inspect();
      expect(opened?.table?.map((c) => c.type.kind)).toEqual([
        'int',
        'boolean',
        'bigint',
        'double',
        'decimal',
        'binary',
        'date',
        'time',
        'timestamp',
        'timestamptz',
        'uuid',
        'json',
        'list',
        'list',
        'json',
        'json',
      ]);
    }
  });

  test('one text column alone keeps null, empty and backslash-dot apart', async () => {
    const only = columns({ s: 'text' });
    const session = await driver.connect('one');
    const opened = await session.open(ADDRESSES, []);
    const sql = String.raw`SELECT * FROM (VALUES (NULL), (''), ('\.'), (NULL), ('x')) AS v(s)`;
    await session.load(driver.epoch('one', opened, only), driver.rows(sql, only));
    const rows = await driver.select('s, s IS NULL AS n', '');
    expect(rows.map((r) => [r.s, r.n])).toEqual([
      [null, 't'],
      ['', 'f'],
      ['\\.', 'f'],
      [null, 't'],
      ['x', 'f'],
    ]);
  });

  test('U+0000 in a text names row and column and writes nothing', async () => {
    const sql = `SELECT range::INT AS id, CASE WHEN range = 2 THEN 'line' || chr(10) || 'break' WHEN range = 5 THEN 'a' || chr(0) || 'b' ELSE 'ok' END AS s FROM range(10)`;
    for (const way of [LOAD, { how: 'stage', tasks: 1 } as const])
      await expect(driver.run(way, sql, two)).rejects.toMatchObject({
        code: 'destination/nul-character',
        kind: 'data',
        where: { row: 6, column: 's' },
      });
    const json = columns({ id: 'int', j: 'json' });
    const escaped = `SELECT range::INT AS id, CASE WHEN range = 1 THEN '{"a":"\\u0000"}' ELSE '{"a":' || chr(10) || '1}' END::JSON AS j FROM range(3)`;
    await expect(driver.run(LOAD, escaped, json)).rejects.toMatchObject({
      code: 'destination/bad-value',
      kind: 'data',
      where: { row: 2, column: 'j' },
    });
    expect(await (await driver.connect('look')).open(ADDRESSES, [])).toMatchObject({ seq: 0, table: null });
  });

  test('a value that the column refuses names row and column', async () => {
    await db.query(`CREATE TABLE raw.${driver.table} (id int, s varchar(3))`);
    const sql = `SELECT range::INT AS id, CASE WHEN range = 7 THEN 'toolong' ELSE 'a' || chr(10) END AS s FROM range(10)`;
    await expect(driver.run(LOAD, sql, two)).rejects.toMatchObject({
      code: 'destination/bad-value',
      where: { row: 8, column: 's' },
    });
    expect(await driver.select()).toEqual([]);
  });

  test('text goes into the types that the table has for it', async () => {
    await db.query(`CREATE TYPE raw.mood AS ENUM ('glad', 'sad')`);
    await db.query(
      `CREATE TABLE raw.${driver.table} (id smallint, s raw.mood, ip inet, span interval, extra int DEFAULT 7)`,
    );
    const cols = columns({ id: 'int', s: 'text', ip: 'text', span: 'text' });
    const sql = (id: number) => `SELECT ${id}::INT AS id, 'sad' AS s, '10.0.0.1' AS ip, '1 day' AS span`;
    await driver.run(LOAD, sql(1), cols);
    await driver.run({ how: 'stage', tasks: 1 }, sql(2), cols);
    await driver.run(LOAD, sql(2).replace('sad', 'glad'), cols, { disposition: 'merge', more: { primaryKey: ['id'] } });
    await driver.run({ how: 'stage', tasks: 1 }, sql(3), cols, { disposition: 'merge', more: { primaryKey: ['id'] } });
    expect(await driver.select('id, s, extra')).toEqual([
      { id: '1', s: 'sad', extra: '7' },
      { id: '2', s: 'glad', extra: '7' },
      { id: '3', s: 'sad', extra: '7' },
    ]);
    for (const way of WAYS) {
      await driver.run(way, sql(4), cols, { disposition: 'replace' });
      expect(await driver.select('id, s, extra')).toEqual([{ id: '4', s: 'sad', extra: '7' }]);
    }
  });

  test('a table that merge makes has a primary key, and merge works without one', async () => {
    const more = { primaryKey: ['id'] };
    for (const way of WAYS) {
      const one = new Driver(system(), engine, `x${++count}`, spool);
      await one.run(way, three(1), two, { disposition: 'merge', more });
      const keys = await db.query(
        `SELECT a.attname FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY(i.indkey) WHERE i.indisprimary AND i.indrelid = 'raw.${one.table}'::regclass`,
      );
      expect(keys).toEqual([{ attname: 'id' }]);
    }
    await driver.run(LOAD, three(1), two);
    expect(await driver.run(LOAD, three(2), two, { disposition: 'merge', more })).toMatchObject({
      rows_inserted: 1,
      rows_updated: 2,
    });
    expect((await driver.select()).map((r) => r.id)).toEqual(['1', '2', '3', '4']);
  });

  test.each(WAYS)('replace by $how keeps owner, grants and comments', async (way) => {
    const role = `reader_${driver.table}`;
    await db.query(`CREATE ROLE ${role}`);
    await driver.run(way, three(1), two, { disposition: 'replace' });
    await db.query(
      `GRANT SELECT ON raw.${driver.table} TO ${role}; COMMENT ON TABLE raw.${driver.table} IS 'it''s ours'; COMMENT ON COLUMN raw.${driver.table}.s IS 'words'; ALTER TABLE raw.${driver.table} OWNER TO ${role}; GRANT INSERT ON raw.${driver.table} TO postgres`,
    );
    const before = await db.query(`SELECT oid FROM pg_class WHERE oid = 'raw.${driver.table}'::regclass`);
    await driver.run(way, three(4), two, { disposition: 'replace' });
    const [now] = await db.query(
      `SELECT oid, obj_description(oid) AS t, col_description(oid, 2) AS c, pg_get_userbyid(relowner) AS owner, has_table_privilege('${role}', oid, 'SELECT') AS may FROM pg_class WHERE oid = 'raw.${driver.table}'::regclass`,
    );
    expect(now).toMatchObject({ t: "it's ours", c: 'words', owner: role, may: 't' });
    expect(now?.oid).not.toBe(before[0]?.oid);
    await db.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
  });

  test.each(WAYS)('replace by $how keeps views, indexes and defaults: rows change in place', async (way) => {
    await driver.run(way, three(1), two, { disposition: 'replace' });
    await db.query(
      `CREATE VIEW raw.v_${driver.table} AS SELECT max(id) AS m FROM raw.${driver.table}; CREATE INDEX i_${driver.table} ON raw.${driver.table} (s)`,
    );
    const result = await driver.run(way, three(40), two, { disposition: 'replace' });
    expect(result).toMatchObject({ rows_written: 3 });
    expect(await db.query(`SELECT m FROM raw.v_${driver.table}`)).toEqual([{ m: '42' }]);
    expect(await db.query(`SELECT 1 FROM pg_indexes WHERE indexname = 'i_${driver.table}'`)).toHaveLength(1);
    expect(await driver.select()).toHaveLength(3);
  });

  test.each(WAYS)('readers see the old table or the new one under replace by $how, never an empty one', async (way) => {
    const rows = (mark: string) => `SELECT range::INT AS id, '${mark}' AS s FROM range(2000)`;
    await driver.run(way, rows('m0'), two, { disposition: 'replace' });
    const seen = new Set<string>();
    let running = true;
    const reader = async () => {
      const client = new pg.Client({ connectionString: db.url });
      await client.connect();
      while (running) {
        const result = await client.query(
          `SELECT count(*)::int AS n, min(s) AS a, max(s) AS b FROM raw.${driver.table}`,
        );
        seen.add(JSON.stringify(result.rows[0]));
      }
      await client.end();
    };
    const reading = [reader(), reader()];
    for (let i = 1; i <= 4; i++) await driver.run(way, rows(`m${i}`), two, { disposition: 'replace' });
    running = false;
    await Promise.all(reading);
    for (const text of seen) {
      const row = JSON.parse(text) as { n: number; a: string; b: string };
      expect(row).toEqual({ n: 2000, a: row.a, b: row.a });
    }
    expect(seen.size).toBeGreaterThan(1);
  });

  test('a snapshot from before a loaded replace never sees an empty table', async () => {
    await driver.run(LOAD, three(1), two, { disposition: 'replace' });
    const client = new pg.Client({ connectionString: db.url });
    await client.connect();
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1');
    await driver.run(LOAD, three(1), two, { disposition: 'replace' });
    const result = await client.query(`SELECT count(*)::int AS n FROM raw.${driver.table}`);
    expect(result.rows).toEqual([{ n: 3 }]);
    await client.end();
  });

  test('tasks stage in parallel, each with its own engine', async () => {
    const staged = () => db.query(`SELECT relname FROM pg_class WHERE relname LIKE '\\_sluice\\_stage%' ORDER BY 1`);
    const before = await staged();
    const session = await driver.connect('par');
    const opened = await session.open(ADDRESSES, []);
    const tokens = await Promise.all(
      [0, 1, 2, 3].map(async (task) => {
        const own = await openEngine({ spool: mkdtempSync(join(spool, 'task-')), threads: 1, memory: 200_000_000 });
        const worker = await driver.connect('par');
        try {
          const rows = {
            engine: own,
            columns: two,
            quarantine: null,
            sql: `SELECT range::INT AS id, 'x' AS s FROM range(${task * 5000}, ${(task + 1) * 5000})`,
          };
          return await worker.stage({ epoch: 0, task, attempt: 1, columns: two, disposition: 'append' }, rows);
        } finally {
          own.close();
        }
      }),
    );
    expect(await session.commit(driver.epoch('par', opened, two), tokens)).toMatchObject({ rows_written: 20000 });
    expect(await driver.select('count(DISTINCT id) AS n', '')).toEqual([{ n: '20000' }]);
    expect(await staged()).toEqual(before);
  });

  test('rows staged by a task whose token was lost are not committed, and a token without rows is refused', async () => {
    const session = await driver.connect('lost');
    const opened = await session.open(ADDRESSES, []);
    const stage = (task: number, from: number) =>
      session.stage({ epoch: 0, task, attempt: 1, columns: two, disposition: 'append' }, driver.rows(three(from), two));
    const first = await stage(0, 1);
    await stage(1, 100);
    const again = await stage(0, 1);
    await expect(session.commit(driver.epoch('lost', opened, two), [first])).rejects.toMatchObject({
      code: 'commit/staging-lost',
      kind: 'transient',
    });
    expect(await session.commit(driver.epoch('lost', opened, two), [again])).toMatchObject({ rows_written: 3 });
    expect((await driver.select()).map((r) => r.id)).toEqual(['1', '2', '3']);
  });

  test('first opens at the same time all succeed, each with a fence of its own', async () => {
    const schema = `fresh_${driver.table}`;
    driver.use = { schema };
    const opened = await Promise.all(
      Array.from({ length: 6 }, async (_, i) => (await driver.connect(`r${i}`)).open(ADDRESSES, [])),
    );
    expect(opened.map((o) => o.fence).sort((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6]);
  });

  test('streams that make the same table at the same time both land their rows', async () => {
    const loads = [1, 2, 3].map(async (i) => {
      const own = await openEngine({ spool: mkdtempSync(join(spool, 'own-')), threads: 1, memory: 200_000_000 });
      const one = new Driver(system(), own, driver.table, spool);
      one.job = `job${i}`;
      await one.run(LOAD, three(i * 10), two);
      own.close();
    });
    await Promise.all(loads);
    expect(await driver.select()).toHaveLength(9);
  });

  test('open ends what an older run still holds', async () => {
    await driver.run(LOAD, three(1), two);
    const old = await driver.connect('old');
    const opened = await old.open(ADDRESSES, []);
    // The old run stands still in the middle of its COPY, as a stopped process would.
    const reached = gate();
    const go = gate();
    const slow: OwnedEngine = Object.create(engine, {
      run: {
        value: async (sql: string) => {
          reached.open();
          await go.passed;
          return engine.run(sql);
        },
      },
    });
    const load = old.load(driver.epoch('old', opened, two), { ...driver.rows(three(4), two), engine: slow });
    const failed = expect(load).rejects.toMatchObject({ kind: 'transient' });
    await reached.passed;
    const young = await driver.connect('young');
    const next = await young.open(ADDRESSES, []);
    await young.load(driver.epoch('young', next, two, { disposition: 'replace' }), driver.rows(three(1), two));
    go.open();
    await failed;
    expect(await driver.select()).toHaveLength(3);
  });

  test('a trigger that refuses a row leaves nothing, and its error is worth another try', async () => {
    await db.query(`CREATE TABLE raw.${driver.table} (id int, s text);
      CREATE FUNCTION raw.no_${driver.table}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.id = 2 THEN RAISE EXCEPTION 'not that one'; END IF; RETURN NEW; END $$;
      CREATE TRIGGER no BEFORE INSERT ON raw.${driver.table} FOR EACH ROW EXECUTE FUNCTION raw.no_${driver.table}()`);
    for (const way of WAYS)
      await expect(driver.run(way, three(1), two)).rejects.toMatchObject({
        kind: 'transient',
        code: 'destination/refused',
      });
    expect(await driver.select()).toEqual([]);
    await db.query(`DROP TRIGGER no ON raw.${driver.table}`);
    await driver.run(LOAD, three(1), two);
    expect(await driver.select()).toHaveLength(3);
  });

  test('names that Postgres would cut are refused', async () => {
    const long = 'é'.repeat(32);
    await expect(
      driver.run(LOAD, `SELECT 1 AS id, 2 AS "${long}"`, columns({ id: 'int', [long]: 'int' })),
    ).rejects.toMatchObject({ code: 'destination/name-too-long', kind: 'config' });
    const session = await sessionTo({ url: db.url }, 't'.repeat(64));
    await expect(session.open(ADDRESSES, [])).rejects.toMatchObject({ code: 'destination/name-too-long' });
    const fits = 'n'.repeat(63);
    await driver.run(LOAD, `SELECT 1 AS id, 2 AS "${fits}"`, columns({ id: 'int', [fits]: 'int' }));
  });

  test('a view in the place of the table is refused', async () => {
    await db.query(`CREATE VIEW raw.${driver.table} AS SELECT 1 AS id`);
    const session = await driver.connect('v');
    await expect(session.open(ADDRESSES, [])).rejects.toMatchObject({ code: 'destination/not-a-table' });
  });

  test('passwords go to the server byte for byte, from a key and from a url', async () => {
    for (const [i, password] of [`p$HOME'@#%/:"x`, '$Wren7!{a}'].entries()) {
      const user = `u${i}_${driver.table}`;
      await db.query(
        `CREATE ROLE ${user} LOGIN PASSWORD '${password.replaceAll("'", "''")}'; GRANT CREATE ON SCHEMA raw TO ${user}; GRANT USAGE ON SCHEMA raw TO ${user}`,
      );
      const { host, port, database } = db;
      await (await sessionTo({ host, port, database, user, password })).test();
      await (
        await sessionTo({ url: `postgres://${user}:${encodeURIComponent(password)}@${host}:${port}/${database}` })
      ).test();
      await (
        await sessionTo({
          url: `jdbc:postgresql://${host}:${port}/${database}?user=${user}&password=${encodeURIComponent(password)}`,
        })
      ).test();
      await db.query(`DROP OWNED BY ${user}; DROP ROLE ${user}`);
    }
  });

  test('errors of connecting show place and cause and no secret', async () => {
    const { host, port, database, user } = db;
    const cases: [JsonObject, string, string, RegExp][] = [
      [
        { host, port, database, user, password: 'S3cr@t-Zq9' },
        'destination/access-denied',
        'config',
        new RegExp(`${host}:${port}, database "${database}"`),
      ],
      [
        { url: `postgres://${user}:S3cr%40t-Zq9@${host}:${port}/${database}` },
        'destination/access-denied',
        'config',
        /password authentication failed/,
      ],
      [
        { url: 'postgresql://app:S3cr%40t-Zq9@127.0.0.1:1/db' },
        'destination/unreachable',
        'transient',
        /127\.0\.0\.1:1, database "db".*refused/,
      ],
      [
        { host, port, database: 'nowhere', user, password: db.password },
        'destination/unreachable',
        'config',
        /nowhere/,
      ],
      [
        { host: 'no-such-host.invalid', database, user, password: 'S3cr@t-Zq9' },
        'destination/unreachable',
        'transient',
        /no-such-host\.invalid:5432/,
      ],
      [
        { host, port, database, user, password: db.password, ssl: 'require' },
        'destination/no-encryption',
        'config',
        /SSL/,
      ],
    ];
    for (const [settings, code, kind, message] of cases) {
      const error = await (await sessionTo(settings)).test().catch((caught: unknown) => caught);
      expect(error).toMatchObject({ code, kind });
      const text =
        JSON.stringify(error) + String((error as Error).stack) + JSON.stringify((error as Error).cause ?? null);
      expect((error as Error).message).toMatch(message);
      for (const secret of ['S3cr', Buffer.from('S3cr@t-Zq9').toString('base64'), db.password])
        if (secret) expect(text).not.toContain(secret);
    }
  });

  test('a user without the right to make tables is told so', async () => {
    const user = `poor_${driver.table}`;
    await db.query(`CREATE ROLE ${user} LOGIN PASSWORD 'x'`);
    const { host, port, database } = db;
    const session = await sessionTo({ host, port, database, user, password: 'x' });
    await expect(session.test()).rejects.toMatchObject({ code: 'destination/no-rights', kind: 'config' });
    await expect(session.open(ADDRESSES, [])).rejects.toMatchObject({ code: 'destination/no-rights', kind: 'config' });
    await db.query(`DROP ROLE ${user}`);
  });

  test('options set the session, but not what values rely on', async () => {
    const session = await sessionTo({ url: db.url, options: { work_mem: '7MB', TimeZone: 'Asia/Tokyo' } });
    const answer = await session.query(`SELECT current_setting('work_mem'), current_setting('TimeZone')`);
    expect(answer.rows).toEqual([['7MB', 'UTC']]);
    await expect(session.query('SELECT 1; DROP SCHEMA raw')).rejects.toMatchObject({
      code: 'destination/query-failed',
    });
  });

  test('a load that is stopped ends and leaves nothing', async () => {
    const stop = new AbortController();
    const session = await postgres.connect({
      signal: stop.signal,
      log: () => undefined,
      key: { project: 'p', target: 't', job: 'j', stream: driver.table },
      use: {
        type: 'postgres',
        connection: null,
        settings: { url: db.url },
        schema: 'raw',
        table: driver.table,
        write_disposition: 'append',
        primary_key: [],
        deletes: null,
        naming: 'as_is',
      },
      projectDir: spool,
      runId: 'stopped',
    });
    const opened = await session.open(ADDRESSES, []);
    const rows = driver.rows(`SELECT range::INT AS id, repeat('x', 1000) AS s FROM range(1000000)`, two);
    const load = session.load(driver.epoch('stopped', opened, two), rows);
    setTimeout(() => stop.abort(), 300);
    await expect(load).rejects.toThrow();
    expect(await (await driver.connect('look')).inspect()).toBeNull();
    expect(await db.query(`SELECT 1 FROM pg_class WHERE relname = '${driver.table}'`)).toEqual([]);
  });

  test.each([
    ['load', 'destination.load.inside', false],
    ['load', 'destination.load.committed', true],
    ['stage', 'destination.stage.inside', false],
    ['stage', 'destination.stage.after', false],
    ['stage', 'destination.commit.inside', false],
    ['stage', 'destination.commit.committed', true],
  ] as const)(
    'killed in a %s at %s: committed wholly or not at all, and the next run goes on',
    async (how, fault, committed) => {
      expect(await crash('postgres', { url: db.url }, { how, table: driver.table, fault: `${fault}=kill` })).toBe(
        'SIGKILL',
      );
      const session = await driver.connect('run-1');
      const opened = await session.open(ADDRESSES, []);
      expect(opened.commitId).toBe(committed ? `run-1/${driver.table}/0` : null);
      await session.abort('run-1');
      if (!committed) await session.load(driver.epoch('run-1', opened, two), driver.rows(three(0), two));
      expect((await driver.select()).map((r) => r.id)).toEqual(['0', '1', '2']);
    },
  );

  test.each(['before', 'after'] as const)(
    'a connection lost %s COMMIT took place is an unknown outcome that open settles',
    async (when) => {
      const proxy = await cutProxy(db, when);
      const one = new Driver({ ...system(), settings: { ...proxy.settings } }, engine, driver.table, spool);
      const opened = await (await driver.connect('cut')).open(ADDRESSES, []);
      const load = (await one.connect('cut')).load(driver.epoch('cut', opened, two), driver.rows(three(1), two));
      await expect(load).rejects.toMatchObject({ code: 'commit/unknown', kind: 'transient' });
      proxy.close();
      const settled = await (await driver.connect('cut')).open(ADDRESSES, []);
      expect(settled.commitId).toBe(when === 'after' ? `cut/${driver.table}/0` : null);
      expect(settled.table === null ? [] : await driver.select()).toHaveLength(when === 'after' ? 3 : 0);
    },
  );
});

/** A way to the server that is cut when COMMIT comes by: before the server has it, or after it has answered. */
async function cutProxy(to: TestDatabase, when: 'before' | 'after') {
  const server = createServer((near) => {
    const far = connect(to.port, to.host);
    let committing = false;
    const cut = () => {
      near.destroy();
      far.destroy();
    };
    near.on('data', (data) => {
      committing ||= data.includes('COMMIT\0');
      if (committing && when === 'before') cut();
      else far.write(data);
    });
    far.on('data', (data) => {
      if (committing) cut();
      else near.write(data);
    });
    for (const socket of [near, far]) socket.on('error', cut).on('close', cut);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const { database, user, password } = to;
  return { settings: { host: '127.0.0.1', port, database, user, password }, close: () => server.close() };
}
