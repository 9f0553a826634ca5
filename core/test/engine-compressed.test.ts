import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type EngineProject, engineProject } from './engine.ts';

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
