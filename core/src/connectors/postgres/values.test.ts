import { expect, test, vi } from 'vitest';
import { ADDRESSES, columns } from '../../../test/destination-driver.ts';
import { LOAD, two, WAYS } from '../../../test/destination-fixture.ts';
import { postgresFixture } from '../../../test/postgres-destination.ts';

const lab = postgresFixture();

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
    const one = lab.next();
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
      'struct',
      'list',
    ]);
  }
});

test('one text column alone keeps null, empty and backslash-dot apart', async () => {
  const only = columns({ s: 'text' });
  const session = await lab.driver.connect('one');
  const opened = await session.open(ADDRESSES, []);
  const sql = String.raw`SELECT * FROM (VALUES (NULL), (''), ('\.'), (NULL), ('x')) AS v(s)`;
  await session.load(lab.driver.epoch('one', opened, only), lab.driver.rows(sql, only));
  const rows = await lab.driver.select('s, s IS NULL AS n', '');
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
    await expect(lab.driver.run(way, sql, two)).rejects.toMatchObject({
      code: 'destination/nul-character',
      kind: 'data',
      where: { row: 6, column: 's' },
    });
  const json = columns({ id: 'int', j: 'json' });
  const escaped = `SELECT range::INT AS id, CASE WHEN range = 1 THEN '{"a":"\\u0000"}' ELSE '{"a":' || chr(10) || '1}' END::JSON AS j FROM range(3)`;
  await expect(lab.driver.run(LOAD, escaped, json)).rejects.toMatchObject({
    code: 'destination/bad-value',
    kind: 'data',
    where: { row: 2, column: 'j' },
  });
  expect(await (await lab.driver.connect('look')).open(ADDRESSES, [])).toMatchObject({ seq: 0, table: null });
});

test('a value that the column refuses names row and column', async () => {
  await lab.db.query(`CREATE TABLE raw.${lab.driver.table} (id int, s varchar(3))`);
  const sql = `SELECT range::INT AS id, CASE WHEN range = 7 THEN 'toolong' ELSE 'a' || chr(10) END AS s FROM range(10)`;
  await expect(lab.driver.run(LOAD, sql, two)).rejects.toMatchObject({
    code: 'destination/bad-value',
    where: { row: 8, column: 's' },
  });
  expect(await lab.driver.select()).toEqual([]);
});

test('text goes into the types that the table has for it', async () => {
  await lab.db.query(`CREATE TYPE raw.mood AS ENUM ('glad', 'sad')`);
  await lab.db.query(
    `CREATE TABLE raw.${lab.driver.table} (id smallint, s raw.mood, ip inet, span interval, extra int DEFAULT 7)`,
  );
  const cols = columns({ id: 'int', s: 'text', ip: 'text', span: 'text' });
  const sql = (id: number) => `SELECT ${id}::INT AS id, 'sad' AS s, '10.0.0.1' AS ip, '1 day' AS span`;
  await lab.driver.run(LOAD, sql(1), cols);
  await lab.driver.run({ how: 'stage', tasks: 1 }, sql(2), cols);
  await lab.driver.run(LOAD, sql(2).replace('sad', 'glad'), cols, {
    disposition: 'merge',
    more: { primaryKey: ['id'] },
  });
  await lab.driver.run({ how: 'stage', tasks: 1 }, sql(3), cols, {
    disposition: 'merge',
    more: { primaryKey: ['id'] },
  });
  expect(await lab.driver.select('id, s, extra')).toEqual([
    { id: '1', s: 'sad', extra: '7' },
    { id: '2', s: 'glad', extra: '7' },
    { id: '3', s: 'sad', extra: '7' },
  ]);
  for (const way of WAYS) {
    await lab.driver.run(way, sql(4), cols, { disposition: 'replace' });
    expect(await lab.driver.select('id, s, extra')).toEqual([{ id: '4', s: 'sad', extra: '7' }]);
  }
});

test('where there is no mkfifo, rows go by way of a file', async () => {
  vi.stubEnv('PATH', '');
  const sql = `SELECT range::INT AS id, repeat('x', 100) AS s FROM range(20000)`;
  await lab.driver.run(LOAD, sql, two);
  await lab.driver.run({ how: 'stage', tasks: 2 }, sql, two);
  expect(await lab.driver.select('count(*) AS n', '')).toEqual([{ n: '40000' }]);
  await expect(lab.driver.run(LOAD, `SELECT 1 AS id, error('broken')::VARCHAR AS s`, two)).rejects.toThrow(/broken/);
});
