import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type EngineProject, engineProject } from './engine.ts';

let project: EngineProject;
beforeAll(async () => {
  project = await engineProject();
});
afterAll(() => project.close());

interface Parts {
  /** Keys of the top level. */
  top?: string;
  format?: string;
  source?: string;
  destination?: string;
  workers?: number;
  path?: string;
}

function job(name: string, parts: Parts = {}): string {
  const workers = parts.workers ?? 1;
  return `name: ${name}
source:
  type: local
  path: ${parts.path ?? name}/*.csv
${parts.source ?? ''}${parts.top ?? ''}destination:
  type: duckdb
  path: ${name}.duckdb
${parts.destination ?? ''}compute:
  workers:
    min: ${workers}
    max: ${workers}
`;
}

const QUARANTINE = 'SELECT code, path, row_number, "row" FROM _sluice_quarantine ORDER BY path, row_number';

describe('bad rows', () => {
  const csv = 'id,qty\n1,10\nx,20\n3,y\n4,40\n';
  const columns = 'columns:\n  - name: id\n    type: bigint\n  - name: qty\n    type: int\n';
  const limits = 'limits:\n  max_rejected:\n    ratio: 1\n';
  const format = (policy: string) => `  format:\n    type: csv\n    on_bad_row: ${policy}\n`;

  it.each([1, 3])('fail the stream with their place (%d tasks)', async (workers) => {
    const name = `bad_fail_${workers}`;
    await project.file(`${name}/a.csv`, 'id,qty\n1,1\n');
    await project.file(`${name}/b.csv`, csv);
    await project.file(`${name}/c.csv`, 'id,qty\n9,9\n');
    const yaml = job(name, { top: columns, workers });
    const { error } = await project.run(yaml);
    expect(error).toMatchObject({
      code: 'type/value',
      kind: 'data',
      where: { path: `${name}/b.csv`, row: 2, column: 'id' },
    });
    await project.file(`${name}/b.csv`, 'id,qty\n5,5\n');
    await project.ok(yaml);
    expect(await project.rows(yaml, `SELECT id FROM ${name} ORDER BY id`)).toEqual([['1'], ['5'], ['9']]);
  });

  it.each([1, 3])('are set aside with the data (%d tasks)', async (workers) => {
    const name = `bad_q_${workers}`;
    await project.file(`${name}/a.csv`, csv);
    await project.file(`${name}/b.csv`, 'id,qty\n7,70\n,80\n');
    await project.file(`${name}/c.csv`, 'id,qty\nz,90\n');
    const strict = columns.replace('type: bigint', 'type: bigint\n    nullable: false');
    const yaml = job(name, { source: format('quarantine'), top: strict + limits, workers });
    const { counts } = await project.ok(yaml);
    expect(counts).toMatchObject({ rows_read: 7, rows_written: 3, rows_rejected: 4, rows_quarantined: 4 });
    expect(await project.rows(yaml, `SELECT id FROM ${name} ORDER BY id`)).toEqual([['1'], ['4'], ['7']]);
    const aside = await project.rows(yaml, QUARANTINE);
    expect(aside.map((row) => row.slice(0, 3))).toEqual([
      ['type/value', `${name}/a.csv`, '2'],
      ['type/value', `${name}/a.csv`, '3'],
      ['type/null', `${name}/b.csv`, '2'],
      ['type/value', `${name}/c.csv`, '1'],
    ]);
    expect(JSON.parse(aside[0]?.[3] ?? '')).toEqual({ id: 'x', qty: '20' });
  });

  it.each(['discard', 'warn'])('are left out and counted: %s', async (policy) => {
    const name = `bad_${policy}`;
    await project.file(`${name}/a.csv`, csv);
    const yaml = job(name, { source: format(policy), top: columns + limits });
    const { counts, logs } = await project.ok(yaml);
    expect(counts).toMatchObject({ rows_read: 4, rows_written: 2, rows_rejected: 2, rows_quarantined: 0 });
    expect(logs.some((l) => l.level === 'warn')).toBe(policy === 'warn');
    expect(await project.rows(yaml, QUARANTINE)).toEqual([]);
  });

  it.each([
    ['rows: 1', true],
    ['rows: 2', false],
    ['ratio: 0.4', true],
    ['ratio: 0.5', false],
  ])('end the stream beyond limits.max_rejected: %s', async (limit, fails) => {
    const name = `bad_limit_${limit.replaceAll(/\W/g, '')}`;
    await project.file(`${name}/a.csv`, csv);
    await project.file(`${name}/b.csv`, 'id,qty\n');
    for (const workers of [1, 2]) {
      const yaml = job(name, {
        source: format('discard'),
        top: `${columns}limits:\n  max_rejected:\n    ${limit}\n`,
        workers,
        destination: '  write_disposition: replace\n',
      });
      const { error } = await project.run(yaml);
      if (fails) expect(error?.code).toBe('limits/rejected');
      else expect(error).toBeNull();
    }
  });

  it('are held to a ratio of 0.05 where nothing else is said', async () => {
    await project.file('bad_default/a.csv', csv);
    const { error } = await project.run(job('bad_default', { source: format('discard'), top: columns }));
    expect(error?.code).toBe('limits/rejected');
  });

  it('include rows that cannot be split into columns', async () => {
    await project.file('bad_split/a.csv', 'id,qty\n1,10\n2,20,30\n3,30\n');
    const yaml = job('bad_split', { source: format('quarantine'), top: columns + limits });
    const { counts } = await project.ok(yaml);
    expect(counts).toMatchObject({ rows_read: 3, rows_written: 2, rows_rejected: 1, rows_quarantined: 1 });
    const [row] = await project.rows(yaml, 'SELECT code, path, "row" FROM _sluice_quarantine');
    expect(row?.[1]).toBe('bad_split/a.csv');
    expect(row?.[2]).toContain('2,20,30');
  });
});

describe('checks', () => {
  const csv = 'id,amount\n1,5\n2,-1\n3,\n2,7\n';
  const columns = 'columns:\n  - name: id\n    type: bigint\n  - name: amount\n    type: int\n';
  const limits = 'limits:\n  max_rejected:\n    ratio: 1\n';
  const bad = {
    not_null: { check: '- not_null:\n      columns: [amount]\n', ids: ['3'] },
    expression: { check: '- expression:\n      sql: amount >= 0\n', ids: ['2'] },
    unique: { check: '- unique:\n      columns: [id]\n', ids: ['2'] },
  };
  const of = (kind: keyof typeof bad, policy: string) => {
    if (kind === 'not_null') {
      const under = `    checks:\n      - not_null:\n          on_failure: ${policy}\n`;
      return columns + under + limits;
    }
    return `${columns}checks:\n  ${bad[kind].check}      on_failure: ${policy}\n${limits}`;
  };

  describe.each(['not_null', 'expression', 'unique'] as const)('%s', (kind) => {
    it('fails the stream with the first row', async () => {
      const name = `check_${kind}_fail`;
      await project.file(`${name}/a.csv`, csv);
      const { error } = await project.run(job(name, { top: of(kind, 'fail') }));
      const row = { not_null: 3, expression: 2, unique: 4 }[kind];
      expect(error).toMatchObject({ code: `check/${kind}`, kind: 'data', where: { path: `${name}/a.csv`, row } });
    });

    it('warns and writes every row', async () => {
      const name = `check_${kind}_warn`;
      await project.file(`${name}/a.csv`, csv);
      const { counts, logs } = await project.ok(job(name, { top: of(kind, 'warn') }));
      expect(counts).toMatchObject({ rows_read: 4, rows_written: 4, rows_rejected: 0 });
      expect(logs.filter((l) => l.level === 'warn')).toHaveLength(1);
    });

    it.each([
      ['discard', 1],
      ['quarantine', 1],
      ['quarantine', 2],
    ])('leaves the row out: %s (%d tasks)', async (policy, workers) => {
      const name = `check_${kind}_${policy}_${workers}`;
      await project.file(`${name}/a.csv`, csv);
      await project.file(`${name}/b.csv`, 'id,amount\n10,1\n');
      const yaml = job(name, { top: of(kind, policy), workers });
      const { counts } = await project.ok(yaml);
      const aside = policy === 'quarantine' ? 1 : 0;
      expect(counts).toMatchObject({ rows_read: 5, rows_written: 4, rows_rejected: 1, rows_quarantined: aside });
      const rows = await project.rows(yaml, 'SELECT code, "row" FROM _sluice_quarantine');
      expect(rows.map((row) => [row[0], String(JSON.parse(row[1] ?? '').id)])).toEqual(
        aside === 1 ? [[`check/${kind}`, bad[kind].ids[0]]] : [],
      );
    });
  });

  it.each([1, 2])('row_count gates the commit (%d tasks)', async (workers) => {
    const name = `check_count_${workers}`;
    await project.file(`${name}/a.csv`, 'id\n1\n2\n');
    await project.file(`${name}/b.csv`, 'id\n3\n');
    const count = (bounds: string, policy: string) =>
      job(name, { top: `checks:\n  - row_count:\n      ${bounds}\n      on_failure: ${policy}\n`, workers });
    const failed = await project.run(count('min: 4', 'fail'));
    expect(failed.error?.code).toBe('check/row_count');
    const warned = await project.ok(count('max: 2', 'warn'));
    expect(warned.counts.rows_written).toBe(3);
    expect(warned.logs.filter((l) => l.level === 'warn')).toHaveLength(1);
  });
});

describe('the number of tasks and the places of splits', () => {
  type Row = [id: number, v: number];
  const steps = {
    dedupe: 'transform:\n  - dedupe:\n      key: [id]\n      order_by: v desc\n',
    last: 'transform:\n  - dedupe:\n      key: [id]\n',
    sql: 'transform:\n  - sql: select id, sum(v) as v from input group by id\n',
    window:
      'transform:\n  - derive:\n      - name: n\n        expression: count(*) over (partition by id)\n  - filter: v <> 2\n',
    unique: 'checks:\n  - unique:\n      columns: [id]\n      on_failure: discard\n',
    merge: '',
    filter: 'transform:\n  - filter: v > 0\n  - derive:\n      - name: w\n        expression: v * 2\n',
  };

  it.each(Object.keys(steps) as (keyof typeof steps)[])('do not change the rows: %s', async (kind) => {
    const row = fc.tuple(fc.integer({ min: 0, max: 4 }), fc.integer({ min: 0, max: 3 }));
    const sample = fc.record({
      rows: fc.array(row, { minLength: 1, maxLength: 25 }),
      cuts: fc.array(fc.nat({ max: 25 }), { minLength: 1, maxLength: 5 }),
      workers: fc.constantFrom(1, 2, 4),
    });
    const columns = 'columns:\n  - name: id\n    type: bigint\n  - name: v\n    type: bigint\n';
    const limits = 'limits:\n  max_rejected:\n    ratio: 1\n';
    const key =
      kind === 'merge' ? '  write_disposition: merge\n  primary_key: [id]\n' : '  write_disposition: replace\n';
    let n = 0;
    const load = async (files: Row[][], workers: number) => {
      const name = `i11_${kind}_${n++}`;
      for (const [i, rows] of files.entries()) {
        await project.file(`${name}/${i}.csv`, `id,v\n${rows.map((r) => `${r.join(',')}\n`).join('')}`);
      }
      const yaml = job(name, { top: columns + steps[kind] + limits, destination: key, workers });
      const { counts } = await project.ok(yaml);
      return {
        counts: { ...counts, bytes_read: 0 },
        rows: await project.rows(yaml, `SELECT * FROM ${name} ORDER BY ALL`),
      };
    };
    await fc.assert(
      fc.asyncProperty(sample, async ({ rows, cuts, workers }) => {
        const whole = await load([rows], 1);
        const ends = [...new Set([...cuts.filter((c) => c < rows.length), rows.length])].sort((a, b) => a - b);
        const files = ends.map((end, i) => rows.slice(ends[i - 1] ?? 0, end));
        expect(await load(files, workers)).toEqual(whole);
      }),
      { numRuns: 4, seed: 20_260_101, endOnFailure: true },
    );
  });
});
