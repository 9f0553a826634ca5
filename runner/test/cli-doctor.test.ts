import { once } from 'node:events';
import { chmod, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { type TestDatabase, testDatabase } from '../../core/test/postgres.ts';
import { type CliResult, folderWith, sluice } from './cli.ts';

/** `doctor` and `discover`: what is there, and why a job would not run. */

let db: TestDatabase;
let dir: string;
let remove: () => Promise<void>;

const job = (name: string, path: string, destination = 'type: duckdb') =>
  `name: ${name}\nsource:\n  type: local\n  path: ${path}\ndestination:\n  ${destination}\n`;

beforeAll(async () => {
  db = await testDatabase();
  ({ dir, remove } = await folderWith({
    'sluice.yaml':
      'version: 1\nname: shop\nconnections:\n  files:\n    type: local\n    root: data\n  gone:\n    type: local\n    root: nowhere\n  api:\n    type: http\n    base_url: http://127.0.0.1:1\n  lake:\n    type: delta\n  web:\n    type: http\n    base_url: ${env:WEB}\n',
    'data/orders/2026-01.csv': 'id,amount\n1,2.50\n',
    'data/orders/2026-02.csv': 'id,amount\n2,3\n',
    'data/customers.ndjson': '{"id":1}\n',
    'data/notes.md': 'no data\n',
    'jobs/good.yaml': job('good', 'data/orders/*.csv'),
    'jobs/pg.yaml': job('pg', 'data/orders/*.csv', 'type: postgres\n  url: ${env:PG_URL}\n  schema: wh\n  table: t'),
    'jobs/folder.yaml': job('folder', 'data'),
    'jobs/off.yaml': `enabled: false\n${job('off', 'data')}`,
  }));
});
afterAll(async () => {
  await remove();
  await db.drop();
});

function run(args: string[], env: Record<string, string> = {}, obeysModes = false): Promise<CliResult> {
  return sluice(args, { cwd: dir, obeysModes, env: { DATABASE_URL: db.url, ...env } });
}

interface Finding {
  check: string;
  stream: string | null;
  status: string;
  code: string | null;
}

const outcomes = (stdout: string) =>
  (JSON.parse(stdout) as Finding[]).map(({ check, stream, status, code }) => [stream, check, code ?? status]);

describe('doctor', () => {
  it('tries machine, project, state and what each job needs', async () => {
    const { code, stdout } = await run(['doctor', 'good', 'pg', '--json'], { PG_URL: db.url });
    expect(outcomes(stdout)).toEqual([
      [null, 'machine', 'ok'],
      [null, 'files', 'ok'],
      [null, 'disk', 'ok'],
      [null, 'state store', 'ok'],
      ['good', 'source reach', 'ok'],
      ['good', 'source read', 'ok'],
      ['good', 'destination write', 'ok'],
      ['pg', 'source reach', 'ok'],
      ['pg', 'source read', 'ok'],
      ['pg', 'destination write', 'ok'],
    ]);
    expect(code).toBe(0);
  });

  it('writes nothing', async () => {
    const tables = await db.query(`SELECT 1 FROM information_schema.schemata WHERE schema_name = 'wh'`);
    expect(tables).toEqual([]);
  });

  it('says why not, of every job that is switched on, and shows no secret', async () => {
    const env = { PG_URL: 'postgresql://app:S3cr%40t-Zq9@127.0.0.1:1/db' };
    const { code, stdout, stderr } = await run(['doctor', '--json'], env);
    expect(code).toBe(1);
    const found = outcomes(stdout);
    expect(found).toContainEqual(['folder', 'source reach', 'source/not-a-file']);
    expect(found).toContainEqual(['pg', 'destination write', 'destination/unreachable']);
    expect(found).toContainEqual(['good', 'destination write', 'ok']);
    expect(found.some(([stream]) => stream === 'off')).toBe(false);
    expect(stdout).toContain('127.0.0.1:1');
    expect(stdout + stderr).not.toContain('S3cr');
    expect(stdout + stderr).not.toContain(Buffer.from('S3cr@t-Zq9').toString('base64').slice(0, 8));
  });

  it('names a reference without a value, and a state store that is lost', async () => {
    const { code, stdout } = await run(['doctor', 'pg', '--json'], {
      DATABASE_URL: 'postgres://u:pw-x1@127.0.0.1:2/x',
    });
    expect(code).toBe(1);
    expect(outcomes(stdout)).toContainEqual([null, 'state store', 'store/unreachable']);
    expect(outcomes(stdout)).toContainEqual(['pg', 'job', 'reference/unset']);
    expect(stdout).not.toContain('pw-x1');
  });

  it('a file that may not be read', async () => {
    const path = join(dir, 'data/orders/2026-02.csv');
    await chmod(path, 0);
    try {
      const { stdout } = await run(['doctor', 'good', '--json'], {}, true);
      expect(outcomes(stdout)).toContainEqual(['good', 'source read', 'source/unreadable']);
    } finally {
      await chmod(path, 0o644);
    }
  });
});

describe('discover', () => {
  it('shows what a connection holds, as patterns', async () => {
    const { code, stdout } = await run(['discover', 'files', '--json']);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject([
      { name: 'customers', settings: { path: 'customers.ndjson' } },
      { name: 'orders', settings: { path: 'orders/*.csv' } },
    ]);
  });

  it('writes jobs that run, and overwrites nothing', async () => {
    const made = await run(['discover', 'files', '--write']);
    expect([made.code, made.stdout]).toEqual([0, 'jobs/customers.yaml\njobs/orders.yaml\n']);
    expect((await run(['validate', 'jobs/orders.yaml', 'jobs/customers.yaml'])).code).toBe(0);
    expect((await run(['run', 'orders', '--json'])).stdout).toContain('"rows_written":2');
    await writeFile(join(dir, 'jobs/customers.yaml'), `# mine\n${job('customers', 'x.csv')}`);
    const again = await run(['discover', 'files', '--write', '--only', 'customers']);
    expect([again.code, again.stdout]).toEqual([0, '']);
    expect(again.stderr).toContain('jobs/customers.yaml');
    expect(await readFile(join(dir, 'jobs/customers.yaml'), 'utf8')).toContain('# mine');
  });

  it('looks at an address of an API, and writes a job that runs', async () => {
    const pages = [[{ id: 1 }, { id: 2 }], [{ id: 3 }]];
    const server = createServer(({ url = '' }, response) => {
      const page = Number(new URL(url, 'http://h').searchParams.get('page') ?? 1);
      const next = page < 2 ? `/v1/items?page=${page + 1}` : null;
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ results: pages[page - 1], next, previous: null }));
    }).listen(0, '127.0.0.1');
    onTestFinished(() => void server.close());
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const asked = ['discover', 'web', '--path', 'v1/items'];
    const env = { WEB: `http://127.0.0.1:${port}` };
    const made = await run([...asked, '--write'], env);
    expect([made.code, made.stdout]).toEqual([0, 'jobs/items.yaml\n']);
    expect((await run(['run', 'items', '--json'], env)).stdout).toContain('"rows_written":3');
    expect((await run(['discover', 'files', '--path', 'x'])).stderr).toContain('error[usage/path]');
  });

  it.each([
    [1, 'gone', 'source/unreachable'],
    [1, 'api', 'source/refused'],
    [1, 'lake', 'discover/unsupported'],
    [2, 'filez', 'usage/connection'],
  ])('%i: %s is %s', async (status, name, code) => {
    const { code: found, stdout, stderr } = await run(['discover', name]);
    expect([found, stdout]).toEqual([status, '']);
    expect(stderr).toContain(`error[${code}]`);
  });
});
