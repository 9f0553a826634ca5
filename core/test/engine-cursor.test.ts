import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type EngineProject, engineProject } from './engine.ts';

let project: EngineProject;

beforeAll(async () => {
  project = await engineProject();
});
afterAll(async () => {
  await project.close();
});

interface JobParts {
  columns?: string;
  cursor?: string;
  destination?: string;
}

function job(name: string, { columns = '', cursor = 'column: upd', destination = '' }: JobParts = {}): string {
  return `name: ${name}
source:
  type: local
  path: ${name}.csv
columns:
  - name: id
    type: int
    primary_key: true
${columns}incremental:
  type: cursor
  ${cursor}
destination:
  type: duckdb
  path: out.duckdb
${destination}`;
}

const TIME = '  - name: upd\n    type: timestamptz\n';

describe('rows without a cursor', () => {
  it('come with every merge', async () => {
    const yaml = job('nulls_merge', { columns: TIME, destination: '  write_disposition: merge\n' });
    await project.file('nulls_merge.csv', 'id,upd\n1,\n2,\n3,2024-09-18T02:00:00Z\n');
    expect((await project.ok(yaml)).counts.rows_written).toBe(3);
    await project.file('nulls_merge.csv', 'id,upd\n1,\n2,2024-09-18T03:00:00Z\n3,2024-09-18T02:00:00Z\n4,\n');
    await project.ok(yaml);
    const rows = await project.rows(yaml, 'SELECT id, upd IS NULL FROM nulls_merge ORDER BY id');
    expect(rows).toEqual([
      ['1', 'true'],
      ['2', 'false'],
      ['3', 'false'],
      ['4', 'true'],
    ]);
  });

  it('come with the first append, and are counted and said later', async () => {
    const yaml = job('nulls_append', { columns: TIME });
    await project.file('nulls_append.csv', 'id,upd\n1,\n2,2024-09-18T02:00:00Z\n');
    await project.ok(yaml);
    await project.file('nulls_append.csv', 'id,upd\n1,\n2,2024-09-18T02:00:00Z\n3,\n4,2024-09-18T03:00:00Z\n');
    const second = await project.ok(yaml);
    expect(second.counts).toMatchObject({ rows_written: 1, rows_filtered: 3 });
    expect(second.logs.filter((l) => l.level === 'warn').map((l) => l.message)).toEqual([
      '2 rows without a value of upd were left out',
    ]);
  });
});

it('the same rows are the same checkpoint, in whatever order they are read', async () => {
  const yaml = job('alike', { columns: TIME });
  const rows = Array.from({ length: 200 }, (_, i) => `${i},2024-05-01T10:00:00.000100Z`);
  await project.file('alike.csv', `id,upd\n${rows.join('\n')}\n`);
  const { checkpoint } = await project.ok(yaml);
  const ties = (checkpoint as { cursor: { ties: string[] } }).cursor.ties;
  expect(ties).toHaveLength(200);
  expect(ties).toEqual(ties.toSorted());
  await project.file('alike.csv', `id,upd\n${rows.reverse().join('\n')}\n`);
  expect(await project.ok(yaml)).toMatchObject({ counts: { rows_written: 0 }, checkpoint });
});

it('a row at the cursor is told from a new one, also where columns tell of the run', async () => {
  const yaml = job('ties', {
    columns: `${TIME}  - name: loaded\n    metadata: loaded_at\n  - name: run\n    metadata: run_id\n  - name: nr\n    metadata: row_number\n`,
  });
  await project.file('ties.csv', 'id,upd\n1,2024-05-01T10:00:00.000100Z\n2,2024-05-01T10:00:00.000900Z\n');
  const first = await project.ok(yaml);
  expect(first.checkpoint).toMatchObject({ cursor: { value: '2024-05-01T10:00:00.000900Z' } });
  expect((await project.ok(yaml)).counts.rows_written).toBe(0);
  await project.file(
    'ties.csv',
    'id,upd\n0,2024-05-01T10:00:00.000900Z\n1,2024-05-01T10:00:00.000100Z\n2,2024-05-01T10:00:00.000900Z\n3,2024-05-01T10:00:00.000950Z\n',
  );
  const third = await project.ok(yaml);
  expect(third.counts.rows_written).toBe(2);
  expect(third.checkpoint).toMatchObject({ cursor: { value: '2024-05-01T10:00:00.000950Z' } });
  expect((await project.ok(yaml)).counts.rows_written).toBe(0);
});

it.each([
  ['int', '10', ['9', '10', '11']],
  ['bigint', '9007199254740993', ['9007199254740992', '9007199254740993', '9007199254740994']],
  ['decimal(20,4)', '1.0001', ['1.0000', '1.0001', '1.0002']],
  ['double', '1e3', ['999.5', '1000', '1000.5']],
  ['date', '2024-02-29', ['2024-02-28', '2024-02-29', '2024-03-01']],
  ['timestamp', '2024-02-29 12:00', ['2024-02-29 11:59:59.999999', '2024-02-29 12:00:00', '2024-02-29 12:00:01']],
  [
    'timestamptz',
    '2024-02-29T12:00:00+02:00',
    ['2024-02-29T09:59:59Z', '2024-02-29T10:00:00Z', '2024-02-29T10:00:01Z'],
  ],
  ['text', 'b', ['a', 'b', 'c']],
  [
    'uuid',
    '00000000-0000-0000-0000-000000000002',
    ['1', '2', '3'].map((n) => `00000000-0000-0000-0000-00000000000${n}`),
  ],
])('initial_value of a cursor of %s', async (type, start, values) => {
  const name = `start_${type.replaceAll(/\W/g, '')}`;
  const yaml = job(name, {
    columns: `  - name: upd\n    type: "${type}"\n`,
    cursor: `column: upd\n  initial_value: "${start}"`,
  });
  await project.file(`${name}.csv`, `id,upd\n${values.map((value, i) => `${i},${value}`).join('\n')}\n`);
  const first = await project.ok(yaml);
  expect(first.counts).toMatchObject({ rows_read: 3, rows_written: 2, rows_filtered: 1 });
  expect((await project.ok(yaml)).counts.rows_written).toBe(0);
});

it.each([
  ['timestamptz', '2024-05-01', '2024-05-02', "'infinity'"],
  ['date', '2024-05-01', '2024-05-02', "'infinity'"],
  ['double', '1', '2', "'nan'"],
])('an infinite value of a %s is loaded once and hides no later row', async (type, first, later, never) => {
  const name = `never_${type}`;
  const fill = async (rows: string) => {
    const { DuckDBInstance } = await import('@duckdb/node-api');
    const instance = await DuckDBInstance.create(':memory:');
    const connection = await instance.connect();
    const typed = `SELECT id, CAST(v AS ${type}) AS upd FROM (VALUES ${rows}) t(id, v)`;
    await connection.run(`COPY (${typed}) TO '${project.dir}/${name}.parquet'`);
    connection.closeSync();
    instance.closeSync();
  };
  const yaml = job(name).replace('.csv', '.parquet').replace('    primary_key: true\n', '');
  await fill(`(1, '${first}'), (2, ${never})`);
  await project.ok(yaml);
  await fill(`(1, '${first}'), (2, ${never}), (3, '${later}')`);
  await project.ok(yaml);
  await project.ok(yaml);
  expect(await project.rows(yaml, `SELECT id FROM ${name} ORDER BY id`)).toEqual([['1'], ['2'], ['3']]);
});

it('an initial_value that is no value of the column is refused', async () => {
  const yaml = job('bad_start', { cursor: 'column: upd\n  initial_value: soon' });
  await project.file('bad_start.csv', 'id,upd\n1,2024-05-01\n');
  expect((await project.run(yaml)).error?.code).toBe('cursor/initial-value');
});
