import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, onTestFinished, test } from 'vitest';
import { crash } from '../../../test/crash.ts';
import { ADDRESSES, columns, Driver, type SystemUnderTest } from '../../../test/destination-driver.ts';
import { destinationFixture, LOAD, lookInto, STAGE, three, two, WAYS } from '../../../test/destination-fixture.ts';
import { destinationSuite } from '../../../test/destination-suite.ts';
import { cage, type OwnedEngine, openEngine } from '../../engine/duckdb.ts';
import { duckdb } from './destination.ts';
import { warehousePath } from './path.ts';

const folder = mkdtempSync(join(tmpdir(), 'sluice-duckdb-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const path = join(folder, 'w.duckdb');

const select = (sql: string) => lookInto(path, sql);

const system = (): SystemUnderTest => ({ destination: duckdb, settings: { path }, schema: 'raw', select });

destinationSuite('duckdb', system);

describe('duckdb alone', () => {
  const lab = destinationFixture(() => system());

  test('the lock is the real path of the file, also through links and before the file is there', async () => {
    const real = join(realpathSync(folder), 'real');
    mkdirSync(real);
    symlinkSync(real, join(folder, 'link'));
    symlinkSync(join(real, 'target.duckdb'), join(folder, 'dangling.duckdb'));
    expect(await warehousePath('link/new/w.duckdb', folder)).toBe(join(real, 'new/w.duckdb'));
    expect(await warehousePath('dangling.duckdb', folder)).toBe(join(real, 'target.duckdb'));
    expect(await warehousePath(undefined, folder)).toBe(join(realpathSync(folder), '.sluice/warehouse.duckdb'));
    for (const bad of [':memory:', 'md:db', 'https://h/w.duckdb'])
      await expect(warehousePath(bad, folder)).rejects.toMatchObject({ code: 'destination/bad-path', kind: 'config' });
  });

  test('every type arrives exactly, loaded and staged', async () => {
    const types = {
      id: 'int',
      d: 'decimal(38,10)',
      bin: 'binary',
      day: 'date',
      at: 'time',
      ts: 'timestamp',
      tz: 'timestamptz',
      u: 'uuid',
      j: 'json',
      l: 'list<text>',
      st: 'struct<a: bigint, "b c": list<date>>',
      f: 'double',
      s: 'text',
    };
    const sql = `SELECT 1 AS id, 1234567890123456789012345678.0123456789::DECIMAL(38,10) AS d, '\\x00\\xFF'::BLOB AS bin, DATE 'infinity' AS day,
      TIME '24:00:00' AS at, TIMESTAMP '0044-03-15 (BC) 10:00:00.000001' AS ts, TIMESTAMPTZ '-infinity' AS tz, 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::UUID AS u,
      '{"k": 12345678901234567890.10}'::JSON AS j, ['a', NULL, ''] AS l, {'a': 9007199254740993, 'b c': [DATE '-infinity']} AS st, 'nan'::DOUBLE AS f, 'a' || chr(0) || 'b' AS s
      UNION ALL SELECT 2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL`;
    const texts = Object.keys(types).map((name) => `CAST("${name}" AS VARCHAR) AS "${name}"`);
    const results = [];
    for (const way of [LOAD, STAGE]) {
      const one = lab.next();
      await one.run(way, sql, columns(types));
      results.push(await one.select(texts.join(', ')));
      const opened = await (await one.connect('look')).inspect();
      expect(opened?.table).toEqual(columns(types).map((c) => ({ ...c, nullable: true })));
    }
    expect(results[0]).toEqual(results[1]);
    expect(results[0]?.[0]).toEqual({
      id: '1',
      d: '1234567890123456789012345678.0123456789',
      bin: '\\x00\\xFF',
      day: 'infinity',
      at: '24:00:00',
      ts: '0044-03-15 (BC) 10:00:00.000001',
      tz: '-infinity',
      u: 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11',
      j: '{"k": 12345678901234567890.10}',
      l: "[a, NULL, '']",
      st: "{'a': 9007199254740993, 'b c': [-infinity]}",
      f: 'nan',
      s: 'a\u0000b',
    });
  });

  test('a file that another process holds is reported with its process, and is worth another try', async () => {
    const script = `import { DuckDBInstance } from '@duckdb/node-api';
      const i = await DuckDBInstance.create(process.argv[1]); globalThis.keep = i; console.log('open'); process.stdin.resume(); process.stdin.on('end', () => process.exit())`;
    const held = join(folder, 'held.duckdb');
    const child = spawn(process.execPath, ['--input-type=module', '-e', script, held], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    await once(child.stdout, 'data');
    const one = lab.over({ ...system(), settings: { path: held } }, 't');
    const session = await one.connect('r');
    for (const attempt of [
      () => session.open(ADDRESSES, []),
      () => session.attach(lab.engine),
      () => session.query('SELECT 1'),
    ])
      await expect(attempt()).rejects.toMatchObject({
        code: 'destination/locked',
        kind: 'transient',
        message: expect.stringContaining(String(child.pid)),
      });
    child.stdin.end();
    await once(child, 'exit');
    expect(await session.open(ADDRESSES, [])).toMatchObject({ fence: 1 });
  });

  test('a caged engine can attach, load, stage and detach', async () => {
    const session = await lab.driver.connect('caged');
    const opened = await session.open(ADDRESSES, []);
    const spool = mkdtempSync(join(folder, 'caged-'));
    const caged = await openEngine({ spool, threads: 1, memory: 200_000_000 });
    await cage(caged, { files: session.files, folders: session.folders });
    const rows = { ...lab.driver.rows(three(1), two), engine: caged };
    const token = await session.stage({ epoch: 1, task: 0, attempt: 1, columns: two, disposition: 'append' }, rows);
    expect(token.rows).toBe(3);
    await session.load(lab.driver.epoch('caged', opened, two), rows);
    await expect(caged.run(`ATTACH '${join(folder, 'other.duckdb')}' AS o`)).rejects.toThrow(/Permission/);
    caged.close();
    expect(await lab.driver.select()).toHaveLength(3);
    await session.abort('caged');
  });

  test('merge in many parts gives what one part gives', async () => {
    const cols = columns({ id: 'int', g: 'text', s: 'text' });
    const more = { primaryKey: ['id', 'g'] };
    const sql = (from: number, mark: string) =>
      `SELECT (range + ${from})::INT AS id, 'g' || range % 7 AS g, '${mark}' || md5(range::VARCHAR) AS s FROM range(20000)`;
    const tight: OwnedEngine = {
      run: (q) => lab.engine.run(q),
      rows: (q) => lab.engine.rows(q),
      changed: (q) => lab.engine.changed(q),
      stream: (q) => lab.engine.stream(q),
      describe: (q) => lab.engine.describe(q),
      interrupt: () => lab.engine.interrupt(),
      bytesRead: 0,
      progress: () => lab.engine.progress(),
      measure: () => undefined,
      close: () => undefined,
      spool: lab.engine.spool,
      threads: lab.engine.threads,
      // Far less than a part needs: the merge is cut as for a large one.
      memory: 1_000_000,
    };
    const one = lab.next(tight);
    const extra = columns({ id: 'int', g: 'text', s: 'text', kept: 'int' });
    await one.run(LOAD, `SELECT *, id + 1 AS kept FROM (${sql(0, 'a')})`, extra, { disposition: 'merge', more });
    expect(await one.run(LOAD, sql(7000, 'b'), cols, { disposition: 'merge', more })).toMatchObject({
      rows_written: 20000,
      rows_inserted: 7000,
      rows_updated: 13000,
    });
    const [sum] = await one.select(
      `count(*) AS n, count(DISTINCT (id, g)) AS keys, count(kept) AS kept, count(*) FILTER (s LIKE 'b%') AS b, bool_and(kept = id + 1) AS same`,
      '',
    );
    expect(sum).toEqual({ n: '27000', keys: '27000', kept: '20000', b: '20000', same: 'true' });
  });

  test('merge works on a table that has a primary key of its own', async () => {
    await select(`CREATE TABLE raw.${lab.driver.table} (id INT PRIMARY KEY, s VARCHAR, extra INT DEFAULT 5)`);
    const more = { primaryKey: ['id'] };
    await lab.driver.run(LOAD, three(1), two, { disposition: 'merge', more });
    expect(await lab.driver.run(LOAD, three(2), two, { disposition: 'merge', more })).toMatchObject({
      rows_inserted: 1,
      rows_updated: 2,
    });
    expect(await lab.driver.select('id, extra')).toEqual([1, 2, 3, 4].map((id) => ({ id: String(id), extra: '5' })));
  });

  test.each(['must int NOT NULL', 'CHECK (id < 3)', 'UNIQUE (s)'])(
    'a table of others with %s refuses rows for good',
    async (rule) => {
      await select('CREATE SCHEMA IF NOT EXISTS raw');
      await select(`CREATE TABLE raw.${lab.driver.table} (id int, s text, ${rule})`);
      const sql = `SELECT range::INT AS id, 'a' AS s FROM range(1, 4)`;
      for (const way of WAYS)
        await expect(lab.driver.run(way, sql, two)).rejects.toMatchObject({
          code: 'destination/bad-value',
          kind: 'data',
          hint: expect.any(String),
        });
      expect(await lab.driver.select()).toEqual([]);
    },
  );

  test('columns that differ only in case are refused, and a view in the place of the table too', async () => {
    const clash = columns({ id: 'int', ID: 'int' });
    await expect(lab.driver.run(LOAD, 'SELECT 1 AS id, 2 AS "ID"', clash)).rejects.toMatchObject({
      code: 'destination/duplicate-column',
    });
    await select(`CREATE VIEW raw.v_${lab.driver.table} AS SELECT 1 AS id`);
    const other = lab.over(system(), `v_${lab.driver.table}`);
    await expect(other.run(LOAD, three(1), two)).rejects.toMatchObject({ code: 'destination/not-a-table' });
  });

  test('a file that is no database is named', async () => {
    const bad = join(folder, 'bad.duckdb');
    writeFileSync(bad, 'this is no database file at all, and it is long enough to be looked at'.repeat(100));
    const session = await lab.over({ ...system(), settings: { path: bad } }, 't').connect('r');
    await expect(session.open(ADDRESSES, [])).rejects.toMatchObject({
      code: 'destination/not-a-database',
      kind: 'config',
    });
    await expect(session.query('SELECT 1')).rejects.toMatchObject({ code: 'destination/not-a-database' });
  });

  test('before the first run there is nothing to inspect, and nothing is made by looking', async () => {
    const none = join(folder, 'none.duckdb');
    const session = await lab.over({ ...system(), settings: { path: none } }, 't').connect('r');
    expect(await session.inspect()).toBeNull();
    expect([...(await session.ledger())]).toEqual([]);
    await expect(session.query('SELECT 1')).rejects.toMatchObject({ code: 'destination/no-warehouse' });
    await session.abort('r');
    expect(existsSync(none)).toBe(false);
  });

  test('nothing of staging is left after commit and abort', async () => {
    const own = mkdtempSync(join(folder, 'own-'));
    const one = lab.over({ ...system(), settings: { path: join(own, 'w.duckdb') } }, 't');
    await one.run(STAGE, three(1), two);
    expect(readdirSync(own)).toEqual(['w.duckdb']);
  });

  test('a staged part that is gone or cut is not committed', async () => {
    const session = await lab.driver.connect('cut');
    const opened = await session.open(ADDRESSES, []);
    const token = await session.stage(
      { epoch: 0, task: 0, attempt: 1, columns: two, disposition: 'append' },
      lab.driver.rows(three(1), two),
    );
    const commit = session.commit(lab.driver.epoch('cut', opened, two), [{ ...token, rows: 4 }]);
    await expect(commit).rejects.toMatchObject({ code: 'commit/staging-lost', kind: 'transient' });
    expect(await session.open(ADDRESSES, [])).toMatchObject({ seq: 0, table: null });
    await session.abort('cut');
  });

  test.each([
    ['load', 'destination.load.inside', false],
    ['load', 'destination.load.committed', true],
    ['stage', 'destination.stage.after', false],
    ['stage', 'destination.commit.inside', false],
    ['stage', 'destination.commit.committed', true],
  ] as const)(
    'killed in a %s at %s: committed wholly or not at all, and the next run goes on',
    async (how, fault, committed) => {
      const file = join(folder, `${fault}.duckdb`);
      expect(await crash('duckdb', { path: file }, { how, table: 't', fault: `${fault}=kill` })).toBe('SIGKILL');
      const one = new Driver(
        { ...system(), settings: { path: file }, select: (sql) => lookInto(file, sql) },
        lab.engine,
        't',
        folder,
      );
      const session = await one.connect('run-1');
      const opened = await session.open(ADDRESSES, []);
      expect(opened.commitId).toBe(committed ? 'run-1/t/0' : null);
      await session.abort('run-1');
      if (!committed) await session.load(one.epoch('run-1', opened, two), one.rows(three(0), two));
      expect((await one.select()).map((r) => r.id)).toEqual(['0', '1', '2']);
      expect(readdirSync(folder).filter((name) => name.startsWith(`.${fault}`))).toEqual([]);
    },
  );
});
