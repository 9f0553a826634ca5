import { CreateBucketCommand, ListObjectsV2Command, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type EngineProject, engineProject } from './engine.ts';
import { noVersity, type SigningServer, startVersity } from './versitygw.ts';

describe.skipIf(noVersity)(`s3 against a server that checks signatures${noVersity ? ` (${noVersity})` : ''}`, () => {
  let server: SigningServer;
  let client: S3Client;
  let project: EngineProject;

  beforeAll(async () => {
    process.env.SLUICE_RETRY_MS = '20';
    server = await startVersity();
    client = server.client();
    await client.send(new CreateBucketCommand({ Bucket: 'lake' }));
    project = await engineProject({
      KEY: server.key,
      SECRET: server.secret,
      WRONG: 'S3cr/et+value',
      OTHER: 'other-key',
    });
  });
  afterAll(async () => {
    client?.destroy();
    await server?.stop();
    await project?.close();
  });

  const s3 = (keys = { id: 'KEY', secret: 'SECRET' }, more = '') =>
    `type: s3\n  endpoint: ${server.url}\n  bucket: lake\n  access_key_id: \${env:${keys.id}}\n  secret_access_key: \${env:${keys.secret}}\n${more}`;
  const read = (name: string, path: string, keys?: { id: string; secret: string }) =>
    `name: ${name}\nsource:\n  ${s3(keys)}  path: ${JSON.stringify(path)}\n  format: csv\ncolumns:\n  - name: file\n    metadata: path\n`;
  const write = (name: string, keys?: { id: string; secret: string }, more = '') =>
    `name: ${name}\nsource:\n  type: local\n  path: ${name}/*.csv\ndestination:\n  ${s3(keys)}  path: "out/${name}"\n${more}`;

  const KEYS = [
    'a b.csv',
    'a+b.csv',
    'a%20b.csv',
    'r&d=1#x.csv',
    'é.csv',
    'd=2026-01-01/日本 😀.csv',
    "it's (1)~!$,;@.csv",
  ];

  it('keys of any letters are listed, read and cleared away under signatures that hold', async () => {
    for (const [i, key] of KEYS.entries())
      await client.send(new PutObjectCommand({ Bucket: 'lake', Key: `in/${key}`, Body: `id\n${i + 1}\n` }));
    const yaml = read('odd', 'in/**/*.csv').replace('  format:', '  after_load: {move: "kept"}\n  format:');
    expect((await project.ok(yaml)).counts.rows_written).toBe(KEYS.length);
    expect(await project.rows(yaml, 'SELECT id, file FROM odd ORDER BY id')).toEqual(
      KEYS.map((key, i) => [String(i + 1), `in/${key}`]),
    );
    const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket: 'lake' }));
    expect(Contents.map(({ Key }) => Key).sort()).toEqual(KEYS.map((key) => `kept/${key}`).sort());
    for (const [i, key] of KEYS.entries()) {
      if (/[()!]/.test(key)) continue;
      // Patterns have no way to say such a sign, a path without one is the key itself.
      const one = read(`one${i}`, `kept/${key}`);
      expect([key, (await project.ok(one)).counts.rows_written]).toEqual([key, 1]);
    }
  });

  it('commits are written where a store heeds conditions, under signatures that hold', async () => {
    const yaml = write('days', undefined, '  partition_by: [day]\n');
    for (const n of [1, 2]) {
      await project.file(`days/${n}.csv`, `id,day\n${n},a b+c\n${n}0,é/=\n`);
      expect((await project.ok(yaml)).counts.rows_written).toBe(2);
    }
    expect((await project.ok(yaml)).outcome?.empty).toBe(true);
    expect(await project.rows(yaml, 'SELECT id, day FROM days ORDER BY id')).toEqual([
      ['1', 'a b+c'],
      ['2', 'a b+c'],
      ['10', 'é/='],
      ['20', 'é/='],
    ]);
  });

  it.each([
    ['a secret of another key', { id: 'KEY', secret: 'WRONG' }, 'auth', /secret does not belong/],
    ['a key that is not known', { id: 'OTHER', secret: 'SECRET' }, 'failed', /No user exists/],
  ] as const)(
    '%s is told by name, of a source and of a destination, and shown in neither',
    async (_, keys, code, words) => {
      await project.file('refused/1.csv', 'id\n1\n');
      for (const [yaml, side] of [
        [read('r1', 'in/*.csv', keys), 'source'],
        [read('r2', 'in/a.csv', keys), 'source'],
        [write('refused', keys), 'destination'],
      ] as const) {
        const { error } = await project.run(yaml);
        expect(error).toMatchObject({ code: `${side}/${code}`, kind: 'config' });
        expect(error?.message).toMatch(words);
        expect(JSON.stringify(error)).not.toContain('S3cr');
      }
    },
  );
});
