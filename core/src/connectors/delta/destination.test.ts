import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { LogView } from '../../../test/delta-log.ts';
import { noDeltalake, readWithPython } from '../../../test/deltalake.ts';
import { ADDRESSES, type SystemUnderTest } from '../../../test/destination-driver.ts';
import { destinationFixture, LOAD, lookInto, STAGE, three, two } from '../../../test/destination-fixture.ts';
import { destinationSuite } from '../../../test/destination-suite.ts';
import { destinations } from '../../registry.ts';

const folder = mkdtempSync(join(tmpdir(), 'sluice-delta-'));
const out = join(folder, 'out');
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const delta = await destinations.delta!.load();

/** The tables as their logs alone tell of them: the files that no later line takes out. */
function select(sql: string): Promise<Record<string, string | null>[]> {
  return lookInto(':memory:', sql, async (connection) => {
    await connection.run('CREATE SCHEMA raw');
    for (const name of readdirSync(out).filter((n) => sql.includes(`"${n}"`)))
      await connection.run(`CREATE VIEW raw."${name}" AS ${new LogView(join(out, name)).sql()}`);
    if (sql.includes('_quarantine'))
      await connection.run(
        `CREATE VIEW raw._sluice_quarantine AS SELECT * FROM read_parquet('${out}/*/_sluice/quarantine/*.parquet')`,
      );
  });
}

const system = (more: object = {}): SystemUnderTest => ({
  destination: delta,
  settings: (table) => ({ path: join(out, table), ...more }),
  schema: 'raw',
  select,
});

destinationSuite('delta', () => system());

describe('delta alone', () => {
  const lab = destinationFixture(() => system());
  const place = () => join(out, lab.driver.table);
  const log = () => new LogView(place());
  const ids = async () => (await lab.driver.select('id')).map((r) => Number(r.id));

  test('a commit is one file of the log, with statistics and the stream’s own numbers', async () => {
    await lab.driver.run(LOAD, three(1), two);
    await lab.driver.run(STAGE, three(4), two);
    const { versions, files } = log();
    expect(versions).toHaveLength(2);
    const txns = versions.flat().flatMap(({ txn }) => (txn ? [[txn.appId, txn.version]] : []));
    const app = `p/t/orders_job/${lab.driver.table}`;
    expect(txns).toEqual([
      [`sluice/${app}`, 1],
      [`sluice-fence/${app}`, 1],
      [`sluice/${app}`, 2],
      [`sluice-fence/${app}`, 2],
    ]);
    expect(versions[0]?.find((line) => line.protocol)?.protocol).toEqual({ minReaderVersion: 1, minWriterVersion: 2 });
    const [first] = files.values();
    expect(JSON.parse(first?.stats ?? '')).toEqual({
      numRecords: 3,
      minValues: { id: 1, s: 'v1' },
      maxValues: { id: 3, s: 'v3' },
      nullCount: { id: 0, s: 0 },
    });
    expect(readdirSync(join(place(), '_sluice'))).toEqual(['streams']);
  });

  test('other writers that are faster cost a try and nothing else', async () => {
    await lab.driver.run(LOAD, three(1), two);
    const one = await lab.driver.connect('one');
    const opened = await one.open(ADDRESSES, []);
    const rows = lab.driver.rows(three(4), two);
    // Another stream merges into the table at the last moment: key 4 is new to both.
    const other = lab.over(system());
    other.job = 'another';
    rows.gate = async () => {
      const sql = `SELECT unnest([1, 4])::INT AS id, 'other' AS s`;
      await other.run(LOAD, sql, two, { disposition: 'merge', more: { primaryKey: ['id'] } });
    };
    const more = { disposition: 'merge' as const, primaryKey: ['id'] };
    lab.driver.use = { write_disposition: 'merge' };
    const merging = await lab.driver.connect('one');
    const result = await merging.load(lab.driver.epoch('one', opened, two, more), rows);
    expect(result).toMatchObject({ rows_written: 3, rows_inserted: 2, rows_updated: 1 });
    expect(await lab.driver.select()).toEqual([
      { id: '1', s: 'other' },
      { id: '2', s: 'v2' },
      { id: '3', s: 'v3' },
      { id: '4', s: 'v4' },
      { id: '5', s: 'v5' },
      { id: '6', s: 'v6' },
    ]);
    await one.close();
    await merging.close();
  });

  test('a merge writes only files anew that hold its keys', async () => {
    const load = (from: number, disposition: 'append' | 'merge') =>
      lab.driver.run(LOAD, `SELECT (${from} + range)::INT AS id, 'n' AS s FROM range(3)`, two, {
        disposition,
        more: { primaryKey: ['id'] },
      });
    for (const from of [1, 11, 21]) await load(from, 'append');
    const before = [...log().files.keys()];
    // A file that is gone would be missed if it were looked into.
    rmSync(join(place(), before[0] as string));
    expect(await load(12, 'merge')).toMatchObject({ rows_updated: 2, rows_inserted: 1 });
    const after = [...log().files.keys()];
    expect(after.slice(0, 2)).toEqual([before[0], before[2]]);
    expect(after).toHaveLength(3);
  });

  test('many streams append to one table at once, and every row is there once', async () => {
    const appends = Array.from({ length: 6 }, (_, n) => {
      const own = lab.over(system());
      own.job = `job_${n}`;
      return own.run(LOAD, three(1 + n * 3), two);
    });
    await Promise.all(appends);
    expect(await ids()).toEqual(Array.from({ length: 18 }, (_, n) => n + 1));
    expect(log().versions).toHaveLength(6);
    expect(readdirSync(join(place(), '_sluice'))).toEqual(['streams']);
    // Tasks of one run make and leave the same folders.
    const session = await lab.driver.connect('side');
    const opened = await session.open(ADDRESSES, []);
    const stage = (task: number) =>
      session.stage(
        { epoch: 0, task, attempt: 1, columns: two, disposition: 'append' },
        lab.driver.rows(three(100 + task * 3), two),
      );
    const tokens = await Promise.all(Array.from({ length: 12 }, (_, task) => stage(task)));
    await session.commit(lab.driver.epoch('side', opened, two), tokens);
    expect(await ids()).toHaveLength(18 + 36);
    await session.close();
  });

  test('a holder that slept through a takeover cannot commit, whenever it wakes', async () => {
    const old = await lab.driver.connect('old');
    const opened = await old.open(ADDRESSES, []);
    const rows = lab.driver.rows(three(1), two);
    // The gate is the last thing before the commit: a newer run opens and commits meanwhile.
    rows.gate = async () => {
      const young = await lab.driver.connect('young');
      const next = await young.open(ADDRESSES, []);
      await young.load(lab.driver.epoch('young', next, two), lab.driver.rows(three(4), two));
      await young.close();
    };
    await expect(old.load(lab.driver.epoch('old', opened, two), rows)).rejects.toMatchObject({ code: 'commit/fenced' });
    await old.abort('old');
    expect(await ids()).toEqual([4, 5, 6]);
    const data = readdirSync(place()).filter((name) => name.endsWith('.parquet'));
    expect(data).toEqual([...log().files.keys()]);
    await old.close();
  });

  test('an abort after the commit takes nothing back', async () => {
    const session = await lab.driver.connect('late');
    const opened = await session.open(ADDRESSES, []);
    const request = { epoch: 0, task: 0, attempt: 1, columns: two, disposition: 'append' as const };
    const quarantine = `SELECT 'type/value' AS code, 'r' AS reason, 'in.csv' AS path, 7::BIGINT AS row_number, NULL::BIGINT AS byte_offset, 'x' AS "row"`;
    const token = await session.stage(request, lab.driver.rows(three(1), two, quarantine));
    // What a process that dies right behind its commit leaves: the list of what it staged.
    const staging = join(place(), '_sluice', 'staging');
    cpSync(staging, `${staging}-kept`, { recursive: true });
    await session.commit(lab.driver.epoch('late', opened, two), [token]);
    cpSync(`${staging}-kept`, staging, { recursive: true });
    rmSync(`${staging}-kept`, { recursive: true });
    const next = await lab.driver.connect('next');
    await next.open(ADDRESSES, []);
    await next.abort('late');
    expect(await ids()).toEqual([1, 2, 3]);
    expect(await next.quarantineGroups?.()).toMatchObject([{ code: 'type/value', rows: 1 }]);
    expect(readdirSync(join(place(), '_sluice')).sort()).toEqual(['quarantine', 'streams']);
    await next.close();
    await session.close();
  });

  test('rows set aside are listed, taken in again once, and go after their time', async () => {
    const aside = (n: number) =>
      `SELECT 'type/value' AS code, 'r' AS reason, 'in.csv' AS path, (${n} + range)::BIGINT AS row_number, NULL::BIGINT AS byte_offset, '{"id":"x"}' AS "row" FROM range(2)`;
    await lab.driver.run(LOAD, three(1), two, { quarantine: aside(1) });
    await lab.driver.run(STAGE, three(4), two, { quarantine: aside(11) });
    const session = await lab.driver.connect('replay');
    expect(await session.quarantineGroups?.()).toMatchObject([{ code: 'type/value', rows: 4, replayed: 0 }]);
    const page = { limit: 10, offset: 0 };
    const open = await session.quarantined?.({ open: true, entry: 'source', runs: ['run-1'] }, page);
    expect(open?.map((row) => row.row_number)).toEqual([1, 2]);
    const opened = await session.open(ADDRESSES, []);
    const replays = { entry: 'source' as const, runs: ['run-1'], rows: 3 };
    const wrong = session.load(lab.driver.epoch('replay', opened, two, { replays }), lab.driver.rows(three(7), two));
    await expect(wrong).rejects.toMatchObject({ code: 'commit/replay', kind: 'transient' });
    await session.abort('replay');
    const right = lab.driver.epoch('replay', opened, two, { replays: { ...replays, rows: 2 } });
    await session.load(right, lab.driver.rows(three(7), two));
    expect(await session.quarantineGroups?.()).toMatchObject([{ rows: 4, replayed: 2 }]);
    expect(await ids()).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    // What the state says of their age is all that makes them go.
    const home = join(place(), '_sluice', 'streams');
    const states = join(home, readdirSync(home)[0] as string, 'state');
    const newest = join(states, readdirSync(states).sort().at(-1) as string);
    const state = JSON.parse(readFileSync(newest, 'utf8'));
    writeFileSync(
      newest,
      JSON.stringify({ ...state, quarantine: state.quarantine.map((q: object) => ({ ...q, since: 0 })) }),
    );
    await lab.driver.run(LOAD, three(10), two, { quarantine: aside(21) });
    expect(await session.quarantineGroups?.()).toMatchObject([{ rows: 6 }]);
    const { rows } = await session.query('SELECT count(DISTINCT run_id) FROM raw._sluice_quarantine');
    expect(rows).toEqual([[3]]);
    await session.close();
  });

  test.skipIf(noDeltalake)('a long history is opened by its checkpoint, here and by another program', async () => {
    for (let n = 0; n < 22; n++) await lab.driver.run(LOAD, `SELECT ${n}::INT AS id, 'v' AS s`, two);
    const folder = join(place(), '_delta_log');
    const names = readdirSync(folder);
    expect(names.filter((name) => name.includes('checkpoint')).sort()).toEqual([
      '00000000000000000020.checkpoint.parquet',
      '_last_checkpoint',
    ]);
    for (const name of names) if (/^0+(\d|1\d)\.json$/.test(name)) rmSync(join(folder, name));
    const numbers = Array.from({ length: 23 }, (_, n) => String(n));
    expect((await readWithPython(place())).rows.map((row) => row.id)).toEqual(numbers.slice(0, 22));
    await lab.driver.run(STAGE, `SELECT 22::INT AS id, 'v' AS s`, two);
    expect((await readWithPython(place())).rows.map((row) => row.id)).toEqual(numbers);
    // Word of a checkpoint that is not there is no end.
    writeFileSync(join(folder, '_last_checkpoint'), '{"version":99,"size":1}');
    const session = await lab.driver.connect('look');
    const { rows } = await session.query(`SELECT count(*), max(id) FROM raw."${lab.driver.table}"`);
    expect(rows).toEqual([[23, 22]]);
    await session.close();
  });

  test('a file that is gone before its commit is told, and nothing is committed', async () => {
    const session = await lab.driver.connect('gone');
    const opened = await session.open(ADDRESSES, []);
    const request = { epoch: 0, task: 0, attempt: 1, columns: two, disposition: 'append' as const };
    const token = await session.stage(request, lab.driver.rows(three(1), two));
    for (const name of readdirSync(place())) if (name.endsWith('.parquet')) rmSync(join(place(), name));
    const commit = session.commit(lab.driver.epoch('gone', opened, two), [token]);
    await expect(commit).rejects.toMatchObject({ code: 'commit/staging-lost', kind: 'transient' });
    expect(await session.open(ADDRESSES, [])).toMatchObject({ seq: 0, table: null });
    await session.close();
  });

  test('files end at the size that is asked for', async () => {
    const own = lab.over(system({ target_file_size: '1MB' }));
    const sql = `SELECT range::INT AS id, md5(range::VARCHAR) AS s FROM range(400000)`;
    await own.run(LOAD, sql, two);
    expect(log().files.size).toBeGreaterThan(1);
    expect((await lab.driver.select('count(*)::INT AS n, count(DISTINCT id)::INT AS d', ''))[0]).toEqual({
      n: '400000',
      d: '400000',
    });
  });
});
