import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type EngineProject, engineProject } from './engine.ts';
import { type TestDatabase, testDatabase } from './postgres.ts';

let project: EngineProject;
let db: TestDatabase;

beforeAll(async () => {
  db = await testDatabase();
  project = await engineProject({ WAREHOUSE_URL: db.url });
});
afterAll(async () => {
  await project.close();
  await db.drop();
});

/** YAML of the destination, for both systems that have transactions. */
function into(kind: string, table: string, more = ''): string {
  const place = kind === 'duckdb' ? 'path: out.duckdb' : 'url: ${env:WAREHOUSE_URL}';
  return `destination:\n  type: ${kind}\n  ${place}\n  schema: raw\n  table: ${table}\n${more}`;
}

describe.each(['duckdb', 'postgres'])('%s', (kind) => {
  it('loads a file with a header only as an empty table of the declared types', async () => {
    const yaml = `name: f07_${kind}
source:
  type: local
  path: f07/${kind}/*.csv
columns:
  - name: id
    type: bigint
  - name: qty
    type: decimal(12,2)
${into(kind, 'f07')}`;
    await project.file(`f07/${kind}/a.csv`, 'id,qty\n');
    const first = await project.ok(yaml);
    expect(first.counts).toMatchObject({ rows_read: 0, rows_written: 0 });
    const types = `SELECT column_name, data_type, numeric_precision, numeric_scale FROM information_schema.columns
      WHERE table_schema = 'raw' AND table_name = 'f07' ORDER BY ordinal_position`;
    const expected =
      kind === 'duckdb'
        ? [
            ['id', 'BIGINT', '64', '0'],
            ['qty', 'DECIMAL(12,2)', '12', '2'],
          ]
        : [
            ['id', 'bigint', '64', '0'],
            ['qty', 'numeric', '12', '2'],
          ];
    expect(await project.rows(yaml, types)).toEqual(expected);
    await project.file(`f07/${kind}/b.csv`, 'id,qty\n5,1.10\n');
    expect((await project.ok(yaml)).counts.rows_written).toBe(1);
    expect(await project.rows(yaml, 'SELECT id, qty FROM raw.f07')).toEqual([['5', '1.10']]);
    expect(await project.rows(yaml, types)).toEqual(expected);
    await project.file(`f07/${kind}/c.csv`, '');
    const empty = await project.run(yaml);
    if (empty.error) expect(empty.error.code).toMatch(/^format\//);
    expect(await project.rows(yaml, 'SELECT count(*) FROM raw.f07')).toEqual([['1']]);
  });

  it('keeps every value of 30,000 rows in its own row', async () => {
    const at = (n: number) => new Date(Date.parse('2026-01-01T00:00:00Z') + n * 3_600_000).toISOString().slice(0, 19);
    const lines = Array.from({ length: 30_000 }, (_, n) => `${n},${at(n)}`);
    await project.file(`f31/${kind}/a.csv`, `id,ts\n${lines.join('\n')}\n`);
    const yaml = `name: f31_${kind}
source:
  type: local
  path: f31/${kind}/*.csv
columns:
  - name: id
    type: bigint
  - name: ts
    type: timestamp
${into(kind, 'f31')}`;
    expect((await project.ok(yaml)).counts.rows_written).toBe(30_000);
    const text = kind === 'duckdb' ? `strftime(ts, '%Y-%m-%d %H:%M')` : `to_char(ts, 'YYYY-MM-DD HH24:MI')`;
    expect(
      await project.rows(yaml, `SELECT id, ${text} FROM raw.f31 WHERE id IN (24999, 25000, 29999) ORDER BY id`),
    ).toEqual([
      ['24999', '2028-11-07 15:00'],
      ['25000', '2028-11-07 16:00'],
      ['29999', '2029-06-03 23:00'],
    ]);
    expect(await project.rows(yaml, 'SELECT count(DISTINCT ts), count(DISTINCT id) FROM raw.f31')).toEqual([
      ['30000', '30000'],
    ]);
  });

  describe.each(['append', 'merge'])('a cursor, %s', (disposition) => {
    const key = disposition === 'merge' ? '\n  primary_key: [id]' : '';
    const yaml = (name: string) => `name: ${name}
source:
  type: local
  path: ${name}/*.csv
columns:
  - name: id
    type: bigint
  - name: at
    type: timestamptz
incremental:
  type: cursor
  column: at
${into(kind, name, `  write_disposition: ${disposition}${key}`)}`;

    it('takes rows that share the last value once', async () => {
      const name = `f32_${kind}_${disposition}`;
      const job = yaml(name);
      const ids = () => project.rows(job, `SELECT id FROM raw.${name} ORDER BY id`);
      await project.file(`${name}/ev.csv`, 'id,at\n1,2026-01-01T10:00:00Z\n2,2026-01-01T10:00:05Z\n');
      expect((await project.ok(job)).counts.rows_written).toBe(2);
      await project.file(
        `${name}/ev.csv`,
        'id,at\n1,2026-01-01T10:00:00Z\n2,2026-01-01T10:00:05Z\n3,2026-01-01T10:00:05Z\n',
      );
      await project.ok(job);
      expect(await ids()).toEqual([['1'], ['2'], ['3']]);
      const third = await project.ok(job);
      expect(await ids()).toEqual([['1'], ['2'], ['3']]);
      if (disposition === 'append') expect(third.counts.rows_written).toBe(0);
    });

    it('keeps microseconds', async () => {
      const name = `f34_${kind}_${disposition}`;
      const job = yaml(name);
      const total = async () => (await project.rows(job, `SELECT count(*), count(DISTINCT id) FROM raw.${name}`))[0];
      const rows = 'id,at\n1,2024-05-01 10:00:00.000100+00\n2,2024-05-01 10:00:00.000900+00\n';
      await project.file(`${name}/ev.csv`, rows);
      const first = await project.ok(job);
      expect(first.checkpoint).toMatchObject({ cursor: { value: expect.stringMatching(/\.000900/) } });
      expect(await total()).toEqual(['2', '2']);
      await project.ok(job);
      expect(await total()).toEqual(['2', '2']);
      await project.file(`${name}/ev.csv`, `${rows}3,2024-05-01 10:00:00.000950+00\n`);
      const third = await project.ok(job);
      expect(third.checkpoint).toMatchObject({ cursor: { value: expect.stringMatching(/\.000950/) } });
      expect(await total()).toEqual(['3', '3']);
    });
  });
});

describe('the ledger of files', () => {
  const yaml = (name: string, more = '', incremental = '') => `name: ${name}
source:
  type: local
  path: ${name}/*.csv
${incremental}${into('duckdb', name, more)}`;
  const total = async (job: string, table: string) =>
    (await project.rows(job, `SELECT count(*) FROM raw.${table}`))[0]?.[0];

  it('loads only files that are new', async () => {
    const job = yaml('led');
    await project.file('led/a.csv', 'id\n1\n');
    expect((await project.ok(job)).counts.rows_written).toBe(1);
    await project.file('led/b.csv', 'id\n2\n3\n');
    expect((await project.ok(job)).counts.rows_written).toBe(2);
    const third = await project.ok(job);
    expect(third.outcome?.empty).toBe(true);
    expect(await total(job, 'led')).toBe('3');
  });

  it('refuses a file that changed where rows are appended', async () => {
    const job = yaml('led_fail');
    await project.file('led_fail/a.csv', 'id\n1\n');
    await project.ok(job);
    await project.file('led_fail/a.csv', 'id\n1\n2\n');
    expect((await project.run(job)).error).toMatchObject({
      code: 'source/file-changed',
      where: { path: 'led_fail/a.csv' },
    });
    expect(await total(job, 'led_fail')).toBe('1');
  });

  it('leaves a file that changed alone where it is told to', async () => {
    const job = yaml('led_ignore', '', 'incremental:\n  type: files\n  on_change: ignore\n');
    await project.file('led_ignore/a.csv', 'id\n1\n');
    await project.ok(job);
    await project.file('led_ignore/a.csv', 'id\n1\n2\n');
    expect((await project.ok(job)).outcome?.empty).toBe(true);
    expect(await total(job, 'led_ignore')).toBe('1');
  });

  it('reads a file that changed again in a merge', async () => {
    const job = yaml('led_merge', '  write_disposition: merge\n  primary_key: [id]\n');
    await project.file('led_merge/a.csv', 'id,v\n1,a\n');
    await project.ok(job);
    await project.file('led_merge/a.csv', 'id,v\n1,b\n2,c\n');
    await project.ok(job);
    expect(await project.rows(job, 'SELECT id, v FROM raw.led_merge ORDER BY id')).toEqual([
      ['1', 'b'],
      ['2', 'c'],
    ]);
  });

  it('starts over with --full-refresh, in the place of what was there', async () => {
    const job = yaml('led_full');
    await project.file('led_full/a.csv', 'id\n1\n');
    await project.ok(job);
    await project.file('led_full/b.csv', 'id\n2\n');
    await project.ok(job);
    expect((await project.ok(job, { fullRefresh: true })).counts.rows_written).toBe(2);
    expect(await total(job, 'led_full')).toBe('2');
    expect((await project.ok(job)).outcome?.empty).toBe(true);
    await project.remove('led_full/b.csv');
    await project.ok(job, { fullRefresh: true });
    expect(await total(job, 'led_full')).toBe('1');
  });

  it('goes with the job when it is renamed', async () => {
    await project.file('led_old/a.csv', 'id\n1\n');
    await project.ok(yaml('led_old'));
    const renamed = `name: led_new
renamed_from: [led_old]
source:
  type: local
  path: led_old/*.csv
${into('duckdb', 'led_old')}`;
    expect((await project.ok(renamed)).outcome?.empty).toBe(true);
    expect(await total(renamed, 'led_old')).toBe('1');
  });

  it('is forgotten where the source is another', async () => {
    const job = (root: string) => `name: led_moved
source:
  type: local
  root: ${root}
  path: '*.csv'
${into('duckdb', 'led_moved', '  write_disposition: merge\n  primary_key: [id]\n')}`;
    await project.file('moved_a/a.csv', 'id,v\n1,a\n');
    await project.ok(job('moved_a'));
    await project.file('moved_b/a.csv', 'id,v\n1,b\n2,b\n');
    const second = await project.ok(job('moved_b'));
    expect(second.counts.rows_written).toBe(2);
    expect(second.logs.some((l) => l.level === 'warn')).toBe(true);
    expect((await project.ok(job('moved_b'))).outcome?.empty).toBe(true);
  });

  it('commits nothing and keeps a replaced table where no file is there', async () => {
    const job = (policy: string) => `name: led_none
source:
  type: local
  path: led_none/*.csv
  on_no_data: ${policy}
${into('duckdb', 'led_none', '  write_disposition: replace\n')}`;
    await project.file('led_none/a.csv', 'id\n1\n');
    await project.ok(job('succeed'));
    await project.remove('led_none/a.csv');
    expect((await project.ok(job('succeed'))).outcome?.empty).toBe(true);
    expect((await project.run(job('fail'))).error?.code).toBe('source/no-data');
    expect(await total(job('succeed'), 'led_none')).toBe('1');
  });
});
