import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type EngineProject, engineProject } from './engine.ts';

let project: EngineProject;
beforeAll(async () => {
  project = await engineProject();
});
afterAll(() => project.close());

describe('deletes', () => {
  const job = (name: string, mode: string, workers = 1) => `name: ${name}
source:
  type: local
  path: ${name}/*.csv
destination:
  type: duckdb
  path: ${name}.duckdb
  write_disposition: merge
  primary_key: [id]
  deletes:
    when: op = 'D'
${mode}compute:
  workers: {min: ${workers}, max: ${workers}}
`;

  it.each([1, 2])(
    'a row that the condition meets deletes that of its key; the last row of a key decides (%d tasks)',
    async (workers) => {
      const name = `hard_${workers}`;
      await project.file(`${name}/a.csv`, 'id,op,v\n1,I,a\n2,I,b\n3,I,c\n4,,d\n');
      const yaml = job(name, '', workers);
      await project.ok(yaml);
      await project.file(`${name}/b.csv`, 'id,op,v\n1,D,\n2,D,\n9,D,\n');
      await project.file(`${name}/c.csv`, 'id,op,v\n2,I,again\n4,U,e\n');
      const { counts } = await project.ok(yaml);
      expect(counts).toMatchObject({ rows_read: 5, rows_filtered: 1, rows_deleted: 1 });
      expect(await project.rows(yaml, `SELECT id, v FROM ${name} ORDER BY id`)).toEqual([
        ['2', 'again'],
        ['3', 'c'],
        ['4', 'e'],
      ]);
    },
  );

  it('a full refresh leaves out what is deleted', async () => {
    await project.file('fresh/a.csv', 'id,op,v\n1,I,a\n2,I,b\n');
    await project.file('fresh/b.csv', 'id,op,v\n1,D,\n');
    const yaml = job('fresh', '');
    for (let i = 0; i < 2; i++) {
      await project.ok(yaml, { fullRefresh: true });
      expect(await project.rows(yaml, 'SELECT id FROM fresh')).toEqual([['2']]);
    }
  });

  it('soft keeps the row and marks it; a row that comes again is no longer deleted', async () => {
    const yaml = job('soft', '    mode: soft\n');
    await project.file('soft/a.csv', 'id,op,v\n1,I,a\n2,I,b\n');
    await project.ok(yaml);
    await project.file('soft/b.csv', 'id,op,v\n1,D,\n');
    await project.ok(yaml);
    const rows = () => project.rows(yaml, 'SELECT id, v, coalesce(_sluice_deleted, false) FROM soft ORDER BY id');
    expect(await rows()).toEqual([
      ['1', 'a', 'true'],
      ['2', 'b', 'false'],
    ]);
    await project.file('soft/c.csv', 'id,op,v\n1,I,back\n');
    await project.ok(yaml);
    expect(await rows()).toEqual([
      ['1', 'back', 'false'],
      ['2', 'b', 'false'],
    ]);
  });
});

describe('scale', () => {
  it('puts the point where it is not written', async () => {
    await project.file('scaled/a.csv', 'id,amount,rate\n1,12345,5\n2,-7,1500\n3,,\n4,1.5,2\n');
    const yaml = `name: scaled
source:
  type: local
  path: scaled/*.csv
  format: {type: csv, on_bad_row: quarantine}
columns:
  - {name: amount, type: "decimal(12,2)", scale: 2}
  - {name: rate, type: double, scale: 3}
limits: {max_rejected: {ratio: 1}}
destination: {type: duckdb, path: scaled.duckdb}
`;
    const { counts } = await project.ok(yaml);
    expect(counts.rows_quarantined).toBe(1);
    expect(await project.rows(yaml, 'SELECT amount, rate FROM scaled ORDER BY id')).toEqual([
      ['123.45', '0.005'],
      ['-0.07', '1.5'],
      [null, null],
    ]);
  });
});
