import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { registry } from '../src/runtime.ts';
import { type EngineProject, engineProject } from './engine.ts';
import { noMariaDb, type TestMariaDb, testMariaDb } from './mariadb.ts';

describe.skipIf(noMariaDb)(noMariaDb ?? 'source mysql', () => {
  let db: TestMariaDb;
  let project: EngineProject;

  beforeAll(async () => {
    db = await testMariaDb();
    project = await engineProject({ DB: db.url });
  });
  afterAll(async () => {
    await project?.close();
    await db?.drop();
  });

  const job = (name: string, source: string, rest = '') =>
    `name: ${name}\nsource: {type: mysql, url: "\${env:DB}", ${source}}\ndestination: {type: duckdb, path: out.duckdb}\n${rest}`;

  it('reads every type to its last digit', async () => {
    await db.query(`CREATE TABLE every_type (id bigint PRIMARY KEY, flag tinyint(1), u int unsigned, big bigint unsigned, n decimal(20,4),
        f float, d double, y year, b1 bit(1), b5 bit(5), day date, at datetime(6), ts timestamp(6) NULL, t time(3), c char(3), v varchar(50), txt longtext CHARACTER SET utf8mb4,
        e enum('a', 'b'), s set('x', 'y'), bin binary(3), blo blob, g point);
      INSERT INTO every_type VALUES (9223372036854775807, 2, 4294967295, 18446744073709551615, 1234567890123456.7891, 16777216, 0.1, 2026, b'1', b'00101',
        '2026-01-02', '2026-01-02 03:04:05.000001', '2026-01-02 03:04:05.000001', '23:59:59.5', 'a', 'q"u,o''te\\n', concat('ünï', _utf8mb4 x'f09f9880'), 'b', 'x,y', x'00ff', x'000a22', ST_GeomFromText('POINT(1 2)'));
      INSERT INTO every_type (id) VALUES (-9223372036854775808)`);
    const yaml = job('every_type', 'table: every_type');
    await project.ok(yaml);
    const rows = await project.rows(yaml, 'SELECT COLUMNS(*)::VARCHAR FROM every_type ORDER BY id DESC');
    expect(rows[0]).toEqual([
      '9223372036854775807',
      '2',
      '4294967295',
      '18446744073709551615',
      '1234567890123456.7891',
      '16777216.0',
      '0.1',
      '2026',
      'true',
      '00101',
      '2026-01-02',
      '2026-01-02 03:04:05.000001',
      '2026-01-02 03:04:05.000001+00',
      '23:59:59.5',
      'a',
      'q"u,o\'te\\n',
      'ünï😀',
      'b',
      'x,y',
      '\\x00\\xFF\\x00',
      '\\x00\\x0A\\x22',
      'POINT(1 2)',
    ]);
    expect(rows[1]?.slice(1).every((value) => value === null)).toBe(true);
    const types = await project.rows(
      yaml,
      `SELECT typeof(any_value(flag)), typeof(any_value(u)), typeof(any_value(big)), typeof(any_value(n)), typeof(any_value(b1)), typeof(any_value(ts)), typeof(any_value(blo)) FROM every_type`,
    );
    expect(types[0]).toEqual([
      'INTEGER',
      'BIGINT',
      'DECIMAL(20,0)',
      'DECIMAL(20,4)',
      'BOOLEAN',
      'TIMESTAMP WITH TIME ZONE',
      'BLOB',
    ]);
  });

  it('keeps every digit, whatever the sizes and the signs', async () => {
    await db.query(`CREATE TABLE digits AS SELECT seq AS i, CAST(s * POW(10, seq % 5) AS DECIMAL(6,1)) AS a,
        CAST(s * POW(10, seq % 13) AS DECIMAL(15,0)) AS b, CAST(s * POW(10, seq % 16) AS DECIMAL(18,2)) AS c,
        CAST(s AS DECIMAL(38,20)) * CAST(POW(10, seq % 12) AS DECIMAL(13,0)) AS d, CAST(s * seq * 1e14 AS SIGNED) AS e,
        s * 1e9 AS f, CAST(ABS(s) * 1.8e19 AS UNSIGNED) AS g, CAST(s * 30000 AS SIGNED) AS h,
        TIMESTAMP'2000-01-01 00:00:00' + INTERVAL CAST(s * 55e15 AS SIGNED) MICROSECOND AS k,
        DATE'2000-02-28' + INTERVAL CAST(s * 700000 AS SIGNED) DAY AS l, repeat('ä', seq % 700) AS m, repeat('z', (seq % 100 = 1) * 70000) AS n
      FROM (SELECT seq, CASE WHEN seq % 50 = 0 THEN 0 ELSE SIN(seq) END AS s FROM seq_1_to_1500) AS r`);
    const names = [...'abcdefghklmn'];
    const texts = names.map((name) => `CAST(${name} AS CHAR) AS ${name}_text`).join(', ');
    const yaml = job('digits', `query: "SELECT *, ${texts} FROM digits"`);
    await project.ok(yaml);
    const text: Record<string, string> = { k: `strftime(k, '%Y-%m-%d %H:%M:%S.%f')`, f: 'f_text' };
    const counts = names.map((name) => `count(*) FILTER (WHERE ${text[name] ?? `${name}::VARCHAR`} = ${name}_text)`);
    expect(
      await project.rows(yaml, `SELECT ${counts.join(', ')}, count(*) FILTER (WHERE f = f_text::DOUBLE) FROM digits`),
    ).toEqual([[...names, 'f'].map(() => '1500')]);
  });

  it('reads zero dates as null and counts them, and times beyond a day as text', async () => {
    await db.query(`SET SESSION sql_mode = ''; CREATE TABLE zero (id int, d date, at datetime, t time);
      INSERT INTO zero VALUES (1, '0000-00-00', '0000-00-00 00:00:00', '-838:59:59'), (2, '2026-00-10', '2026-01-02 03:04:05', '10:00:00')`);
    const yaml = job('zero', 'table: zero');
    const { logs } = await project.ok(yaml);
    expect(await project.rows(yaml, 'SELECT id, d, "at"::VARCHAR, t FROM zero ORDER BY id')).toEqual([
      ['1', null, null, '-838:59:59'],
      ['2', null, '2026-01-02 03:04:05', '10:00:00'],
    ]);
    const warnings = logs.filter(({ level }) => level === 'warn').map(({ message }) => message.split(' value')[0]);
    expect([...new Set(warnings)]).toEqual(['Column d: 2', 'Column at: 1']);
  });

  it('as a cursor, zero dates are rows without a value', async () => {
    await db.query(`SET SESSION sql_mode = ''; CREATE TABLE zero_cursor (id int PRIMARY KEY, at datetime NOT NULL);
      INSERT INTO zero_cursor VALUES (1, '0000-00-00'), (2, '2026-01-02')`);
    const merge = 'incremental: {type: cursor, column: at}\n';
    const jobs = ['append', 'merge'].map((way) =>
      job(`zero_${way}`, 'table: zero_cursor', merge).replace('out.duckdb', `out.duckdb, write_disposition: ${way}`),
    );
    for (const yaml of jobs) await project.ok(yaml);
    await db.query(`SET SESSION sql_mode = ''; INSERT INTO zero_cursor VALUES (3, '0000-00-00'), (4, '2026-01-03')`);
    const second = [];
    for (const yaml of jobs) second.push(await project.ok(yaml));
    const ids = (way: string) => project.rows(jobs[0] ?? '', `SELECT id FROM zero_${way} ORDER BY id`);
    expect((await ids('append')).flat()).toEqual(['1', '2', '4']);
    expect((await ids('merge')).flat()).toEqual(['1', '2', '3', '4']);
    expect(second[0]?.logs.filter(({ level }) => level === 'warn').map(({ message }) => message.slice(0, 26))).toEqual([
      '2 rows have no value in at',
    ]);
  });

  it('asks for rows beyond the cursor, to the microsecond, and tells of rows without one', async () => {
    await db.query(`CREATE TABLE ev (id bigint PRIMARY KEY, at datetime(6), n decimal(30,10));
      INSERT INTO ev VALUES (9007199254740992, '2024-05-01 10:00:00.000100', 1), (9007199254740993, '2024-05-01 10:00:00.000900', 2), (1, NULL, NULL)`);
    const yaml = job('ev', 'table: ev', 'incremental: {type: cursor, column: at}\n');
    expect((await project.ok(yaml)).counts.rows_written).toBe(3);
    await db.query(
      `INSERT INTO ev VALUES (5, '2024-05-01 10:00:00.000900', 3), (6, '2024-05-01 10:00:00.000950', 4), (7, NULL, 5)`,
    );
    const second = await project.ok(yaml);
    expect(second.counts).toMatchObject({ rows_read: 3, rows_written: 2 });
    expect(second.logs.some(({ message }) => /^2 rows have no value in at/.test(message))).toBe(true);
    const byId = job('ev_id', 'table: ev', 'incremental: {type: cursor, column: id}\n');
    await project.ok(byId);
    expect((await project.ok(byId)).counts).toMatchObject({ rows_read: 1, rows_written: 0 });
    const byNumber = job('ev_n', 'table: ev, where: n IS NOT NULL', 'incremental: {type: cursor, column: n}\n');
    await project.ok(byNumber);
    expect((await project.ok(byNumber)).counts).toMatchObject({ rows_read: 1, rows_written: 0 });
  });

  it('merges by the table’s key, many rows at a time, from a query too', async () => {
    await db.query(`CREATE TABLE \`odd \`\`name\` (\`b"\` int, a varchar(5), pad text, PRIMARY KEY (a, \`b"\`));
      INSERT INTO \`odd \`\`name\` SELECT seq, 'a', repeat('x', 200) FROM seq_1_to_30000`);
    const yaml = job('odd', "table: 'odd `name'").replace('out.duckdb', 'out.duckdb, write_disposition: merge');
    expect((await project.ok(yaml)).counts.rows_inserted).toBe(30_000);
    expect((await project.ok(yaml)).counts).toMatchObject({ rows_inserted: 0, rows_updated: 30_000 });
    const sums = job('sums', `query: 'SELECT count(*) AS n, "text" AS quoted FROM \`odd \`\`name\`;'`);
    await project.ok(sums);
    expect(await project.rows(sums, 'SELECT n, quoted FROM sums')).toEqual([['30000', 'text']]);
  });

  it.each([
    ['table: nowhere', 'source/no-table'],
    ['table: no_db.t', 'source/no-table'],
    ['query: "SELECT 1) AS t; DROP TABLE ev; SELECT (1"', 'source/query'],
    ['table: ev, where: no_column = 1', 'source/query'],
  ])('says what is wrong: %s', async (source, code) => {
    expect((await project.run(job('wrong', source))).error).toMatchObject({ code, kind: 'config' });
  });

  it('says who is not let in, and that nobody answers, without the password', async () => {
    const url = new URL(db.url);
    url.password = 'wr0ng-Zq9';
    url.username = 'nobody_here';
    project.env.BAD = url.href;
    const denied = (await project.run(job('denied', 'table: ev').replace('env:DB', 'env:BAD'))).error;
    expect(denied).toMatchObject({ code: 'source/access-denied', kind: 'config' });
    expect(JSON.stringify(denied)).not.toContain('wr0ng');
    project.env.BAD = 'mysql://root:wr0ng-Zq9@127.0.0.1:1/x';
    const lost = (await project.run(job('lost', 'table: ev').replace('env:DB', 'env:BAD'))).error;
    expect(lost).toMatchObject({ code: 'source/unreachable', kind: 'transient' });
  });

  it('gives up where the connection is lost in the middle, and doubles nothing later', async () => {
    const cut = `query: "SELECT seq, repeat('x', 200) AS pad, if(seq = 25000, sleep(30), 0) AS cut FROM seq_1_to_30000"`;
    const asleep = `SELECT id FROM information_schema.processlist WHERE info LIKE '%sleep(30)%' AND state LIKE '%sleep%'`;
    let running = true;
    const failed = project.run(job('cut', cut)).finally(() => {
      running = false;
    });
    for (let ids: string[] = []; running && ids.length === 0; ) {
      ids = (await db.query(asleep)).map(({ id }) => String(id));
      for (const id of ids) await db.query(`KILL ${id}`);
    }
    const { error } = await failed;
    expect(error).toMatchObject({ code: 'source/connection-lost', kind: 'transient' });
    const healed = job('cut', cut.replace('30), 0)', '0), 0)'));
    expect((await project.ok(healed)).counts.rows_written).toBe(30_000);
  });

  it('discovers tables and views, and no sequences', async () => {
    await db.query('CREATE VIEW seen AS SELECT 1 AS one; CREATE SEQUENCE numbers');
    const source = await registry.sources.mysql?.load();
    const context = { projectDir: project.dir, signal: new AbortController().signal, log: () => {} };
    const found = await source?.discover?.({ settings: { url: db.url }, ...context });
    expect(found).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ settings: { table: '"odd `name"' }, primary_key: ['a', 'b"'] }),
        expect.objectContaining({ name: 'seen', view: true }),
      ]),
    );
    expect(found?.map(({ name }) => name)).not.toContain('numbers');
  });
});
