import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { HttpServer, json } from '../../core/test/http-server.ts';
import { type TestDatabase, testDatabase } from '../../core/test/postgres.ts';
import { folderWith, sluice, startSluice } from './cli.ts';

/** A source that breaks off in the middle fails the run, loads nothing twice and leaves nothing out. */

let db: TestDatabase;
let api: HttpServer;
let dir: string;
let remove: () => Promise<void>;

beforeAll(async () => {
  db = await testDatabase();
  api = await HttpServer.start();
  const job = (name: string) => `name: ${name}
source:
  type: http
  base_url: ${api.url}
  path: rows
  records: rows
  pagination: {type: page, page_size: 10}
destination:
  type: duckdb
`;
  ({ dir, remove } = await folderWith({ 'cut.yaml': job('cut'), 'killed.yaml': job('killed') }));
});
afterAll(async () => {
  await remove?.();
  await api?.stop();
  await db?.drop();
});

const options = () => ({ cwd: dir, env: { DATABASE_URL: db.url, SLUICE_RETRY_MS: '20' } });
const page = (n: number) => ({ rows: n > 4 ? [] : Array.from({ length: 10 }, (_, i) => ({ id: (n - 1) * 10 + i })) });

async function heals(name: string): Promise<void> {
  api.handler = ({ query }, response) => json(response, page(Number(query.page ?? 1)));
  const again = await sluice(['run', `${name}.yaml`, '--json'], options());
  expect([again.code, JSON.parse(again.stdout).rows_written]).toEqual([0, 40]);
  const rows = await sluice(
    ['sql', '--json', `select count(*) as n, count(distinct id) as ids from ${name}`],
    options(),
  );
  expect(JSON.parse(rows.stdout)).toEqual([{ n: 40, ids: 40 }]);
}

it('an answer that is cut off each time', async () => {
  api.handler = ({ query }, response) => {
    const n = Number(query.page ?? 1);
    if (n !== 3) return json(response, page(n));
    const body = JSON.stringify(page(n)).padEnd(500);
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': 500 });
    response.write(body.slice(0, 200), () => response.destroy());
  };
  const { code, stdout } = await sluice(['run', 'cut.yaml', '--json'], options());
  const result = JSON.parse(stdout);
  expect([code, result.status, result.checkpoint]).toEqual([1, 'failed', null]);
  expect(result.error.message).toContain('page 3');
  const [run] = await db.query(`SELECT state, error->>'message' AS message FROM sluice.runs WHERE job = 'cut'`);
  expect(run).toMatchObject({ state: 'failed', message: expect.stringContaining('page 3') });
  await heals('cut');
});

it('a process that is killed while it waits for an answer', async () => {
  let pid = 0;
  api.handler = ({ query }, response) => {
    const n = Number(query.page ?? 1);
    if (n !== 3) return json(response, page(n));
    const [executor] = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ');
    process.kill(Number(executor), 'SIGKILL');
  };
  const { child, ended } = startSluice(['run', 'killed.yaml', '--json'], options());
  pid = child.pid ?? 0;
  const { code, stdout } = await ended;
  expect([code, JSON.parse(stdout).status, JSON.parse(stdout).error.code]).toEqual([1, 'failed', 'run/executor-died']);
  const [run] = await db.query(`SELECT state FROM sluice.runs WHERE job = 'killed'`);
  expect(run).toEqual({ state: 'failed' });
  await heals('killed');
});
