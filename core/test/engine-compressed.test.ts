import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type EngineProject, engineProject } from './engine.ts';
import { zipOf } from './zip.ts';

let project: EngineProject;
beforeAll(async () => {
  project = await engineProject();
});
afterAll(() => project.close());

function job(name: string, more: { format?: string; source?: string; workers?: number } = {}): string {
  const workers = more.workers ?? 1;
  return `name: ${name}
source:
  type: local
  path: ${name}/*
${more.source ?? ''}${more.format ?? ''}destination:
  type: duckdb
  path: ${name}.duckdb
compute:
  workers:
    min: ${workers}
    max: ${workers}
`;
}

const rows = (from: number, count: number) =>
  `id,t\n${Array.from({ length: count }, (_, i) => `${from + i},"t ""${from + i}"""\n`).join('')}`;

it.each([1, 3])('compressed files are known by their bytes and named as they are (%d tasks)', async (workers) => {
  const name = `gz_${workers}`;
  await project.file(`${name}/a.csv.gz`, gzipSync(rows(0, 100)));
  await project.file(`${name}/b.csv`, rows(100, 50));
  const two = Buffer.concat([gzipSync('id,t\n'), gzipSync('200,"x"\n')]);
  await project.file(`${name}/c.csv`, two);
  const yaml = job(name, { workers, source: 'columns:\n  - name: p\n    metadata: path\n' });
  await project.ok(yaml);
  expect(await project.rows(yaml, `SELECT p, count(*), sum(id) FROM ${name} GROUP BY p ORDER BY p`)).toEqual([
    [`${name}/a.csv.gz`, '100', '4950'],
    [`${name}/b.csv`, '50', '6225'],
    [`${name}/c.csv`, '1', '200'],
  ]);
});

it('JSON may be compressed too', async () => {
  await project.file('gzj/a.ndjson.gz', gzipSync('{"id":9007199254740993}\n{"id":1.5}\n'));
  const yaml = job('gzj');
  await project.ok(yaml);
  expect(await project.rows(yaml, 'SELECT max(id)::DECIMAL(18,0) FROM gzj')).toEqual([['9007199254740993']]);
});

it('a file that is cut off fails by name, and nothing of it is loaded', async () => {
  const packed = gzipSync(rows(0, 1000));
  await project.file('cut/a.csv.gz', packed.subarray(0, packed.length - 20));
  const yaml = job('cut');
  expect((await project.run(yaml)).error).toMatchObject({
    code: 'format/truncated',
    kind: 'data',
    where: { path: 'cut/a.csv.gz' },
  });
  await project.file('cut/a.csv.gz', packed);
  expect((await project.ok(yaml)).counts.rows_written).toBe(1000);
});

const paths = 'columns:\n  - name: p\n    metadata: path\n';

it.each(['rows.zst', 'rows.bz2'])('other kinds are known by their bytes: %s', async (file) => {
  const name = `kind_${file.slice(5)}`;
  await project.file(`${name}/a`, readFileSync(new URL(`../src/engine/compression/fixtures/${file}`, import.meta.url)));
  const yaml = job(name, { format: '  format:\n    type: csv\n    header: false\n' });
  await project.ok(yaml);
  expect(await project.rows(yaml, `SELECT count(*), sum(column_2) FROM ${name}`)).toEqual([['30000', '450015000']]);
});

describe('a zip archive', () => {
  it.each([1, 3])('has members that are files of their own (%d tasks)', async (workers) => {
    const name = `zip_${workers}`;
    const members: Record<string, string | Buffer> = {
      'sub/': '',
      'sub/a.csv': rows(0, 100),
      'é b.csv': rows(100, 50),
      'c.csv.gz': gzipSync(rows(200, 10)),
      '__MACOSX/sub/._a.csv': 'junk',
      'read me.txt': 'junk',
    };
    await project.file(`${name}/data`, zipOf(members));
    await project.file(`${name}/plain.csv`, rows(300, 1));
    const yaml = job(name, { workers, source: `  exclude: ["**/*.txt"]\n${paths}` });
    await project.ok(yaml);
    const wanted = [
      [`${name}/data!/c.csv.gz`, '10', '2045'],
      [`${name}/data!/sub/a.csv`, '100', '4950'],
      [`${name}/data!/é b.csv`, '50', '6225'],
      [`${name}/plain.csv`, '1', '300'],
    ];
    const query = `SELECT p, count(*), sum(id) FROM ${name} GROUP BY p ORDER BY p`;
    expect(await project.rows(yaml, query)).toEqual(wanted);
    const ledger = await project.rows(yaml, 'SELECT path FROM _sluice_files ORDER BY path');
    expect(ledger.flat()).toEqual([`${name}/data`, ...wanted.map(([path]) => path)]);
    expect((await project.ok(yaml)).outcome?.empty).toBe(true);

    await project.file(`${name}/data`, zipOf({ ...members, 'new.csv': rows(400, 2) }));
    expect((await project.ok(yaml)).counts.rows_written).toBe(2);
    expect((await project.ok(yaml)).outcome?.empty).toBe(true);
    await project.file(`${name}/data`, zipOf({ ...members, 'new.csv': rows(500, 2) }));
    expect((await project.run(yaml)).error).toMatchObject({
      code: 'source/file-changed',
      where: { path: `${name}/data!/new.csv` },
    });
  });

  it('may hold as many members as tasks share', async () => {
    const many = Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`m${i}.csv`, rows(i * 10, 10)]));
    await project.file('zip_many/a.zip', zipOf(many));
    const yaml = job('zip_many', { workers: 4 });
    await project.ok(yaml);
    expect(await project.rows(yaml, 'SELECT count(*), sum(id) FROM zip_many')).toEqual([['600', '179700']]);
  });

  it('that is damaged fails by name, and nothing of it is loaded', async () => {
    const good = zipOf({ 'a.csv': rows(0, 500), 'b.csv': rows(500, 500) });
    const wrong = Buffer.from(good);
    wrong[200] = (wrong[200] ?? 0) ^ 0xff;
    const yaml = job('zip_bad');
    for (const [bytes, code] of [
      [good.subarray(0, good.length - 30), 'format/truncated'],
      [wrong, 'format/compression'],
      [zipOf({ 'a.csv': 'id\n1\n' }, 1), 'format/compression'],
      [zipOf({ '[Content_Types].xml': '', 'xl/workbook.xml': '' }), 'format/compression'],
      [zipOf({ 'a.zip': zipOf({ 'a.csv': 'id\n1\n' }) }), 'format/compression'],
    ] as const) {
      await project.file('zip_bad/a.zip', bytes);
      expect((await project.run(yaml)).error).toMatchObject({
        code,
        kind: 'data',
        where: { path: expect.stringContaining('zip_bad/a.zip') },
      });
    }
    await project.file('zip_bad/a.zip', good);
    expect((await project.ok(yaml)).counts.rows_written).toBe(1000);
  });

  it('is what every file has to be where that is declared', async () => {
    await project.file('zip_not/a.csv', rows(0, 1));
    const yaml = job('zip_not', { source: '  compression: zip\n' });
    expect((await project.run(yaml)).error).toMatchObject({
      code: 'format/compression',
      where: { path: 'zip_not/a.csv' },
    });
  });

  it('without a member is loaded once, as nothing', async () => {
    await project.file('zip_empty/a.zip', zipOf({}));
    expect((await project.ok(job('zip_empty'))).outcome?.empty).toBe(true);
  });
});
