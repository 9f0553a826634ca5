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

type Kind = 'duckdb' | 'postgres';

function job(name: string, kind: Kind, parts: { top?: string; destination?: string; workers?: number } = {}): string {
  const place = kind === 'duckdb' ? `path: ${name}.duckdb` : 'url: ${env:WAREHOUSE_URL}';
  const workers = parts.workers ?? 1;
  return `name: ${name}
source:
  type: local
  path: ${name}/*.csv
${parts.top ?? ''}destination:
  type: ${kind}
  ${place}
  schema: raw
  table: ${name}
${parts.destination ?? ''}limits:
  max_rejected:
    ratio: 1
compute:
  workers:
    min: ${workers}
    max: ${workers}
`;
}

const contract = (part: string, mode: string) => `  schema_contract:\n    ${part}: ${mode}\n`;

async function typesOf(yaml: string, table: string): Promise<Record<string, string>> {
  const rows = await project.rows(
    yaml,
    `SELECT column_name, lower(data_type) FROM information_schema.columns WHERE table_schema = 'raw' AND table_name = '${table}' ORDER BY ordinal_position`,
  );
  const same: Record<string, string> = { varchar: 'text', 'double precision': 'double' };
  return Object.fromEntries(rows.map(([name, type]) => [name, same[type ?? ''] ?? type]));
}

const QUARANTINE = (name: string) =>
  `SELECT code, path, row_number FROM raw._sluice_quarantine WHERE job = '${name}' ORDER BY row_number`;

describe.each(['duckdb', 'postgres'] as const)('%s', (kind) => {
  describe.each([1, 2])('%d tasks', (workers) => {
    const setUp = async (label: string, second: string, destination: string) => {
      const name = `${label}_${kind}_${workers}`;
      await project.file(`${name}/a.csv`, 'id,v\n1,10\n2,20\n');
      await project.ok(job(name, kind, { workers }));
      await project.file(`${name}/b.csv`, second);
      await project.file(`${name}/c.csv`, `${second.split('\n', 1)[0]}\n`);
      const yaml = job(name, kind, { workers, destination });
      return { name, yaml, result: await project.run(yaml) };
    };
    const all = (yaml: string, name: string, columns: string) =>
      project.rows(yaml, `SELECT ${columns} FROM raw.${name} ORDER BY id`);

    describe('a column that the table does not have', () => {
      const second = 'id,v,extra\n3,30,x\n4,40,\n';

      it('is added: evolve', async () => {
        const { name, yaml, result } = await setUp('c_evolve', second, contract('columns', 'evolve'));
        expect(result.error).toBeNull();
        expect(await all(yaml, name, 'id, extra')).toEqual([
          ['1', null],
          ['2', null],
          ['3', 'x'],
          ['4', null],
        ]);
      });

      it('fails the stream: freeze', async () => {
        const { name, yaml, result } = await setUp('c_freeze', second, contract('columns', 'freeze'));
        expect(result.error).toMatchObject({ code: 'schema/frozen', kind: 'data', where: { column: 'extra' } });
        expect(await all(yaml, name, 'id')).toEqual([['1'], ['2']]);
      });

      it('is left out: discard_value', async () => {
        const { name, yaml, result } = await setUp('c_value', second, contract('columns', 'discard_value'));
        expect(result.counts).toMatchObject({ rows_read: 2, rows_written: 2, rows_rejected: 0 });
        expect(Object.keys(await typesOf(yaml, name))).toEqual(['id', 'v']);
      });

      it.each(['discard_row', 'quarantine'])('takes its rows out: %s', async (mode) => {
        const { name, yaml, result } = await setUp(`c_${mode}`, second, contract('columns', mode));
        const aside = mode === 'quarantine' ? 1 : 0;
        expect(result.error).toBeNull();
        expect(result.counts).toMatchObject({
          rows_read: 2,
          rows_written: 1,
          rows_rejected: 1,
          rows_quarantined: aside,
        });
        expect(await all(yaml, name, 'id')).toEqual([['1'], ['2'], ['4']]);
        expect(Object.keys(await typesOf(yaml, name))).toEqual(['id', 'v']);
        expect(await project.rows(yaml, QUARANTINE(name))).toEqual(
          aside ? [['schema/contract', `${name}/b.csv`, '1']] : [],
        );
      });
    });

    describe("a value that the table's type does not hold", () => {
      const second = 'id,v\n3,x\n4,40\n';

      it('alters the column: evolve', async () => {
        const { name, yaml, result } = await setUp('t_evolve', second, contract('data_type', 'evolve'));
        expect(result.error).toBeNull();
        expect(await typesOf(yaml, name)).toMatchObject({ v: 'text' });
        expect(await all(yaml, name, 'id, v')).toEqual([
          ['1', '10'],
          ['2', '20'],
          ['3', 'x'],
          ['4', '40'],
        ]);
      });

      it('fails the stream: freeze', async () => {
        const { name, yaml, result } = await setUp('t_freeze', second, contract('data_type', 'freeze'));
        expect(result.error).toMatchObject({ code: 'schema/frozen', where: { column: 'v', row: 1 } });
        expect(result.error?.where.path).toMatch(/\.csv$/);
        expect(await all(yaml, name, 'id')).toEqual([['1'], ['2']]);
      });

      it('becomes null: discard_value', async () => {
        const { name, yaml, result } = await setUp('t_value', second, contract('data_type', 'discard_value'));
        expect(result.counts).toMatchObject({ rows_read: 2, rows_written: 2 });
        expect(await all(yaml, name, 'id, v')).toEqual([
          ['1', '10'],
          ['2', '20'],
          ['3', null],
          ['4', '40'],
        ]);
      });

      it.each(['discard_row', 'quarantine'])('takes its row out: %s', async (mode) => {
        const { name, yaml, result } = await setUp(`t_${mode}`, second, contract('data_type', mode));
        const aside = mode === 'quarantine' ? 1 : 0;
        expect(result.counts).toMatchObject({
          rows_read: 2,
          rows_written: 1,
          rows_rejected: 1,
          rows_quarantined: aside,
        });
        expect(await all(yaml, name, 'id, v')).toEqual([
          ['1', '10'],
          ['2', '20'],
          ['4', '40'],
        ]);
        expect(await project.rows(yaml, QUARANTINE(name))).toEqual(
          aside ? [['schema/contract', `${name}/b.csv`, '1']] : [],
        );
      });
    });
  });

  it('takes narrower rows under the types of the table', async () => {
    const name = `narrow_${kind}`;
    await project.file(`${name}/a.csv`, 'id,v\n1,1.5\n2,x\n');
    const yaml = job(name, kind);
    await project.ok(yaml);
    await project.file(`${name}/b.csv`, 'id,v\n3,007\n4,2\n');
    await project.ok(yaml);
    expect(await project.rows(yaml, `SELECT id, v FROM raw.${name} ORDER BY id`)).toEqual([
      ['1', '1.5'],
      ['2', 'x'],
      ['3', '007'],
      ['4', '2'],
    ]);
  });

  it('leaves a column of the table that the rows do not have null', async () => {
    const name = `fewer_${kind}`;
    await project.file(`${name}/a.csv`, 'id,v\n1,a\n');
    const yaml = job(name, kind);
    await project.ok(yaml);
    await project.file(`${name}/b.csv`, 'id\n2\n');
    await project.ok(yaml);
    expect(await project.rows(yaml, `SELECT id, v FROM raw.${name} ORDER BY id`)).toEqual([
      ['1', 'a'],
      ['2', null],
    ]);
  });
});

describe('a value beyond the sample', () => {
  const many = (n: number, last: string) =>
    `id,v\n${Array.from({ length: n }, (_, i) => `${i},${i}\n`).join('')}${n},${last}\n`;

  it.each([
    ['duckdb', 1],
    ['duckdb', 3],
    ['postgres', 3],
  ] as const)('widens an inferred type for all rows (%s, %d tasks)', async (kind, workers) => {
    const name = `wide_${kind}_${workers}`;
    const n = 30_000;
    await project.file(`${name}/a.csv`, 'id,v\n-1,5\n');
    await project.file(`${name}/b.csv`, many(n, '0042'));
    await project.file(`${name}/c.csv`, 'id,v\n-2,6\n');
    const yaml = job(name, kind, { workers });
    const result = await project.ok(yaml);
    expect(result.counts).toMatchObject({ rows_read: n + 3, rows_written: n + 3 });
    expect(await typesOf(yaml, name)).toEqual({ id: 'bigint', v: 'text' });
    expect(await project.rows(yaml, `SELECT id, v FROM raw.${name} WHERE id < 1 OR id = ${n} ORDER BY id`)).toEqual([
      ['-2', '6'],
      ['-1', '5'],
      ['0', '0'],
      [String(n), '0042'],
    ]);
  });

  it('ends at text where no type of numbers holds both files', async () => {
    const name = 'wide_both';
    await project.file(`${name}/a.csv`, 'id,v\n1,1.123456789012345678\n');
    const yaml = job(name, 'duckdb', { workers: 1, destination: '  schema_contract:\n    data_type: evolve\n' });
    await project.ok(yaml);
    expect(await typesOf(yaml, name)).toEqual({ id: 'bigint', v: 'decimal(38,18)' });
    await project.file(`${name}/b.csv`, 'id,v\n2,1000000000000000000000000\n');
    await project.ok(yaml);
    expect(await project.rows(yaml, `SELECT v FROM raw.${name} ORDER BY id`)).toEqual([
      ['1.123456789012345678'],
      ['1000000000000000000000000'],
    ]);
  });

  it('does not round what a widened column cannot hold', async () => {
    const name = 'wide_stored';
    await project.file(`${name}/a.csv`, 'id,v\n1,9007199254740993\n');
    const yaml = job(name, 'duckdb', { workers: 1, destination: '  schema_contract:\n    data_type: evolve\n' });
    await project.ok(yaml);
    await project.file(`${name}/b.csv`, 'id,v\n2,1e-20\n');
    const { error } = await project.run(yaml);
    expect(error).toMatchObject({ code: 'type/value', where: { column: 'v' } });
    await project.file(`${name}/b.csv`, 'id,v\n2,1.5\n');
    await project.ok(yaml);
    const rows = await project.rows(yaml, `SELECT v FROM raw.${name} ORDER BY id`);
    expect(rows.map(([v]) => v)).toEqual(['9007199254740993.000000000000000', '1.500000000000000']);
  });

  it.each([1, 3])('is a bad row under a declared type (%d tasks)', async (workers) => {
    const name = `declared_${workers}`;
    const n = 30_000;
    for (const part of ['a', 'c']) await project.file(`${name}/${part}.csv`, 'id,v\n-1,5\n');
    await project.file(`${name}/b.csv`, many(n, 'x'));
    const yaml = job(name, 'duckdb', { workers, top: 'columns:\n  - name: v\n    type: bigint\n' });
    const { error } = await project.run(yaml);
    expect(error).toMatchObject({ code: 'type/value', where: { path: `${name}/b.csv`, row: n + 1, column: 'v' } });
  });

  it('widens while a merge goes on', async () => {
    const name = 'wide_merge';
    await project.file(`${name}/a.csv`, many(30_000, 'x'));
    const yaml = job(name, 'duckdb', { workers: 2, destination: '  write_disposition: merge\n  primary_key: [id]\n' });
    await project.file(`${name}/b.csv`, 'id,v\n5,five\n');
    const result = await project.ok(yaml);
    expect(result.counts).toMatchObject({ rows_read: 30_002, rows_written: 30_001, rows_filtered: 1 });
    expect(await project.rows(yaml, `SELECT v FROM raw.${name} WHERE id IN (5, 30000) ORDER BY id`)).toEqual([
      ['five'],
      ['x'],
    ]);
  });
});

describe('a header that moves', () => {
  it.each([1, 3])('in files that were not looked at first (%d tasks)', async (workers) => {
    const name = `moved_${workers}`;
    for (let i = 0; i < 40; i++) {
      const late = i === 17 || i === 30;
      await project.file(`${name}/${String(i).padStart(2, '0')}.csv`, late ? `t${i},ID\nx,${i}\n` : `id\n${i}\n`);
    }
    const yaml = `name: ${name}
source:
  type: local
  path: ${name}/*.csv
destination:
  type: duckdb
  path: ${name}.duckdb
compute:
  workers:
    min: ${workers}
    max: ${workers}
`;
    await project.ok(yaml);
    const [row] = await project.rows(yaml, `SELECT count(*), sum(id), count(t17), count(t30) FROM ${name}`);
    expect(row).toEqual(['40', '780', '1', '1']);
  });
});
