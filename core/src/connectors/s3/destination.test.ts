import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import {
  AbortMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  type S3Client,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { crash } from '../../../test/crash.ts';
import { ADDRESSES, columns, type SystemUnderTest } from '../../../test/destination-driver.ts';
import { destinationFixture, LOAD, lookInto, STAGE, three, two } from '../../../test/destination-fixture.ts';
import { destinationSuite } from '../../../test/destination-suite.ts';
import { clientOf, makeBucket, noMoto, type S3Server, startMoto } from '../../../test/moto.ts';
import { destinations } from '../../registry.ts';

const folder = mkdtempSync(join(tmpdir(), 'sluice-s3-'));
const s3 = await destinations.s3!.load();
let server: S3Server;
let client: S3Client;

beforeAll(async () => {
  if (noMoto) return;
  server = await startMoto();
  client = clientOf(server.url);
  await makeBucket(server.url, 'lake');
});
afterAll(async () => {
  client?.destroy();
  await server?.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function keys(prefix = ''): Promise<string[]> {
  const found: string[] = [];
  for (let token: string | undefined; ; ) {
    const page = await client.send(
      new ListObjectsV2Command({ Bucket: 'lake', Prefix: prefix, ...(token ? { ContinuationToken: token } : {}) }),
    );
    found.push(...(page.Contents ?? []).map((object) => object.Key ?? ''));
    token = page.NextContinuationToken;
    if (!token) return found;
  }
}

async function body(key: string): Promise<Buffer> {
  const { Body } = await client.send(new GetObjectCommand({ Bucket: 'lake', Key: key }));
  return Buffer.from((await Body?.transformToByteArray()) ?? []);
}

async function uploads(table: string): Promise<{ key: string; id: string }[]> {
  const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket: 'lake' }));
  const own = Uploads.filter(({ Key }) => Key?.startsWith(`out/${table}/`));
  return own.map(({ Key = '', UploadId = '' }) => ({ key: Key, id: UploadId }));
}

let looks = 0;

/** The bucket as another program sees it: every Parquet object below a folder, whoever wrote it. */
async function select(sql: string): Promise<Record<string, string | null>[]> {
  const { writeFileSync } = await import('node:fs');
  const copy = join(folder, `look-${++looks}`);
  for (const key of await keys()) {
    if (!/\.(parquet|jsonl)$/.test(key)) continue;
    mkdirSync(dirname(join(copy, key)), { recursive: true });
    writeFileSync(join(copy, key), await body(key));
  }
  return lookInto(':memory:', sql, async (connection) => {
    await connection.run('CREATE SCHEMA raw');
    const table = /"raw"\."(\w+)"/.exec(sql)?.[1] ?? '';
    if (!table.startsWith('_'))
      await connection.run(
        `CREATE VIEW raw."${table}" AS SELECT * FROM read_parquet('${copy}/out/${table}/**/*.parquet', union_by_name = true, hive_partitioning = false)`,
      );
    else
      await connection.run(
        `CREATE VIEW raw._sluice_quarantine AS SELECT * FROM read_json('${copy}/out/*/*/_quarantine/*.jsonl', format = 'newline_delimited')`,
      );
  });
}

const settings = (table: string) => ({
  endpoint: server.url,
  bucket: 'lake',
  access_key_id: 'key',
  secret_access_key: 'S3cr/et+value',
  path: `out/${table}`,
});
const system = (more: object = {}): SystemUnderTest => ({
  destination: s3,
  settings: (table) => ({ ...settings(table), ...more }),
  schema: 'raw',
  select,
});

describe.skipIf(noMoto)(noMoto ?? 'a server', () => {
  destinationSuite('s3', () => system(), { merge: false, window: false, replace: false, forgets: false });

  describe('s3 alone', () => {
    const lab = destinationFixture(() => system());
    const state = () => keys(`out/.${lab.driver.table}.sluice/streams/`);

    test('a commit is one folder named by its id, and what it holds stands in its _commit', async () => {
      await lab.driver.run(LOAD, three(1), two);
      await lab.driver.run(STAGE, three(4), two);
      const found = await keys(`out/${lab.driver.table}/`);
      const folders = [...new Set(found.map((key) => key.split('/')[2]))];
      expect(folders).toEqual([`run-1.${lab.driver.table}.0`, `run-2.${lab.driver.table}.0`]);
      const said = JSON.parse(String(await body(`out/${lab.driver.table}/${folders[1]}/_commit`)));
      expect(said).toMatchObject({ commit_id: `run-2/${lab.driver.table}/0`, seq: 2, columns: two, format: 'parquet' });
      expect(said.files.map((file: { path: string }) => file.path).sort()).toEqual(
        found.filter((key) => key.includes('run-2') && !key.endsWith('_commit')).map((key) => key.split('/')[3]),
      );
      expect(await uploads(lab.driver.table)).toEqual([]);
    });

    test('nothing that is staged can be read, and an abort leaves nothing with the store', async () => {
      const session = await lab.driver.connect('s');
      await session.open(ADDRESSES, []);
      const request = { epoch: 0, task: 0, attempt: 1, columns: two, disposition: 'append' as const };
      await session.stage(request, lab.driver.rows(three(1), two));
      expect(await keys(`out/${lab.driver.table}/`)).toEqual([]);
      expect(await uploads(lab.driver.table)).toHaveLength(1);
      await session.abort('s');
      expect(await uploads(lab.driver.table)).toEqual([]);
    });

    test.each(['load', 'commit'] as const)(
      'a %s that dies once it is decided is finished by the next run',
      async (how) => {
        const { table } = lab.driver;
        const fault = `destination.${how}.committed=kill`;
        const way = how === 'load' ? 'load' : 'stage';
        expect(await crash('s3', settings(table), { how: way, table, fault })).toBe('SIGKILL');
        expect((await keys(`out/${table}/`)).filter((key) => key.endsWith('_commit'))).toEqual([]);
        const session = await lab.driver.connect('next');
        expect(await session.open(ADDRESSES, [])).toMatchObject({ seq: 1, commitId: `run-1/${table}/0` });
        await session.close();
        expect((await lab.driver.select()).map((r) => r.id)).toEqual(['0', '1', '2']);
        expect((await keys(`out/${table}/`)).filter((key) => key.endsWith('_commit'))).toHaveLength(1);
        expect(await uploads(lab.driver.table)).toEqual([]);
      },
    );

    test('what was decided is taken back where a rule of the bucket has cleared its uploads', async () => {
      const { table } = lab.driver;
      const fault = 'destination.commit.committed=kill';
      await crash('s3', settings(table), { how: 'stage', table, fault });
      const [first] = await uploads(lab.driver.table);
      await client.send(new AbortMultipartUploadCommand({ Bucket: 'lake', Key: first!.key, UploadId: first!.id }));
      const session = await lab.driver.connect('next');
      expect(await session.open(ADDRESSES, [])).toMatchObject({ seq: 0, commitId: null, checkpoint: null });
      await session.abort('run-1');
      await session.close();
      expect(await keys(`out/${table}/`)).toEqual([]);
      expect(await uploads(lab.driver.table)).toEqual([]);
    });

    test('cleaning up after a run that died behind its commit finishes the commit', async () => {
      const { table } = lab.driver;
      await crash('s3', settings(table), { how: 'stage', table, fault: 'destination.commit.committed=kill' });
      const session = await lab.driver.connect('cleaner');
      expect(await session.inspect()).toMatchObject({ seq: 1, commitId: `run-1/${table}/0` });
      await session.abort('run-1');
      await session.close();
      expect((await lab.driver.select()).map((r) => r.id)).toEqual(['0', '1', '2']);
    });

    test('a holder that slept through a takeover cannot commit', async () => {
      const old = await lab.driver.connect('old');
      const opened = await old.open(ADDRESSES, []);
      const rows = lab.driver.rows(three(1), two);
      rows.gate = async () => {
        const young = await lab.driver.connect('young');
        const next = await young.open(ADDRESSES, []);
        await young.load(lab.driver.epoch('young', next, two), lab.driver.rows(three(4), two));
      };
      await expect(old.load(lab.driver.epoch('old', opened, two), rows)).rejects.toMatchObject({
        code: 'commit/fenced',
      });
      await old.abort('old');
      expect((await lab.driver.select()).map((r) => r.id)).toEqual(['4', '5', '6']);
      expect(await uploads(lab.driver.table)).toEqual([]);
    });

    test('of many that open at once each gets a fence of its own, and the last one alone commits', async () => {
      const sessions = await Promise.all([1, 2, 3, 4, 5].map((n) => lab.driver.connect(`r${n}`)));
      const opened = await Promise.all(sessions.map((session) => session.open(ADDRESSES, [])));
      const fences = opened.map(({ fence }) => fence);
      expect([...fences].sort()).toEqual([1, 2, 3, 4, 5]);
      const ends = await Promise.allSettled(
        sessions.map((session, i) =>
          session.load(lab.driver.epoch(`r${i + 1}`, opened[i]!, two), lab.driver.rows(three(1), two)),
        ),
      );
      expect(ends.map((end) => end.status === 'fulfilled')).toEqual(fences.map((fence) => fence === 5));
      expect(await lab.driver.select()).toHaveLength(3);
    });

    test('a state that was removed by hand stops the run that knew it', async () => {
      const session = await lab.driver.connect('s');
      const opened = await session.open(ADDRESSES, []);
      for (const key of await state()) await client.send(new DeleteObjectCommand({ Bucket: 'lake', Key: key }));
      const load = session.load(lab.driver.epoch('s', opened, two), lab.driver.rows(three(1), two));
      await expect(load).rejects.toMatchObject({ code: 'commit/fenced' });
      await session.abort('s');
      expect(await keys(`out/${lab.driver.table}/`)).toEqual([]);
    });

    test('a replace, a window and another format are refused, and nothing is written', async () => {
      await expect(lab.driver.run(LOAD, three(1), two, { disposition: 'replace' })).rejects.toMatchObject({
        code: 'destination/append-only',
        kind: 'config',
      });
      await expect(lab.driver.run(STAGE, three(1), two, { disposition: 'replace' })).rejects.toMatchObject({
        code: 'destination/append-only',
      });
      expect(await keys(`out/${lab.driver.table}/`)).toEqual([]);
      await lab.driver.run(LOAD, three(1), two);
      const csv = lab.over(system({ format: 'csv' }));
      await expect(csv.run(LOAD, three(1), two)).rejects.toMatchObject({ code: 'destination/format-changed' });
    });

    test('a store that heeds no conditions is refused before anything is written', async () => {
      const deaf = createServer((from, to) => {
        const { 'if-match': _, 'if-none-match': __, ...headers } = from.headers;
        const on = request(`${server.url}${from.url}`, { method: from.method, headers, agent: false }, (answer) => {
          to.writeHead(answer.statusCode ?? 500, answer.headers);
          answer.pipe(to);
        });
        // As any store may: whoever asked asks again.
        on.on('error', () => to.destroy());
        from.pipe(on);
      });
      await new Promise<void>((resolve) => deaf.listen(0, '127.0.0.1', resolve));
      const { port } = deaf.address() as AddressInfo;
      const one = lab.over(system({ endpoint: `http://127.0.0.1:${port}` }), lab.driver.table);
      await expect(one.run(LOAD, three(1), two)).rejects.toMatchObject({
        code: 'destination/no-conditions',
        kind: 'config',
      });
      expect(
        (await keys('out/')).filter(
          (key) => key.includes(`${lab.driver.table}.`) || key.includes(`${lab.driver.table}/`),
        ),
      ).toEqual([]);
      deaf.closeAllConnections();
      await new Promise((resolve) => deaf.close(resolve));
    });

    test('values make folders, sizes make files, and large files come in parts', async () => {
      const parted = lab.over(system({ partition_by: ['day'], format: 'csv' }));
      const cols = columns({ id: 'int', day: 'text' });
      await parted.run(STAGE, `SELECT range::INT AS id, 'a b/' || (range % 2) AS day FROM range(8)`, cols);
      const found = (await keys(`out/${lab.driver.table}/`)).map((key) => key.split('/')[3]);
      expect(new Set(found)).toEqual(new Set(['_commit', 'day=a%20b%2F0', 'day=a%20b%2F1']));
      const big = lab.over(system({ format: 'csv' }), `${lab.driver.table}big`);
      const wide = `SELECT range::INT AS id, repeat(md5(range::VARCHAR), 8) AS s FROM range(80000)`;
      await big.run(LOAD, wide, two);
      const [key] = (await keys(`out/${lab.driver.table}big/`)).filter((one) => one.endsWith('.csv'));
      const text = String(await body(key!));
      expect(text.length).toBeGreaterThan(17 * 1024 * 1024);
      expect(text.split('\n')).toHaveLength(80_002);
      const before = await keys();
      await expect((await big.connect('t')).test()).resolves.toBeUndefined();
      expect(await keys()).toEqual(before);
    });
  });
});
