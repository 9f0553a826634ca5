import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type EngineProject, engineProject } from './engine.ts';
import { FakeS3, refuse } from './fake-s3.ts';

describe('s3 where the store does what a test says', () => {
  let store: FakeS3;
  let project: EngineProject;
  let jobs = 0;
  let name = '';

  beforeAll(async () => {
    process.env.SLUICE_RETRY_MS = '20';
    store = await FakeS3.start();
    project = await engineProject({ KEY: 'key', SECRET: 'S3cr/et+value' });
  });
  beforeEach(() => {
    store.objects.clear();
    store.requests.length = 0;
    store.sent = 0;
    store.fault = () => false;
    name = `job_${++jobs}`;
  });
  afterAll(async () => {
    await store.stop();
    await project.close();
  });

  const job = (path: string, more = '', use = '') => `
name: ${name}
source:
  type: s3
  endpoint: ${store.url}
  bucket: lake
  access_key_id: \${env:KEY}
  secret_access_key: \${env:SECRET}
  path: "${path}"
${use}${more}`;

  it('an object of the same second, and one that is older than those before it, are loaded once each', async () => {
    const seen: string[] = [];
    const step = async () => {
      const { counts } = await project.ok(job('in/*.csv'));
      const [[rows, ids] = []] = await project.rows(
        job('in/*.csv'),
        `SELECT count(*), count(DISTINCT id) FROM ${name}`,
      );
      seen.push(`${counts.rows_written}:${rows}:${ids}`);
    };
    store.put('in/k1.csv', 'id\n1\n', '2026-01-01T10:00:00.000Z');
    await step();
    store.put('in/k2.csv', 'id\n2\n', '2026-01-01T10:00:00.000Z');
    await step();
    store.put('in/k3.csv', 'id\n3\n', '2026-01-01T09:59:58.000Z');
    await step();
    await step();
    expect(seen).toEqual(['1:1:1', '1:2:2', '1:3:3', '0:3:3']);
  });

  it('a thousand and one objects are two pages, with folders below only where the pattern asks for them', async () => {
    for (let i = 0; i <= 1000; i++) store.put(`p/${String(i).padStart(4, '0')}.csv`, `id\n${i}\n`);
    store.put('p/', '');
    store.put('p/sub/x.csv', 'id\n5000\n');
    const sum = async (yaml: string) => project.rows(yaml, `SELECT count(*), sum(id)::bigint FROM ${name}`);
    const flat = job('p/*.csv');
    await project.ok(flat);
    expect(await sum(flat)).toEqual([['1001', '500500']]);
    const deep = job('p/**/*.csv');
    expect((await project.ok(deep)).counts.rows_written).toBe(1);
    expect(await sum(deep)).toEqual([['1002', '505500']]);
  });

  it('a transfer that breaks goes on where it stopped', async () => {
    const lines = Array.from({ length: 100_000 }, (_, i) => `${i},${'y'.repeat(20)}`);
    store.put('a.csv', `id,text\n${lines.join('\n')}\n`);
    let breaks = 3;
    store.fault = (request, response) => {
      if (request.method !== 'GET' || !request.url?.includes('a.csv') || breaks-- <= 0) return false;
      const body = store.objects.get('a.csv')?.body ?? Buffer.alloc(0);
      const from = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
      response.writeHead(from === 0 ? 200 : 206, { 'content-length': body.length - from });
      response.write(body.subarray(from, from + 500_000), () => response.destroy());
      return true;
    };
    await project.ok(job('a.csv'));
    expect(await project.rows(job('a.csv'), `SELECT count(*), count(DISTINCT id) FROM ${name}`)).toEqual([
      ['100000', '100000'],
    ]);
    const ranges = store.requests.filter((r) => r.method === 'GET').map((r) => r.range ?? '-');
    expect(ranges[0]).toBe('-');
    expect(ranges.slice(1).every((range) => Number(/bytes=(\d+)-/.exec(range)?.[1]) > 0)).toBe(true);
  });

  it('an object that is replaced between listing and reading is not mixed with its older self', async () => {
    store.put('in/a.csv', 'id\n1\n');
    store.fault = (request) => {
      if (request.method === 'GET' && request.url?.includes('a.csv')) store.put('in/a.csv', 'id\n2\n');
      return false;
    };
    expect((await project.run(job('in/*.csv'))).error).toMatchObject({ code: 'source/changed', kind: 'transient' });
  });

  it.each([
    ['InvalidAccessKeyId', 403, 'source/auth'],
    ['SignatureDoesNotMatch', 403, 'source/auth'],
    ['ExpiredToken', 400, 'source/auth'],
    ['AccessDenied', 403, 'source/permission'],
    ['NoSuchBucket', 404, 'source/missing'],
    ['AuthorizationHeaderMalformed', 400, 'source/region'],
  ])('%s is told as it is, without the secret', async (code, status, wanted) => {
    store.fault = (_request, response) => {
      refuse(response, status, code);
      return true;
    };
    for (const path of ['in/*.csv', 'in/a.csv']) {
      const { error } = await project.run(job(path));
      expect(error?.code).toBe(wanted);
      expect(JSON.stringify(error)).not.toContain('S3cr');
    }
  });

  it('of a Parquet object only the footer and the wanted columns are read', async () => {
    const path = join(project.dir, 'wide.parquet');
    const instance = await DuckDBInstance.create(':memory:');
    const connection = await instance.connect();
    await connection.run(
      `COPY (SELECT i AS id, (hash(i) % 1000)::INTEGER AS n, hash(i + 1)::VARCHAR AS a, hash(i + 2)::VARCHAR AS b,
               {'x': hash(i + 3)::VARCHAR, 'y': i} AS s, md5(i::VARCHAR) AS c FROM range(60000) t(i))
       TO '${path}' (FORMAT parquet, ROW_GROUP_SIZE 20000)`,
    );
    const wanted = await connection.runAndReadAll(`SELECT sum(id)::VARCHAR, sum(n)::VARCHAR, max(s.x) FROM '${path}'`);
    connection.closeSync();
    instance.closeSync();
    const bytes = await readFile(path);
    store.put('wide.parquet', bytes);
    const whole = job('wide.parquet');
    await project.ok(whole);
    expect(store.sent).toBeGreaterThan(bytes.length * 0.8);
    store.sent = 0;
    name = `job_${++jobs}`;
    const some = job('wide.parquet', 'transform:\n  - select: [id, n, s]\n  - filter: id >= 0\n');
    await project.ok(some);
    expect(store.sent).toBeLessThan(bytes.length * 0.6);
    expect(await project.rows(some, `SELECT sum(id)::VARCHAR, sum(n)::VARCHAR, max(s.x) FROM ${name}`)).toEqual(
      wanted.getRowsJson(),
    );
    expect(await project.rows(some, `SELECT column_name FROM (DESCRIBE ${name})`)).toEqual([['id'], ['n'], ['s']]);
  });

  it('what does not fit on the disk together is read in batches, in one task and in four', async () => {
    const body = `id,text\n${Array.from({ length: 3300 }, (_, i) => `${i},${'z'.repeat(900)}`).join('\n')}\n`;
    for (let i = 0; i < 12; i++) store.put(`in/${i}.csv`, body);
    const sums: unknown[] = [];
    for (const [workers, memory] of [
      [1, '128MB'],
      [4, '1GB'],
    ] as const) {
      name = `job_${++jobs}`;
      const yaml = job('in/*.csv', `compute:\n  workers: {min: ${workers}, max: ${workers}}\n  memory: ${memory}\n`);
      const { counts } = await project.ok(yaml);
      expect(counts.rows_written).toBe(39_600);
      sums.push(await project.rows(yaml, `SELECT count(*), sum(id)::bigint, sum(length(text))::bigint FROM ${name}`));
    }
    expect(sums[0]).toEqual(sums[1]);
  });
});
