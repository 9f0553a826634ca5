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

const into = (kind: string, more = '') =>
  `destination:\n  type: ${kind}\n  ${kind === 'duckdb' ? 'path: out.duckdb' : 'url: ${env:WAREHOUSE_URL}'}\n${more}`;

describe.each(['duckdb', 'postgres'])('derived columns: %s', (kind) => {
  const job = (name: string, onBadRow: string, rest = '') => `name: ${name}
source:
  type: local
  path: ${name}.csv
  format:
    type: csv
    on_bad_row: ${onBadRow}
columns:
  - name: id
    type: int
  - name: code
    derived: true
    type: int
    nullable: false
    checks:
      - range: {min: 1}
  - name: mail_hash
    derived: true
    mask: partial
transform:
  - derive:
      - name: code
        expression: split_part(raw, '-', 2)
      - name: mail_hash
        expression: raw || '@example.com'
limits:
  max_rejected: {ratio: 1}
${into(kind)}${rest}`;

  it('get the type that is declared, their checks and their mask', async () => {
    await project.file('good.csv', 'id,raw\n1,a-x\n2,b-8\n');
    const yaml = job('good', 'fail').replace('type: int\n    nullable: false', 'type: bigint');
    expect((await project.run(job('good', 'fail'))).error).toMatchObject({ code: 'type/value', where: { row: 1 } });
    expect((await project.run(yaml)).error?.code).toBe('type/value');
    await project.file('good.csv', 'id,raw\n1,a-7\n2,b-8\n');
    await project.ok(yaml);
    const types = `SELECT data_type FROM information_schema.columns WHERE table_name = 'good' AND column_name = 'code'`;
    expect(String(await project.rows(yaml, types)).toLowerCase()).toBe('bigint');
    expect(await project.rows(yaml, 'SELECT id, code, mail_hash FROM good ORDER BY id')).toEqual([
      ['1', '7', '****.com'],
      ['2', '8', '****.com'],
    ]);
  });

  it('break a row by a value of another type, as on_bad_row says', async () => {
    await project.file('bad.csv', 'id,raw\n1,a-7\n2,b-x\n3,c\n4,d-9\n');
    expect((await project.run(job('bad', 'fail'))).error).toMatchObject({
      code: 'type/value',
      where: { row: 2, column: 'code' },
    });
    const kept = await project.ok(job('bad', 'quarantine'));
    expect(kept.counts).toMatchObject({ rows_read: 4, rows_written: 2, rows_rejected: 2, rows_quarantined: 2 });
    const rows = await project.rows(
      job('bad', 'quarantine'),
      `SELECT code, row_number, "row" FROM _sluice_quarantine ORDER BY row_number`,
    );
    expect(rows.map(([code, row]) => [code, row])).toEqual([
      ['derived/value', '2'],
      ['derived/value', '3'],
    ]);
    expect(JSON.parse(rows[0]?.[2] ?? '')).toMatchObject({ id: 2, code: 'x' });
  });
});

it('a derived column that no step makes is refused', async () => {
  await project.file('none.csv', 'id\n1\n');
  const yaml = `name: none
source: {type: local, path: none.csv}
columns:
  - name: totl
    derived: true
transform:
  - derive:
      - name: total
        expression: id + 1
${into('duckdb')}`;
  expect((await project.run(yaml)).error?.code).toBe('columns/missing');
});

describe.each(['duckdb', 'postgres'])('naming: snake_case in %s', (kind) => {
  const job = `name: named_${kind}
source:
  type: local
  path: named_${kind}/*.json
columns:
  - name: Kept
    from: keepMe
  - name: id
    from: OrderID
    type: bigint
transform:
  - filter: order_total > 0
  - flatten: {column: ship_to, fields: [zipCode]}
  - derive:
      - name: grossTotal
        expression: order_total * 2
${into(kind, '  naming: snake_case\n  write_disposition: merge\n  primary_key: [id]\n')}`;

  it('renames what the job does not list, and finds the table again', async () => {
    const steps = job;
    await project.file(
      `named_${kind}/a.json`,
      '{"OrderID":1,"orderTotal":5,"keepMe":"a","shipTo":{"zipCode":"02134"}}\n',
    );
    await project.ok(steps);
    await project.file(
      `named_${kind}/b.json`,
      '{"OrderID":1,"orderTotal":7,"keepMe":"b","shipTo":{"zipCode":"1"}}\n{"OrderID":2,"orderTotal":0}\n',
    );
    await project.ok(steps);
    const names = `SELECT column_name FROM information_schema.columns WHERE table_name = 'named_${kind}' ORDER BY ordinal_position`;
    expect((await project.rows(steps, names)).flat().sort()).toEqual([
      'Kept',
      'gross_total',
      'id',
      'order_total',
      'ship_to_zip_code',
    ]);
    expect(await project.rows(steps, `SELECT id, order_total, ship_to_zip_code FROM named_${kind}`)).toEqual([
      ['1', '7', '1'],
    ]);
  });

  it('two columns that come to one name are an error', async () => {
    const yaml = `name: twice
source: {type: local, path: twice.csv}
${into(kind, '  naming: snake_case\n')}`;
    await project.file('twice.csv', 'orderId,Order-ID\n1,2\n');
    const { error } = await project.run(yaml);
    expect(error).toMatchObject({ code: 'columns/duplicate', where: { column: 'order_id' } });
    expect(error?.message).toContain('orderId and Order-ID');
  });
});
