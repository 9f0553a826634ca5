import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type EngineProject, engineProject } from './engine.ts';
import { type TestDatabase, testDatabase } from './postgres.ts';

let db: TestDatabase;
let project: EngineProject;

beforeAll(async () => {
  db = await testDatabase();
  project = await engineProject({ DB: db.url });
});
afterAll(async () => {
  await project?.close();
  await db?.drop();
});

function indent(text: string, by: string): string {
  return text
    .split('\n')
    .map((line) => by + line)
    .join('\n');
}

function job(name: string, source: string, destination: string, rest = ''): string {
  return (
    `name: ${name}\nsource:\n  type: postgres\n  url: \${env:DB}\n${indent(source, '  ')}\n` +
    `destination:\n${indent(destination, '  ')}\n${rest}`
  );
}

const toPostgres = (more = '') => `type: postgres\nurl: \${env:DB}\nschema: out\n${more}`.trimEnd();
const toDuck = 'type: duckdb\npath: out.duckdb';

/** Rows of one table that the other lacks, both ways. */
async function difference(a: string, b: string): Promise<number> {
  const [row] = await db.query(
    `SELECT (SELECT count(*) FROM (TABLE ${a} EXCEPT ALL TABLE ${b}) x) + (SELECT count(*) FROM (TABLE ${b} EXCEPT ALL TABLE ${a}) y) AS n`,
  );
  return Number(row?.n);
}

describe('values', () => {
  it('keeps NaN, infinity and null from Postgres to Postgres', async () => {
    await db.query(`CREATE TABLE m (id int, n numeric, f float8, ts timestamptz, d date);
      INSERT INTO m VALUES (1, 'NaN', 'NaN', 'infinity', 'infinity'), (2, 1.10, '-Infinity', '-infinity', '-infinity'), (3, null, null, null, null)`);
    await project.ok(job('m', 'table: m', toPostgres()));
    expect(await difference('public.m', 'out.m')).toBe(0);
    await project.ok(job('m', 'table: m', toPostgres()));
    expect((await db.query('SELECT count(*) AS n FROM out.m'))[0]?.n).toBe('6');
  });

  it('keeps NaN and infinity in DuckDB, where a number becomes text for one that no number holds', async () => {
    const yaml = job('md', 'table: m', toDuck);
    await project.ok(yaml);
    const rows = await project.rows(yaml, 'SELECT id, n, f::VARCHAR, ts::VARCHAR, d::VARCHAR FROM md ORDER BY id');
    expect(rows).toEqual([
      ['1', 'NaN', 'nan', 'infinity', 'infinity'],
      ['2', '1.10', '-inf', '-infinity', '-infinity'],
      ['3', null, null, null, null],
    ]);
  });

  it('keeps every type of its own from Postgres to Postgres', async () => {
    await db.query(`CREATE TYPE mood AS ENUM ('sad', 'glad'); CREATE TYPE pair AS (a int, b text); CREATE DOMAIN zip AS text;
      CREATE TABLE every (id bigint, b boolean, s smallint, r real, n numeric(20,4), t text, v varchar(5), bin bytea,
        d date, ti time, tz timetz, ts timestamp, tstz timestamptz, u uuid, j json, jb jsonb, iv interval, ip inet, c cidr, mac macaddr,
        bits bit(3), vb varbit, rng int4range, pt point, x xml);
      INSERT INTO every VALUES (9223372036854775807, true, -32768, 0.1, 1234567890123456.7891, E'a\\tb"c\\\\d\\ne', '', '\\x00ff0a',
        '0044-03-15 BC', '24:00:00', '10:00:00.000001+05:30', '0044-03-15 10:00:00.5 BC', '2024-05-01 10:00:00.000100+02', gen_random_uuid(),
        '{"a":  1.10, "a": 2}', '{"n": 123456789012345678901234567890}', '-1 year 2 mons 3 days 04:05:06.789', '10.0.0.1/8', '10.0.0.0/8', '08:00:2b:01:02:03',
        B'101', B'1', '[1,5)', '(1,2)', '<a>b</a>');
      INSERT INTO every (id) VALUES (null)`);
    await project.ok(job('every', 'table: public.every', toPostgres()));
    const [same] = await db.query(
      `SELECT count(*) AS n FROM public.every p JOIN out.every o ON to_jsonb(p) - 'j' = to_jsonb(o) - 'j' AND p.j::text IS NOT DISTINCT FROM o.j::text`,
    );
    const types = await db.query(
      `SELECT a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type FROM pg_attribute a
       WHERE a.attrelid = 'out.every'::regclass AND a.attnum > 0 ORDER BY a.attnum`,
    );
    expect(Object.fromEntries(types.map((t) => [t.name, t.type]))).toMatchObject({
      iv: 'interval',
      ip: 'inet',
      bits: 'bit(3)',
      tz: 'time with time zone',
      rng: 'int4range',
      pt: 'point',
      x: 'xml',
    });
    expect(same?.n).toBe('2');
  });

  it('maps types for other systems, item by item in arrays', async () => {
    await db.query(`CREATE TABLE lists (i int[], n numeric(10,2)[], t text[], ts timestamp[], m mood, p pair, z zip, cash money, nothing int[], bin bytea[]);
      INSERT INTO lists VALUES ('{1,NULL,3}', '{1.10,2}', '{"a,b",NULL,"","q\\"x"}', '{2024-01-01 10:00,infinity}', 'glad', '(1,x)', '007', '1234.5', '{}', ARRAY['\\x00ff'::bytea])`);
    const yaml = job('lists', 'table: lists', toDuck);
    await project.ok(yaml);
    const rows = await project.rows(
      yaml,
      `SELECT i::VARCHAR, n::VARCHAR, t::VARCHAR, ts::VARCHAR, m, p::VARCHAR, z, cash::VARCHAR, nothing::VARCHAR, bin::VARCHAR, typeof(i), typeof(n), typeof(cash) FROM lists`,
    );
    expect(rows).toEqual([
      [
        '[1, NULL, 3]',
        '[1.10, 2.00]',
        `['a,b', NULL, '', 'q"x']`,
        `['2024-01-01 10:00:00', infinity]`,
        'glad',
        '{"a":1,"b":"x"}',
        '007',
        '1234.50',
        '[]',
        '[\\x00\\xFF]',
        'INTEGER[]',
        'DECIMAL(10,2)[]',
        'DECIMAL(19,2)',
      ],
    ]);
  });

  it('keeps every digit, whatever the sizes and the signs', async () => {
    await db.query(`CREATE TABLE digits AS SELECT i, (s * power(10, i % 5))::numeric(6,1) AS a, (s * power(10, i % 13))::numeric(15,0) AS b,
        (s * power(10, i % 16))::numeric(18,2) AS c, (s * power(10::numeric, i % 30) + s::numeric / 7)::numeric(38,7) AS d,
        (s / 3)::numeric(18,16) AS e, (s * i * 1e12)::bigint AS f, s * 1e9::float8 AS g, (s * 2147483647)::int AS h,
        (s * 3e4)::int::smallint AS k, (s * 1e30)::real AS l, timestamp '2000-01-01' + s * interval '1900 years' AS m,
        date '2000-01-01' + (s * 700000)::int AS n, time '12:00' + s * interval '12 hours' AS o, (s * 1e12)::bigint::text AS p
      FROM (SELECT i, CASE WHEN i % 50 = 0 THEN 0 ELSE sin(i)::numeric(20,18) END AS s FROM generate_series(1, 3000) AS i) AS r`);
    const names = [...'abcdefghklmnop'];
    const texts = names.map((name) => `${name}::text AS ${name}_text`).join(', ');
    const yaml = job('digits', `query: SELECT *, ${texts} FROM digits`, toDuck);
    await project.ok(yaml);
    const same = (name: string) =>
      'gl'.includes(name) ? `${name} = ${name}_text::DOUBLE` : `${name}::VARCHAR = ${name}_text`;
    const counts = names.map((name) => `count(*) FILTER (WHERE ${same(name)})`).join(', ');
    expect(await project.rows(yaml, `SELECT ${counts} FROM digits`)).toEqual([names.map(() => '3000')]);
  });

  it('reads arrays that a table declares with several dimensions', async () => {
    await db.query(`CREATE TABLE grids (id int, i int[][], n numeric(30,2)[][], d date[][], t text[][]);
      INSERT INTO grids VALUES (1, '{{1,2},{3,NULL}}', '{{9007199254740993.10}}', '{{2026-01-02,infinity}}', '{{a,"b,"}}'), (2, '{5}', '{}', NULL, '{c}')`);
    const yaml = job('grids', 'table: grids', toDuck);
    await project.ok(yaml);
    expect(
      await project.rows(yaml, 'SELECT i::VARCHAR, n::VARCHAR, d::VARCHAR, len(t), typeof(i) FROM grids ORDER BY id'),
    ).toEqual([
      ['[[1,2],[3,null]]', '[[9007199254740993.10]]', '[["2026-01-02","infinity"]]', '1', 'JSON'],
      ['[5]', '[]', null, '1', 'JSON'],
    ]);
  });

  it('names the column of a value that no type of the engine holds', async () => {
    await db.query(`CREATE TABLE far (id int, n numeric(5,2)); INSERT INTO far VALUES (1, 'NaN')`);
    const { error } = await project.run(job('far', 'table: far', toDuck));
    expect(error).toMatchObject({ code: 'source/value', kind: 'data', where: { column: 'n' } });
    await db.query(`CREATE TABLE late (at timestamp); INSERT INTO late VALUES ('294276-12-31')`);
    const late = await project.run(job('late', 'table: late', toDuck));
    expect(late.error).toMatchObject({ code: 'source/value', where: { column: 'at' } });
    await db.query(`CREATE TABLE square (a int[]); INSERT INTO square VALUES ('{{1,2},{3,4}}')`);
    expect((await project.run(job('square', 'table: square', toDuck))).error).toMatchObject({ code: 'source/value' });
  });

  it('reads one column, odd names, empty tables and empty texts', async () => {
    await db.query(`CREATE TABLE "One ""x" ("a.b ""c" text); INSERT INTO "One ""x" VALUES (''), (null), ('null')`);
    const yaml = job('one', 'table: \'public."One ""x"\'', toDuck);
    await project.ok(yaml);
    const rows = await project.rows(yaml, `SELECT "a.b ""c" FROM one ORDER BY 1 NULLS LAST`);
    expect(rows).toEqual([[''], ['null'], [null]]);
    await db.query('CREATE TABLE empty (file_row_number int , t text, n numeric)');
    const none = job('none', 'table: empty', toDuck);
    expect((await project.ok(none)).counts).toMatchObject({ rows_read: 0, rows_written: 0 });
    expect(await project.rows(none, 'SELECT count(*) FROM none')).toEqual([['0']]);
  });

  it('keeps calendar days whatever the zones of the machine and the server', async () => {
    await db.query(`CREATE TABLE d (id int, on_day date); INSERT INTO d VALUES (1, '1975-05-11'), (2, '1960-06-02'), (3, '0001-01-01'), (4, '9999-12-31');
      ALTER DATABASE ${db.database} SET TimeZone = 'Europe/Rome'`);
    const yaml = job('d', 'table: d', toDuck);
    await project.ok(yaml);
    const days = [['1975-05-11'], ['1960-06-02'], ['0001-01-01'], ['9999-12-31']];
    expect(await project.rows(yaml, 'SELECT on_day::VARCHAR FROM d ORDER BY id')).toEqual(days);
  });
});
