import { generateKeyPairSync } from 'node:crypto';
import { mkdir, readFile, utimes, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { DuckDBInstance } from '@duckdb/node-api';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { glance } from '../src/engine/glance.ts';
import { inferStream } from '../src/engine/infer.ts';
import type { Json } from '../src/index.ts';
import { resolveReferences } from '../src/index.ts';
import type { LocalFile, SourceSession, Split } from '../src/model/component.ts';
import { type EngineProject, engineProject } from './engine.ts';
import { FakeS3 } from './fake-s3.ts';
import { missing, TcpProxy } from './processes.ts';
import { type SshServer, startSshd } from './sshd.ts';

const MB = 1_000_000;
const LINE = 'id,name,placed_at\n';
const rows = (bytes: number): string => {
  const line = '17,"a ""quoted"" text, with a comma",2026-03-01 10:00:00\n';
  return LINE + line.repeat(Math.ceil(bytes / line.length));
};

const lacks = missing('sshd');

describe('a glance at a source', () => {
  let project: EngineProject;
  let store: FakeS3;
  let jobs = 0;

  beforeAll(async () => {
    project = await engineProject({ KEY: 'key', SECRET: 'secret' });
    store = await FakeS3.start();
  });
  beforeEach(() => {
    store.objects.clear();
    store.requests.length = 0;
    store.sent = 0;
  });
  afterAll(async () => {
    await store.stop();
    await project.close();
  });

  async function streamOf(source: string) {
    const [symbols] = project.compile(`name: job_${++jobs}\nsource:\n${source}`).streams;
    const values = { env: project.env, file: () => null, stream: symbols!.name };
    return resolveReferences(symbols as unknown as Json, values).value as unknown as NonNullable<typeof symbols>;
  }

  async function look(source: string) {
    const spool = join(project.dir, `look-${++jobs}`);
    await mkdir(spool, { recursive: true });
    return await inferStream({
      stream: await streamOf(source),
      projectDir: project.dir,
      spool,
      rows: 20_000,
      memory: 500 * MB,
      threads: 2,
      glance: true,
      signal: new AbortController().signal,
      log: () => {},
    });
  }

  const s3 = (path: string): string =>
    `  type: s3\n  endpoint: ${store.url}\n  bucket: lake\n  access_key_id: \${env:KEY}\n  secret_access_key: \${env:SECRET}\n  path: "${path}"\n`;
  const names = ({ columns }: Awaited<ReturnType<typeof look>>) => columns.map(({ from, type }) => `${from} ${type}`);

  it('reads the newest files of this machine up to 8 MB, and of a larger one its first lines', async () => {
    await project.file('big/a.csv', rows(30 * MB));
    const found = await look('  type: local\n  path: big/*.csv\n');
    expect(names(found)).toEqual(['id bigint', 'name text', 'placed_at timestamp']);
    const session = { fetch: async (split: Split) => fileOf(split) } as unknown as SourceSession;
    const fileOf = ({ file, ordinal, bytes }: Split): LocalFile => ({
      path: join(project.dir, file!.path),
      name: file!.path,
      size: bytes ?? 0,
      modified_at: null,
      ordinal,
    });
    const split = (path: string, size: number, ordinal: number): Split => ({
      ordinal,
      bytes: size,
      file: { path, size, modified_at: null, etag: null },
      detail: {},
    });
    const folder = join(project.dir, 'glance');
    const work = { session, folder, settings: {}, signal: new AbortController().signal, engine: null as never };
    const stream = await streamOf('  type: local\n  path: big/*.csv\n');
    const large = await glance(work, [split('big/a.csv', 30 * MB, 0)], stream);
    expect(large.files).toMatchObject([{ name: 'big/a.csv', path: expect.stringMatching(/glance/) }]);
    expect(large.files[0]!.size).toBeLessThanOrEqual(8 * MB);
    expect(large.files[0]!.size).toBeGreaterThan(7.9 * MB);
    for (const name of ['b', 'c', 'd', 'e']) await project.file(`many/${name}.csv`, rows(3 * MB));
    const splits = ['b', 'c', 'd', 'e'].map((name, i) => split(`many/${name}.csv`, 3 * MB, i));
    const several = await glance(work, splits, stream);
    expect(several.files.map(({ name }) => name)).toEqual(['many/d.csv', 'many/e.csv']);
  });

  it('of files elsewhere asks for one list and 4 MB of the newest object', async () => {
    for (let i = 0; i < 1500; i++)
      store.put(`in/${String(i).padStart(4, '0')}.csv`, 'old\n1\n', '2026-01-01T10:00:00.000Z');
    store.put('in/0500.csv', rows(20 * MB), '2026-02-01T10:00:00.000Z');
    const found = await look(s3('in/*.csv'));
    expect(names(found)).toEqual(['id bigint', 'name text', 'placed_at timestamp']);
    expect(store.requests.filter(({ path }) => path.includes('list-type=2'))).toHaveLength(1);
    expect(store.requests).toHaveLength(2);
    expect(store.sent).toBeLessThanOrEqual(4 * MB);
  });

  it('of a large Parquet file reads only what names its columns', async () => {
    const db = await (await DuckDBInstance.create()).connect();
    const path = join(project.dir, 'large.parquet');
    await db.run(
      `COPY (SELECT i AS id, md5(i::text) AS name, DATE '2026-01-01' AS day FROM range(700000) t(i)) TO '${path}' (FORMAT parquet, COMPRESSION uncompressed)`,
    );
    const bytes = await readFile(path);
    expect(bytes.length).toBeGreaterThan(9 * MB);
    store.put('p/a.parquet', bytes);
    const found = await look(s3('p/*.parquet'));
    expect(names(found)).toEqual(['id bigint', 'name text', 'day date']);
    expect(store.sent).toBeLessThan(1 * MB);
    expect(names(await look('  type: local\n  path: large.parquet\n'))).toEqual(names(found));
  });

  it('says so where a file cannot be read in part', async () => {
    const noise = Array.from(
      { length: 400_000 },
      (_, i) => `${i},${Math.imul(i, 2654435761) >>> 0},${Math.imul(i, 40503) >>> 0}`,
    );
    store.put('z/a.csv.gz', gzipSync(noise.join('\n')));
    store.put('j/a.json', `[${'{"a":"some text of an element"},'.repeat(200_000)}{"a":"b"}]`);
    await expect(look(s3('z/*.csv.gz'))).rejects.toMatchObject({ code: 'columns/large' });
    await expect(look(s3('j/*.json'))).rejects.toMatchObject({ code: 'columns/large' });
    expect(store.sent).toBeLessThanOrEqual(8 * MB);
  });

  describe('an API', () => {
    let server: Server;
    const asked: string[] = [];
    let status = 200;
    let body = '';
    beforeAll(async () => {
      server = createServer((request, response) => {
        asked.push(`${request.method} ${request.url}`);
        response.writeHead(status, { 'content-type': 'application/json' });
        response.end(body);
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    });
    beforeEach(() => {
      asked.length = 0;
      status = 200;
    });
    afterAll(() => void server.close());
    const api = (more: string): string =>
      `  type: http\n  base_url: http://127.0.0.1:${(server.address() as AddressInfo).port}\n  path: /orders\n${more}`;

    it('is asked for one page, once, and never by POST', async () => {
      body = JSON.stringify([{ id: 1, total: 1.5 }]);
      const paged = '  pagination: {type: page, param: page}\n';
      expect(names(await look(api(paged)))).toEqual(['id bigint', 'total double']);
      expect(asked).toHaveLength(1);
      status = 503;
      await expect(look(api(paged))).rejects.toBeInstanceOf(Error);
      expect(asked).toHaveLength(2);
      await expect(look(api('  method: POST\n'))).rejects.toMatchObject({ code: 'columns/post' });
      expect(asked).toHaveLength(2);
    });

    it('gives no more than 4 MB', async () => {
      body = JSON.stringify(Array.from({ length: 200_000 }, (_, id) => ({ id, text: 'more and more of it' })));
      await expect(look(api(''))).rejects.toMatchObject({ code: 'columns/large' });
    });
  });

  describe.skipIf(lacks)(`an SFTP server${lacks ? ` (${lacks})` : ''}`, () => {
    let server: SshServer;
    let proxy: TcpProxy;
    beforeAll(async () => {
      server = await startSshd();
      proxy = await TcpProxy.start(server.port);
    });
    afterAll(async () => {
      await proxy?.stop();
      await server?.stop();
    });
    const sftp = (key: string): string =>
      `  type: sftp\n  host: 127.0.0.1\n  port: ${proxy.port}\n  user: ${server.user}\n  private_key_file: ${key}\n  host_key: "${server.fingerprint}"\n  root: ${server.dir}/files\n  path: in/*.csv\n`;

    it('is read up to 4 MB of its newest file, and asked to let in once', async () => {
      await mkdir(join(server.dir, 'files/in'), { recursive: true });
      await writeFile(join(server.dir, 'files/in/old.csv'), 'old\n1\n');
      await utimes(join(server.dir, 'files/in/old.csv'), 1_600_000_000, 1_600_000_000);
      await writeFile(join(server.dir, 'files/in/new.csv'), rows(20 * MB));
      await utimes(join(server.dir, 'files/in/new.csv'), 1_700_000_000, 1_700_000_000);
      const found = await look(sftp(await server.key('own', '-t', 'ed25519', '-N', '')));
      expect(names(found)).toEqual(['id bigint', 'name text', 'placed_at timestamp']);
      expect(proxy.received).toBeLessThan(4.2 * MB);
      const before = proxy.connections;
      const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
      await writeFile(join(project.dir, 'stranger'), privateKey.export({ type: 'pkcs1', format: 'pem' }));
      await expect(look(sftp(join(project.dir, 'stranger')))).rejects.toMatchObject({ kind: 'config' });
      expect(proxy.connections - before).toBe(1);
    });
  });

  it('of a database reads columns and no row', async () => {
    const path = join(project.dir, 'shop.duckdb');
    const db = await (await DuckDBInstance.create(path)).connect();
    await db.run(
      'CREATE TABLE orders AS SELECT 1 AS id, error(CASE WHEN 1 = 1 THEN NULL END) AS x, 2.5::DECIMAL(9,2) AS total',
    );
    await db.run("CREATE VIEW broken AS SELECT id, CAST('no number' || id AS INTEGER) AS n FROM orders");
    db.closeSync();
    const found = await look('  type: duckdb\n  path: shop.duckdb\n  table: broken\n');
    expect(names(found)).toEqual(['id int', 'n int']);
    expect(found.sampled_rows).toBe(0);
  });
});
