import { CreateBucketCommand, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PARTS } from '../src/connectors/s3/source.ts';
import { type EngineProject, engineProject } from './engine.ts';
import { clientOf, noMoto, type S3Server, startMoto } from './moto.ts';

describe.skipIf(noMoto)(`s3 against a server${noMoto ? ` (${noMoto})` : ''}`, () => {
  let server: S3Server;
  let client: S3Client;
  let project: EngineProject;
  let buckets = 0;

  beforeAll(async () => {
    server = await startMoto();
    client = clientOf(server.url);
    project = await engineProject({ KEY: 'key', SECRET: 'secret' });
  });
  afterAll(async () => {
    client?.destroy();
    await server?.stop();
    await project?.close();
  });

  async function bucket(objects: Record<string, string | Buffer>): Promise<string> {
    const name = `bucket-${++buckets}`;
    await client.send(new CreateBucketCommand({ Bucket: name }));
    await put(name, objects);
    return name;
  }

  async function put(name: string, objects: Record<string, string | Buffer>): Promise<void> {
    const left = Object.entries(objects);
    const one = async () => {
      for (let next = left.shift(); next; next = left.shift()) {
        await client.send(new PutObjectCommand({ Bucket: name, Key: next[0], Body: Buffer.from(next[1]) }));
      }
    };
    await Promise.all(Array.from({ length: 16 }, one));
  }

  const job = (name: string, path: string, more = '', use = '') => `
name: ${name.replaceAll('-', '_')}
source:
  type: s3
  endpoint: ${server.url}
  bucket: ${name}
  access_key_id: \${env:KEY}
  secret_access_key: \${env:SECRET}
  path: ${JSON.stringify(path)}
${use}${more}`;

  it.each([1, 4])('keys come through byte for byte, each once (%i workers)', async (workers) => {
    const keys = [
      'in/a b.csv',
      'in/a+b.csv',
      'in/a%20b.csv',
      'in/r&d=1#x.csv',
      'in/é.csv',
      'in/[x]*.csv',
      "in/it's.csv",
    ];
    const name = await bucket(Object.fromEntries(keys.map((key, i) => [key, `id\n${i + 1}\n`])));
    const yaml = job(
      name,
      'in/*',
      `columns:\n  - name: file\n    metadata: path\ncompute:\n  workers:\n    min: ${workers}\n    max: ${workers}\n`,
      '  format: csv\n',
    );
    const first = await project.ok(yaml);
    expect(first.counts.rows_written).toBe(keys.length);
    const rows = await project.rows(yaml, `SELECT id, file FROM ${name.replaceAll('-', '_')} ORDER BY id`);
    expect(rows).toEqual(keys.map((key, i) => [String(i + 1), key]));
    expect((await project.ok(yaml)).outcome?.empty).toBe(true);
    await put(name, { 'in/late.csv': 'id\n99\n' });
    expect((await project.ok(yaml)).counts.rows_written).toBe(1);
  });

  it('lists beyond one page, and folders below only where the pattern asks for them', async () => {
    const objects: Record<string, string> = { 'p/': '', 'p/sub/x.csv': 'id\n5000\n' };
    for (let i = 0; i <= 120; i++) objects[`p/${String(i).padStart(4, '0')}.csv`] = `id\n${i}\n`;
    const name = await bucket(objects);
    const table = name.replaceAll('-', '_');
    const sum = `SELECT sum(id)::bigint FROM ${table}`;
    const flat = job(name, 'p/*.csv');
    expect((await project.ok(flat)).counts.rows_written).toBe(121);
    expect(await project.rows(flat, sum)).toEqual([['7260']]);
    const deep = job(name, 'p/**/*.csv');
    expect((await project.ok(deep)).counts.rows_written).toBe(1);
    expect(await project.rows(deep, sum)).toEqual([['12260']]);
  });

  it('a large object comes in parts and stays whole', async () => {
    const lines = ['id,text'];
    for (let i = 0; i < 300_000; i++) lines.push(`${i},${'x'.repeat(i % 40)}`);
    const name = await bucket({ 'big.csv': lines.join('\n') });
    const yaml = job(name, 'big.csv');
    const before = { ...PARTS };
    Object.assign(PARTS, { above: 1_000_000, bytes: 1_000_000 });
    await project.ok(yaml).finally(() => Object.assign(PARTS, before));
    expect(
      await project.rows(
        yaml,
        `SELECT count(*), sum(id)::bigint, sum(length(text))::bigint FROM ${name.replaceAll('-', '_')}`,
      ),
    ).toEqual([['300000', '44999850000', String(7500 * 780)]]);
  });

  it('says what is missing', async () => {
    const name = await bucket({});
    expect((await project.run(job('no-such-bucket', 'x/*.csv'))).error).toMatchObject({
      code: 'source/missing',
      kind: 'config',
    });
    expect((await project.run(job('no-such-bucket', 'x.csv'))).error?.code).toBe('source/missing');
    expect((await project.ok(job(name, 'x.csv'))).outcome?.empty).toBe(true);
    const closed = job(name, 'x.csv').replace(server.url, 'http://127.0.0.1:1');
    expect((await project.run(closed)).error).toMatchObject({ code: 'source/refused', kind: 'transient' });
  });
});
