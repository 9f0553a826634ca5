import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type EngineProject, engineProject } from './engine.ts';

let project: EngineProject;
beforeAll(async () => {
  project = await engineProject();
});
afterAll(() => project.close());

function job(name: string, top: string, destination = '', format = 'json'): string {
  return `name: ${name}
source:
  type: local
  path: ${name}/*.${format === 'json' ? 'json' : 'csv'}
${top}destination:
  type: duckdb
  path: ${name}.duckdb
${destination}`;
}

const line = (value: unknown) => `${JSON.stringify(value)}\n`;
const ORDERS = [
  {
    id: 1,
    items: [
      { sku: 'a', n: 1 },
      { sku: 'b', n: 2 },
    ],
    at: '2026-01-02T00:00:00Z',
  },
  { id: 2, items: [], at: '2026-01-01T00:00:00Z' },
  { id: 3, items: null, at: '2026-01-01T00:00:00Z' },
  {
    id: 4,
    items: [
      { sku: 'a', n: 5 },
      { sku: 'a', n: 7 },
      { sku: 'c', n: 0 },
    ],
    at: '2026-01-01T00:00:00Z',
  },
];
const COLUMNS =
  'columns:\n  - {name: items, type: "list<struct<sku: text, n: int>>"}\n  - {name: at, type: timestamptz}\n';
const STEPS = 'transform:\n  - explode: items\n  - flatten: {column: items, prefix: item_}\n';

describe('lists become rows', () => {
  it('rows that are added are counted, with and without a pass for checks', async () => {
    for (const [name, more] of [
      ['plain', ''],
      [
        'checked',
        'checks:\n  - range: {columns: [item_n], min: 1, on_failure: quarantine}\nlimits: {max_rejected: {ratio: 1}}\n',
      ],
    ] as const) {
      await project.file(`${name}/a.json`, ORDERS.map(line).join(''));
      const yaml = job(name, `${COLUMNS}${STEPS}${more}`);
      const { counts } = await project.ok(yaml);
      const rejected = name === 'checked' ? 1 : 0;
      expect(counts).toMatchObject({
        rows_read: 4,
        rows_added: 1,
        rows_written: 5 - rejected,
        rows_rejected: rejected,
      });
      const rows = await project.rows(
        yaml,
        `SELECT id, item_sku, item_n FROM ${name} WHERE item_n > 0 ORDER BY id, item_n`,
      );
      expect(rows).toEqual([
        ['1', 'a', '1'],
        ['1', 'b', '2'],
        ['4', 'a', '5'],
        ['4', 'a', '7'],
      ]);
    }
  });

  it('counts add up over steps of rows and of the run in turn', async () => {
    await project.file('turns/a.json', ORDERS.map(line).join(''));
    const steps = `${STEPS}  - dedupe: {key: [id, item_sku]}\n  - filter: item_n > 0\n  - dedupe: {key: [item_sku]}\n`;
    const yaml = job('turns', `${COLUMNS}${steps}`);
    const { counts } = await project.ok(yaml);
    expect(counts).toMatchObject({ rows_read: 4, rows_added: 1, rows_filtered: 3, rows_written: 2 });
    expect(await project.rows(yaml, 'SELECT item_sku, item_n FROM turns ORDER BY 1')).toEqual([
      ['a', '7'],
      ['b', '2'],
    ]);
  });

  it('of the items of one row the later wins in a merge', async () => {
    await project.file('merged/a.json', ORDERS.map(line).join(''));
    const key = '  write_disposition: merge\n  primary_key: [item_sku]\n';
    const yaml = job('merged', `${COLUMNS}${STEPS}`, key);
    const { counts } = await project.ok(yaml);
    expect(counts).toMatchObject({ rows_read: 4, rows_added: 1, rows_filtered: 2, rows_written: 3 });
    expect(await project.rows(yaml, 'SELECT item_sku, item_n FROM merged ORDER BY 1')).toEqual([
      ['a', '7'],
      ['b', '2'],
      ['c', '0'],
    ]);
  });
});

describe('checks of values', () => {
  it('set rows aside, by the direct way too', async () => {
    await project.file('values/a.csv', 'id,status\n1,paid\n2,lost\n3,\n');
    const checks = (policy: string) =>
      `columns:\n  - name: status\n    checks:\n      - accepted_values: {values: [paid, open], on_failure: ${policy}}\nlimits: {max_rejected: {ratio: 1}}\n`;
    const failed = await project.run(job('values', checks('fail'), '', 'csv'));
    expect(failed.error).toMatchObject({ code: 'check/accepted_values', where: { row: 2, column: 'status' } });
    const yaml = job('values', checks('quarantine'), '', 'csv');
    expect((await project.ok(yaml)).counts).toMatchObject({ rows_written: 2, rows_quarantined: 1 });
    expect(await project.rows(yaml, 'SELECT code, row_number FROM _sluice_quarantine')).toEqual([
      ['check/accepted_values', '2'],
    ]);
  });

  it('freshness holds against the start of the run', async () => {
    await project.file('fresh/a.json', ORDERS.map(line).join(''));
    const checks = (age: string) => `${COLUMNS}checks:\n  - freshness: {column: at, max_age: ${age}}\n`;
    const { error } = await project.run(job('fresh', checks('3h')));
    expect(error).toMatchObject({ code: 'check/freshness', kind: 'data' });
    await project.ok(job('fresh', checks('4h')));
  });
});
