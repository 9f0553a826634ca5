import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { adds, type TestProject, testProject } from './harness.ts';

let project: TestProject;
beforeAll(async () => {
  project = await testProject();
});
afterAll(() => project.close());

const total = async (yaml: string, table: string) =>
  (await project.rows(yaml, `SELECT count(*) FROM ${table}`))[0]?.[0];

describe('a job with several streams', () => {
  const yaml = (name: string, more = '') => `name: ${name}
source:
  type: local
destination:
  type: duckdb
  path: ${name}.duckdb
columns:
  - name: id
    type: bigint
${more}streams:
  - name: first
    source:
      path: ${name}/first*.csv
  - name: second
    source:
      path: ${name}/second*.csv
  - name: third
    source:
      path: ${name}/third*.csv
`;

  it('commits the others where one fails, and takes up the failed one next time', async () => {
    const job = yaml('many');
    await project.file('many/first.csv', 'id\n1\n');
    await project.file('many/second.csv', 'id\nx\n');
    await project.file('many/third.csv', 'id\n1\n2\n');
    const failed = await project.run(job);
    expect(failed).toMatchObject({ status: 'failed', error: { code: 'type/value', where: { stream: 'second' } } });
    expect(failed.streams.map((s) => [s.stream, s.status])).toEqual([
      ['first', 'succeeded'],
      ['second', 'failed'],
      ['third', 'succeeded'],
    ]);
    expect(failed.counts).toMatchObject({ rows_read: 3, rows_written: 3 });
    expect(adds(failed)).toBe(true);
    expect([await total(job, 'first'), await total(job, 'third')]).toEqual(['1', '2']);
    expect(await project.leftovers()).toEqual([]);

    await project.file('many/second.csv', 'id\n7\n');
    const mended = await project.run(job);
    expect(mended.streams.map((s) => s.status)).toEqual(['skipped', 'succeeded', 'skipped']);
    expect([await total(job, 'first'), await total(job, 'second'), await total(job, 'third')]).toEqual(['1', '1', '2']);
    const history = await project.db.query(
      `SELECT stream, count(*) AS n FROM sluice.checkpoints WHERE job = 'many' GROUP BY stream ORDER BY stream`,
    );
    expect(history).toEqual([
      { stream: 'first', n: '1' },
      { stream: 'second', n: '1' },
      { stream: 'third', n: '1' },
    ]);
  });

  it('runs one of them where it is named', async () => {
    const job = yaml('one_of');
    for (const part of ['first', 'second', 'third']) await project.file(`one_of/${part}.csv`, 'id\n1\n');
    const result = await project.run(job, { stream: 'second' });
    expect(result.streams.map((s) => [s.stream, s.status])).toEqual([['second', 'succeeded']]);
    const rest = await project.run(job);
    expect(rest.streams.map((s) => s.status)).toEqual(['succeeded', 'skipped', 'succeeded']);
  });

  it('tells of those that had committed before the executor died', async () => {
    const job = yaml('told');
    for (const part of ['first', 'second', 'third']) await project.file(`told/${part}.csv`, 'id\n1\n');
    const result = await project.run(job, { fault: 'destination.load.inside=kill@2' });
    expect(result).toMatchObject({
      status: 'failed',
      error: { code: 'run/executor-died' },
      counts: { rows_written: 1 },
    });
    expect(result.streams.map((s) => [s.stream, s.status])).toEqual([['first', 'succeeded']]);
    expect((await project.run(job)).streams.map((s) => s.status)).toEqual(['skipped', 'succeeded', 'succeeded']);
  });

  it('tries only those again that failed, and counts every one once', async () => {
    const job = yaml('again', 'retries:\n  max: 1\n  delay: 0s\n');
    for (const part of ['first', 'second', 'third']) await project.file(`again/${part}.csv`, 'id\n1\n');
    // The executor dies in the second stream of the first attempt; the second attempt meets the step once only.
    const result = await project.run(job, { fault: 'destination.load.committed=kill@2' });
    expect(result).toMatchObject({ status: 'succeeded', attempts: 2, counts: { rows_read: 3, rows_written: 3 } });
    expect(adds(result)).toBe(true);
    for (const part of ['first', 'second', 'third']) expect(await total(job, part)).toBe('1');
  });
});

describe('jobs that share a DuckDB file', () => {
  it('wait for each other and lose no row', async () => {
    const yaml = (n: number, tasks: number) =>
      `name: shared_${n}\nsource:\n  type: local\n  path: shared_${n}/*.csv\ndestination:\n  type: duckdb\n  path: shared.duckdb\n` +
      `compute:\n  workers:\n    min: ${tasks}\n    max: ${tasks}\n`;
    const jobs = [yaml(0, 1), yaml(1, 2), yaml(2, 1)];
    for (let round = 0; round < 3; round++) {
      for (const n of jobs.keys()) {
        const rows = Array.from({ length: 2000 }, (_, i) => `${round * 2000 + i}\n`).join('');
        await project.file(`shared_${n}/${round}a.csv`, `id\n${rows}`);
        await project.file(`shared_${n}/${round}b.csv`, `id\n-${round + 1}\n`);
      }
      const results = await Promise.all(jobs.map((job) => project.run(job)));
      for (const result of results) expect(result).toMatchObject({ error: null, counts: { rows_written: 2001 } });
    }
    for (const n of jobs.keys()) {
      const found = await project.rows(jobs[n] ?? '', `SELECT count(*), count(DISTINCT id) FROM shared_${n}`);
      expect(found).toEqual([['6003', '6003']]);
    }
    expect(await project.leftovers()).toEqual([]);
  });
});

describe('what belongs to a checkpoint', () => {
  it('another folder or destination is another stream of rows; a password is not', async () => {
    const job = (root: string, table: string, url = 'url: ${env:WAREHOUSE_URL}') => `name: moves
source:
  type: local
  root: ${root}
  path: '*.csv'
destination:
  type: postgres
  ${url}
  schema: wh
  table: ${table}
`;
    await project.file('moves_a/a.csv', 'id\n1\n');
    await project.file('moves_b/a.csv', 'id\n1\n2\n');
    const load = async (yaml: string) => {
      const result = await project.run(yaml);
      expect(result.error).toBeNull();
      return result.streams[0]?.status === 'skipped' ? null : result.counts.rows_written;
    };
    expect(await load(job('moves_a', 'moves_1'))).toBe(1);
    expect(await load(job('moves_a', 'moves_1'))).toBeNull();
    expect(await load(job('moves_b', 'moves_1'))).toBe(2);
    expect(await load(job('moves_b', 'moves_2'))).toBe(2);
    expect(await load(job('moves_b', 'moves_2'))).toBeNull();
  });

  it('goes with the job when it is renamed', async () => {
    const job = (name: string, more = '') =>
      `name: ${name}\n${more}source:\n  type: local\n  path: renamed/*.csv\ndestination:\n  type: duckdb\n  path: renamed.duckdb\n  table: t\n`;
    await project.file('renamed/a.csv', 'id\n1\n');
    await project.run(job('before'));
    const renamed = job('after', 'renamed_from: [before]\n');
    expect((await project.run(renamed)).streams[0]?.status).toBe('skipped');
    await project.file('renamed/b.csv', 'id\n2\n');
    expect((await project.run(renamed)).counts.rows_written).toBe(1);
    expect(await total(renamed, 't')).toBe('2');
  });

  it('is left behind by --full-refresh', async () => {
    const yaml =
      'name: refreshed\nsource:\n  type: local\n  path: refreshed/*.csv\ndestination:\n  type: duckdb\n  path: refreshed.duckdb\n';
    await project.file('refreshed/a.csv', 'id\n1\n');
    await project.run(yaml);
    await project.file('refreshed/a.csv', 'id\n5\n6\n');
    expect((await project.run(yaml)).error?.code).toBe('source/file-changed');
    const full = await project.run(yaml, { fullRefresh: true });
    expect(full).toMatchObject({ status: 'succeeded', counts: { rows_written: 2 } });
    expect(await project.rows(yaml, 'SELECT id FROM refreshed ORDER BY id')).toEqual([['5'], ['6']]);
  });
});
