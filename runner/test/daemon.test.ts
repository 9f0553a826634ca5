import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { startServer } from '../../core/test/postgres-server.ts';
import { readAddress } from '../src/observe/address.ts';
import { openStore, type Store } from '../src/store/store.ts';
import { folderWith, sluice } from './cli.ts';
import { type DaemonProcess, startDaemon } from './daemons.ts';
import { type TestProject, testProject, until } from './harness.ts';

let project: TestProject;
let store: Store;
let server: Server;
/** Requests that wait for their answer. */
const held: ServerResponse[] = [];
let holds = false;
const daemons: DaemonProcess[] = [];
const key = { project: 'daemon', target: 'default' };

beforeAll(async () => {
  project = await testProject();
  store = await openStore({ url: project.db.url });
  server = createServer((_request, response) => {
    if (holds) held.push(response);
    else answer(response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  await writeFile(project.path('sluice.yaml'), 'version: 1\nname: daemon\n');
  const { port } = server.address() as AddressInfo;
  await writeFile(project.path('slow.sluice.yaml'), yaml(port));
  await writeFile(project.path('sluice.yaml'), 'version: 1\nname: daemon\njobs: ["*.sluice.yaml"]\n');
});

afterEach(async () => {
  holds = false;
  for (const { child, ended } of daemons.splice(0)) {
    child.kill('SIGKILL');
    await ended;
  }
  for (const response of held.splice(0)) response.destroy();
  // They end by themselves once their daemon is gone: the next test counts rows.
  await until(() => project.executors().length === 0);
  await project.db.query('DELETE FROM sluice.nodes');
});

afterAll(async () => {
  server?.close();
  await store?.close();
  await project?.close();
});

function answer(response: ServerResponse): void {
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify([{ id: 1 }, { id: 2 }, { id: 3 }]));
}

function yaml(port: number): string {
  return `name: slow
source:
  type: http
  base_url: http://127.0.0.1:${port}
  path: /rows
columns:
  - name: id
    type: bigint
destination:
  type: postgres
  url: \${env:WAREHOUSE_URL}
  schema: wh
  table: slow
  write_disposition: append
retries:
  max: 3
  delay: 1s
  backoff: fixed
`;
}

/** Two tasks, so that rows are staged before they are committed. */
function stagedJob(): string {
  return `name: staged
source:
  type: local
  path: in/*.csv
destination:
  type: postgres
  url: \${env:WAREHOUSE_URL}
  schema: wh
  table: staged
compute:
  workers: {min: 2, max: 2}
`;
}

const env = () => ({ ...project.env, DATABASE_URL: project.db.url });

async function start(...flags: string[]): Promise<DaemonProcess> {
  const daemon = startDaemon({ cwd: project.dir, env: env(), flags: ['--no-api', ...flags] });
  daemons.push(daemon);
  await daemon.started;
  await until(async () => (await store.jobs.find(key, 'slow')) !== null);
  return daemon;
}

const cli = (...args: string[]) => sluice(args, { cwd: project.dir, env: env() });

/** Starts the job and waits until its source was asked. */
async function begun(): Promise<string> {
  holds = true;
  const { stdout, code } = await cli('start', 'slow', '--reason', 'a test', '--json');
  expect(code).toBe(0);
  await until(() => held.length > 0);
  return JSON.parse(stdout).runs[0];
}

function release(): void {
  holds = false;
  for (const response of held.splice(0)) answer(response);
}

const rows = async () => Number((await project.db.query('SELECT count(*) AS n FROM wh.slow'))[0]?.n);
const stateOf = async (run: string) => (await store.findRun(run))?.state;

it('runs what it is asked for, and its log and figures are there', async () => {
  const daemon = await start();
  const refused = await cli('run', 'slow');
  expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('run/daemon')]);
  const run = await begun();
  expect((await cli('start', 'slow')).stderr).toContain('run/busy');
  // The executor is measured once a second: a run that ended before would have no figure of it.
  const measured = async () => (await store.metrics.read(run)).filter(({ memory_bytes }) => memory_bytes !== null);
  await until(async () => (await measured()).length > 0);
  release();
  const followed = await cli('logs', run, '-f');
  expect([followed.code, followed.stdout]).toEqual([0, expect.stringContaining('Run succeeded')]);
  expect(await store.findRun(run)).toMatchObject({ state: 'succeeded', reason: 'a test', counts: { rows_written: 3 } });
  const metric = await store.metrics.latest(run);
  expect(metric).toMatchObject({ rows_read: 3, rows_rejected: 0, workers: 1 });
  expect((await cli('runs', 'slow', '--json')).stdout).toContain(run);
  expect(await readAddress(project.dir)).toMatchObject({ pid: daemon.child.pid, project: 'daemon', port: null });
  daemon.child.kill('SIGTERM');
  expect(await daemon.ended).toMatchObject({ code: 0 });
  expect(await readAddress(project.dir)).toBeNull();
  expect(await store.nodes.list(key)).toEqual([]);
});

it('hands a run that does not end in time to the next daemon', async () => {
  const before = await rows();
  const first = await start('--drain', '0s');
  const run = await begun();
  first.child.kill('SIGTERM');
  expect(await first.ended).toMatchObject({ code: 0 });
  expect(await store.findRun(run)).toMatchObject({ state: 'queued', attempt: 1, handovers: 0, host: null });
  release();
  await start();
  await until(async () => (await stateOf(run)) === 'succeeded');
  expect(await store.findRun(run)).toMatchObject({ attempts: [{ attempt: 1 }, { attempt: 2, error: null }] });
  expect(await rows()).toBe(before + 3);
});

it('stops a run, gracefully and at once, and leaves nothing behind', async () => {
  await start();
  const before = await rows();
  for (const flags of [[], ['--hard']]) {
    const run = await begun();
    expect((await cli('stop', 'slow', ...flags)).stdout).toContain(run);
    await until(async () => (await stateOf(run)) === 'cancelled');
    release();
  }
  expect(await rows()).toBe(before);
  expect(await store.jobs.find(key, 'slow')).toMatchObject({ status: 'cancelled' });
  expect(await project.leftovers()).toEqual([]);
});

it('removes what a deleted job left staged', async () => {
  for (const name of ['a', 'b']) await project.file(`in/${name}.csv`, 'id\n1\n2\n');
  const staged = stagedJob();
  const first = await project.spawn(staged, { SLUICE_FAULT: 'protocol.commit.before=stop' });
  await until(async () => (await project.leftovers()).some((name) => name.includes('_sluice_stage')));
  first.child.kill('SIGKILL');
  project.killExecutors();
  await first.ended;
  await writeFile(project.path('staged.sluice.yaml'), staged);
  await start();
  await until(async () => (await store.jobs.find(key, 'staged')) !== null);
  await project.remove('staged.sluice.yaml');
  await until(async () => (await store.openIntents({ ...key, job: 'staged' })).length === 0);
  expect((await project.leftovers()).filter((name) => !name.startsWith('spool/'))).toEqual([]);
});

it('goes on when every connection to Postgres is cut', async () => {
  const daemon = await start();
  const before = await rows();
  const run = await begun();
  await project.db.query(
    'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()',
  );
  release();
  await until(async () => (await stateOf(run).catch(() => null)) === 'succeeded');
  expect(await rows()).toBe(before + 3);
  expect(daemon.child.exitCode).toBeNull();
});

it('goes on when Postgres is stopped and comes back', async () => {
  // It is killed: what it said was committed has to be there afterwards.
  const postgres = await startServer({ synchronous_commit: 'on' });
  const { dir, remove } = await folderWith({
    'sluice.yaml': 'version: 1\nname: daemon\njobs: ["*.sluice.yaml"]\n',
    'slow.sluice.yaml': yaml((server.address() as AddressInfo).port),
  });
  const at = { cwd: dir, env: { WAREHOUSE_URL: postgres.url, DATABASE_URL: postgres.url } };
  const daemon = startDaemon(at);
  daemons.push(daemon);
  const own = await openStore({ url: postgres.url });
  try {
    await daemon.started;
    await until(async () => (await own.jobs.find(key, 'slow')) !== null);
    holds = true;
    const started = await sluice(['start', 'slow', '--json'], at);
    const run = JSON.parse(started.stdout).runs[0];
    await until(() => held.length > 0);
    await postgres.kill();
    // The daemon has seen that it is away before it comes back.
    await until(() => daemon.log.some(({ code }) => code === 'store/unreachable'));
    await postgres.start();
    release();
    await until(async () => (await own.findRun(run).catch(() => null))?.state === 'succeeded');
    expect((await own.findRun(run))?.counts).toMatchObject({ rows_written: 3 });
    daemon.child.kill('SIGTERM');
    expect(await daemon.ended).toMatchObject({ code: 0 });
  } finally {
    daemon.child.kill('SIGKILL');
    await own.close();
    await postgres.stop();
    await remove();
  }
});
