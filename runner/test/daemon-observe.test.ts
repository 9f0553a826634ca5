import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type TestDatabase, testDatabase } from '../../core/test/postgres.ts';
import { secretStore } from '../src/secrets/secret-store.ts';
import { openStore } from '../src/store/store.ts';
import { folderWith, sluice } from './cli.ts';
import { until } from './harness.ts';

const SLUICE = fileURLToPath(new URL('../dist/sluice.js', import.meta.url));
const CANARY = 'canary-Zq9';

let db: TestDatabase;
let project: Awaited<ReturnType<typeof folderWith>>;
let daemon: ChildProcess;
let said = '';
const hook = createServer((request, response) => {
  request.resume();
  response.end();
  told.push(request);
  hook.emit('told');
});
const told: IncomingMessage[] = [];
const env = () => ({ DATABASE_URL: db.url, SLUICE_SECRET_KEY: Buffer.alloc(32, 7).toString('base64') });

beforeAll(async () => {
  db = await testDatabase();
  await new Promise<void>((resolve) => hook.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(hook.address() as AddressInfo).port}`;
  project = await folderWith({
    'sluice.yaml': `version: 1
name: watched
channels:
  hook:
    type: webhook
    url: ${url}/told
    headers:
      Authorization: Bearer \${secret:store/hook}
`,
    'jobs/load.yaml': `name: load
source:
  type: local
  path: in/*.csv
  on_no_data: fail
destination:
  type: local
  path: out
notify: hook
`,
  });
  const store = await openStore({ url: db.url });
  const key = { project: 'watched', target: 'default' };
  await secretStore({ ...key, store, projectDir: project.dir, env: env() }).put('hook', CANARY, null);
  await store.close();
  const { PATH = '', HOME = '' } = process.env;
  daemon = spawn(process.execPath, [SLUICE, 'daemon', '--port', '0', '--log-level', 'debug'], {
    cwd: project.dir,
    env: { PATH, HOME, ...env() },
  });
  for (const output of [daemon.stdout, daemon.stderr])
    output?.on('data', (chunk) => {
      said += chunk;
      daemon.emit('said');
    });
  while (!/Ctrl-C/.test(said)) await once(daemon, 'said');
});
afterAll(async () => {
  if (daemon?.exitCode === null) {
    daemon.kill('SIGKILL');
    await once(daemon, 'close');
  }
  hook.closeAllConnections();
  await new Promise((resolve) => hook.close(resolve));
  await project?.remove();
  await db?.drop();
});

it('a daemon tells channels, serves figures, and shows no secret of theirs', async () => {
  const address = JSON.parse(await readFile(`${project.dir}/.sluice/daemon.json`, 'utf8'));
  const at = `http://127.0.0.1:${address.port}`;
  const headers = { authorization: `Bearer ${address.token}` };
  const start = async () => {
    const ask = () => fetch(`${at}/api/v1/jobs/load/start`, { method: 'POST', headers });
    let answer!: Response;
    // The job is there once the daemon has applied the files.
    await until(async () => {
      answer = await ask();
      return answer.status !== 404;
    });
    expect(answer.status, await answer.text()).toBe(202);
  };
  const next = async (count: number) => {
    while (told.length < count) await once(hook, 'told');
    return told[count - 1]!;
  };
  await start();
  expect((await next(1)).headers).toMatchObject({ authorization: `Bearer ${CANARY}`, 'x-sluice-event': 'failure' });
  await mkdir(`${project.dir}/in`, { recursive: true });
  await writeFile(`${project.dir}/in/a.csv`, 'id\n1\n2\n');
  await start();
  expect((await next(2)).headers).toMatchObject({ 'x-sluice-event': 'recovery' });

  const figures = async () => (await fetch(`${at}/metrics`)).text();
  // The channel has its answer a moment before the daemon has counted it.
  const delivered = /^sluice_deliveries_total\{type="webhook",outcome="delivered",.*\} 2$/m;
  await expect.poll(figures, { timeout: 30_000 }).toMatch(delivered);
  const metrics = await figures();
  expect(metrics).toMatch(/^sluice_runs_total\{kind="manual",status="failed",.*\} 1$/m);
  expect(metrics).toMatch(/^sluice_runs_total\{kind="manual",status="succeeded",.*\} 1$/m);
  expect(metrics).toMatch(/^sluice_rows_written_total\{.*\} 2$/m);
  expect(metrics).toMatch(/^sluice_jobs\{state="applied",.*\} 1$/m);

  const routes = ['jobs', 'jobs/load', 'jobs/load/executions', 'jobs/load/logs', 'plan', 'audit', 'me'];
  const answers = await Promise.all(
    routes.map(async (route) => {
      const answer = await fetch(`${at}/api/v1/${route}`, { headers });
      expect(answer.status, route).toBe(200);
      return answer.text();
    }),
  );
  const history = await sluice(['notifications', '--json'], { cwd: project.dir, env: env() });
  expect(JSON.parse(history.stdout)).toMatchObject([
    { job: 'load', event: 'recovery', channel: 'hook', state: 'delivered' },
    { job: 'load', event: 'failure', channel: 'hook', state: 'delivered' },
  ]);
  daemon.kill('SIGTERM');
  const [code] = await once(daemon, 'close');
  expect(code, said).toBe(0);
  expect([...answers, metrics, history.stdout, said].join('\n')).not.toContain(CANARY);
  expect(said).toMatch(/"msg":"ended"/);
});
