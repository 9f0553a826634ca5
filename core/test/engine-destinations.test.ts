import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { formatType } from '../src/model/type.ts';
import { destinations } from '../src/specs.ts';
import { ALL_ROWS, ALL_TYPES } from './all-types.ts';
import { LABS, type Lab, type Started } from './destination-labs.ts';
import { type EngineProject, engineProject } from './engine.ts';
import { testDatabase } from './postgres.ts';

const named = LABS.map((lab): [string, Lab] => [
  [lab.type, lab.variant ?? '', lab.missing ?? ''].join(' ').trim(),
  lab,
]);

describe.each(named)('%s', (_, lab) => {
  describe.skipIf(lab.missing)('jobs', () => {
    let project: EngineProject;
    let place: Started;
    let folder: string;
    beforeAll(async () => {
      folder = realpathSync(mkdtempSync(join(tmpdir(), 'sluice-lab-')));
      place = await lab.start(folder);
      project = await engineProject({ WAREHOUSE_URL: String(place.settings('x').url ?? ''), ...place.env });
    });
    afterAll(async () => {
      await project.close();
      await place.stop();
      rmSync(folder, { recursive: true, force: true });
    });

    const known = destinations[lab.type]?.capabilities.write_dispositions ?? [];
    const merges = known.includes('merge');
    const job = (name: string, body: string, more = '') =>
      `name: ${name}\nsource:\n  type: local\n  path: ${name}/*\n${body}destination:\n  type: ${lab.type}\n  ${place.yaml(name)}${more}`;
    const rows = (yaml: string, name: string, what: string, rest = 'ORDER BY 1') =>
      project.rows(yaml, `SELECT ${what} FROM ${place.name(name)} ${rest}`);
    const workers = (n: number) => `compute:\n  workers:\n    min: ${n}\n    max: ${n}\n`;

    it('a second run of nested and exact types finds nothing to object to', async () => {
      const columns = `columns:
  - name: id
    type: bigint
  - name: d
    type: decimal(20,4)
  - name: st
    type: 'struct<a: int, b: list<text>>'
  - name: l
    type: list<bigint>
  - name: u
    type: uuid
  - name: at
    type: timestamptz
`;
      const line = (id: number) =>
        `{"id":${id},"d":1234567890123456.7891,"st":{"a":${id},"b":["x",null]},"l":[9007199254740993],"u":"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11","at":"2026-01-02T03:04:05.5Z","free":{"k":[1,2]}}\n`;
      const yaml = job('nested', columns);
      for (let n = 1; n <= 3; n++) {
        await project.file(`nested/${n}.ndjson`, line(n));
        const { counts } = await project.ok(yaml);
        expect(counts).toMatchObject({ rows_read: 1, rows_written: 1 });
      }
      expect((await rows(yaml, 'nested', 'id')).map(([id]) => id)).toEqual(['1', '2', '3']);
    });

    it.each([1, 4])('%i workers append, set bad rows aside and take a new column', async (n) => {
      const name = `grows${n}`;
      const yaml = job(
        name,
        `  format: {type: csv, on_bad_row: quarantine}\ncolumns:\n  - name: id\n    type: int\n`,
        `${workers(n)}limits:\n  max_rejected:\n    ratio: 0.5\n`,
      );
      for (let i = 0; i < 4; i++)
        await project.file(`${name}/a${i}.csv`, `id,s\n${i * 10 + 1},one\nbad,two\n${i * 10 + 3},\n`);
      expect((await project.ok(yaml)).counts).toMatchObject({ rows_read: 12, rows_written: 8, rows_quarantined: 4 });
      for (let i = 0; i < 4; i++)
        await project.file(`${name}/b${i}.csv`, `id,s,extra\n${i * 10 + 5},five,2026-01-0${i + 1}\n`);
      expect((await project.ok(yaml)).counts).toMatchObject({ rows_read: 4, rows_written: 4 });
      const all = await rows(yaml, name, 'id, s, extra');
      expect(all).toHaveLength(12);
      expect(all.filter(([, , extra]) => extra !== null).map(([id]) => id)).toEqual(['5', '15', '25', '35']);
      expect(all.find(([id]) => id === '1')).toEqual(['1', 'one', null]);
      const own = place.name('_sluice_quarantine').replace(/^"_/, '"_');
      expect(await project.rows(yaml, `SELECT count(*) FROM ${own} WHERE stream = '${name}'`)).toEqual([['4']]);
    });

    it('types widen where the contract lets them, and the run fails where it does not', async () => {
      const yaml = (mode: string) => job('widens', '', `  schema_contract:\n    data_type: ${mode}\n`);
      await project.file('widens/1.csv', 'id,n,d\n1,10,2024-02-29\n');
      await project.ok(yaml('freeze'));
      await project.file('widens/2.csv', 'id,n,d\n5000000000,1.25,2026-01-02 03:04:05\n');
      expect((await project.run(yaml('freeze'))).error).toMatchObject({ code: 'schema/frozen', kind: 'data' });
      expect(await rows(yaml('freeze'), 'widens', 'id')).toEqual([['1']]);
      await project.ok(yaml('evolve'));
      const got = await rows(yaml('evolve'), 'widens', 'id, n, d', 'ORDER BY id');
      expect(got.map(([id, n]) => [id, Number(n)])).toEqual([
        ['1', 10],
        ['5000000000', 1.25],
      ]);
      await project.file('widens/3.csv', 'id,n,d\n7,0.5,2026-01-02 03:04:06\n');
      expect((await project.ok(yaml('freeze'))).counts.rows_written).toBe(1);
    });

    it('what only the 60,000th row shows ends the query or widens the column: no row is lost behind it', async () => {
      const line = (n: number) => `${n},7\n`;
      const head = `id,n\n${Array.from({ length: 60_000 }, (_, n) => line(n)).join('')}`;
      await project.file('late/1.csv', `${head}60000,0134\n`);
      const yaml = job('late', '');
      expect((await project.ok(yaml)).counts).toMatchObject({ rows_read: 60_001, rows_written: 60_001 });
      expect(await rows(yaml, 'late', 'n', 'WHERE id = 60000')).toEqual([['0134']]);
      await project.file('refused/1.csv', `${head}60000,x\n`);
      const declared = 'columns:\n  - name: n\n    type: int\n';
      expect((await project.run(job('refused', declared))).error?.toJSON()).toMatchObject({
        code: 'type/value',
        where: { row: 60_001 },
      });
    });

    if (known.includes('replace'))
      it('a replace is what the last run read, by one worker or four', async () => {
        for (const n of [1, 4]) {
          const name = `whole${n}`;
          const yaml = job(name, '', `  write_disposition: replace\n${workers(n)}`);
          for (const round of [1, 2]) {
            for (let i = 0; i < 4; i++) await project.file(`${name}/${i}.csv`, `id,round\n${i},${round}\n`);
            await project.ok(yaml);
            expect(await rows(yaml, name, 'id, round')).toEqual([0, 1, 2, 3].map((i) => [String(i), String(round)]));
          }
        }
      });

    if (merges)
      it.each([1, 4])('a merge by %i workers keeps the last row of each key', async (n) => {
        const name = `keyed${n}`;
        const yaml = job(name, '', `  write_disposition: merge\n  primary_key: [k]\n${workers(n)}`);
        for (let i = 0; i < 4; i++) await project.file(`${name}/a${i}.csv`, `k,v\nx${i},1\nsame,${i}\nX${i},2\n`);
        expect((await project.ok(yaml)).counts).toMatchObject({ rows_read: 12, rows_written: 9, rows_filtered: 3 });
        await project.file(`${name}/b.csv`, 'k,v\nx0,9\nnew,5\n');
        expect((await project.ok(yaml)).counts).toMatchObject({ rows_inserted: 1, rows_updated: 1 });
        const got = new Map((await rows(yaml, name, 'k, v')).map(([k, v]) => [k, v]));
        expect(got.size).toBe(10);
        expect([got.get('same'), got.get('x0'), got.get('X0'), got.get('new')]).toEqual(['3', '9', '2', '5']);
      });

    it('what a copy format could take for a mark arrives as it is', async () => {
      const texts = ['', null, '\\N', '\\.', 'NULL', 'tab\tquote"back\\slash\nline'];
      await project.file('marks/in.ndjson', texts.map((s, i) => `${JSON.stringify({ id: i + 1, s })}\n`).join(''));
      const yaml = job('marks', '');
      await project.ok(yaml);
      expect((await rows(yaml, 'marks', 'id, s')).map(([, s]) => s)).toEqual(texts);
    });
  });
});

describe('files', () => {
  let project: EngineProject;
  beforeAll(async () => {
    project = await engineProject();
  });
  afterAll(() => project.close());

  it.each(['parquet', 'csv', 'json', 'arrow'])(
    'written as %s are read back to the same values and types',
    async (format) => {
      const { openEngine } = await import('../src/engine/duckdb.ts');
      const engine = await openEngine({ spool: project.dir, threads: 1, memory: 300_000_000 });
      const path = join(project.dir, `${format}-in.parquet`);
      await engine.run(`COPY (${ALL_ROWS}) TO '${path}' (FORMAT parquet)`);
      const columns = `columns:\n${ALL_TYPES.map((c) => `  - name: ${JSON.stringify(c.name)}\n    type: ${JSON.stringify(formatType(c.type))}\n`).join('')}`;
      const out = `name: out_${format}\nsource:\n  type: local\n  path: ${format}-in.parquet\n${columns}destination:\n  type: local\n  path: lake/${format}\n  format: ${format}\n`;
      await project.ok(out);
      const ending = format === 'json' ? 'ndjson' : format;
      const back = `name: back_${format}\nsource:\n  type: local\n  path: lake/${format}/**/*.${ending}\n${columns}destination:\n  type: duckdb\n  path: back.duckdb\n`;
      await project.ok(back);
      const texts = ALL_TYPES.map((c) => {
        const name = `"${c.name.replaceAll('"', '""')}"`;
        return c.type.kind === 'json' ? `replace(CAST(${name} AS VARCHAR), ' ', '')` : `CAST(${name} AS VARCHAR)`;
      }).join(', ');
      const got = await project.rows(back, `SELECT [${texts}]::VARCHAR FROM back_${format} ORDER BY id`);
      const want = await engine.rows(`SELECT [${texts}]::VARCHAR AS v FROM (${ALL_ROWS}) ORDER BY id`);
      engine.close();
      expect(got.map(([text]) => text)).toEqual(want.map((row) => row.v));
    },
  );
});

describe('a numeric column without precision', () => {
  it('takes numbers of any digits, run after run', async () => {
    const db = await testDatabase();
    const project = await engineProject({ WAREHOUSE_URL: db.url });
    await db.query('CREATE TABLE loose (id bigint, n numeric)');
    const yaml =
      'name: loose\nsource:\n  type: local\n  path: loose/*.csv\ndestination:\n  type: postgres\n  url: ${env:WAREHOUSE_URL}\n';
    const values = ['1.5', '0.123456789012345678', '12345678901234567890', '7', '1.123456789012'];
    for (const [n, value] of values.entries()) {
      await project.file(`loose/${n}.csv`, `id,n\n${n},${value}\n`);
      await project.ok(yaml);
    }
    expect((await db.query('SELECT n FROM loose ORDER BY id')).map((row) => row.n)).toEqual(values);
    await project.close();
    await db.drop();
  });
});
