import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openStore, type Store } from '../src/store/store.ts';
import { sluice } from './cli.ts';
import { type DaemonProcess, startDaemon } from './daemons.ts';
import { type TestProject, testProject, until } from './harness.ts';

/** `concurrency` of sluice.yaml, by two daemons that were told of no limit: what asks this server is a run that goes on. */

const NAMES = ['a', 'b', 'c', 'd'];
const key = { project: 'limits', target: 'default' };

let project: TestProject;
let store: Store;
let server: Server;
const daemons: DaemonProcess[] = [];
/** Requests that wait for their answer. */
const held: ServerResponse[] = [];
let most = 0;

beforeAll(async () => {
  project = await testProject();
  store = await openStore({ url: project.db.url });
  server = createServer((_request, response) => {
    held.push(response);
    most = Math.max(most, held.length);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  for (const name of NAMES) {
    const source = `{type: http, connection: api, path: /${name}}`;
    const text = `name: ${name}\ntags: [heavy]\nsource: ${source}\ndestination: {type: local, path: out/${name}}\n`;
    await project.file(`jobs/${name}.yaml`, text);
  }
  await config(2, port);
  for (let i = 0; i < 2; i++) daemons.push(startDaemon({ cwd: project.dir, env: env(), flags: FLAGS }));
  await Promise.all(daemons.map(({ started }) => started));
  await until(async () => (await store.jobs.find(key, 'd')) !== null);
});
afterAll(async () => {
  for (const { child } of daemons) child.kill('SIGKILL');
  for (const response of held) response.destroy();
  server?.close();
  await store?.close();
  await project?.close();
});

const FLAGS = ['--no-api', '--max-runs', '4', '--memory', '64GB'];
const env = () => ({ ...project.env, DATABASE_URL: project.db.url });

async function config(limit: number, port = (server.address() as AddressInfo).port): Promise<void> {
  const api = `{type: http, base_url: "http://127.0.0.1:${port}"}`;
  const text = `version: 1\nname: limits\nconnections:\n  api: ${api}\nconcurrency:\n  tags: {heavy: ${limit}}\n  connections: {api: 3}\n`;
  await project.file('sluice.yaml', text);
}

/** Starts every job and lets each run end once so many go on as may; gives how many went on together at the most. */
async function runAll(limit: number): Promise<number> {
  most = 0;
  const started = await Promise.all(
    NAMES.map((name) => sluice(['start', name, '--json'], { cwd: project.dir, env: env() })),
  );
  const runs = started.flatMap(({ stdout }) => JSON.parse(stdout).runs as string[]);
  expect(runs).toHaveLength(NAMES.length);
  for (let left = NAMES.length; left > 0; left--) {
    await until(() => held.length >= Math.min(limit, left));
    const response = held.shift();
    response?.setHeader('content-type', 'application/json');
    response?.end('[{"id": 1}]');
  }
  const states = () => Promise.all(runs.map(async (run) => (await store.findRun(run))?.state));
  await until(async () => (await states()).every((state) => state === 'succeeded'));
  return most;
}

it('holds over two daemons, and another number once it is applied', async () => {
  expect(await runAll(2)).toBe(2);
  expect(await store.nodes.list(key)).toHaveLength(2);
  await config(1);
  await until(async () => (await store.limits(key))['tag:heavy'] === 1);
  expect(await store.limits(key)).toEqual({ 'tag:heavy': 1, 'connection:api': 3 });
  expect(await runAll(1)).toBe(1);
});
