import { execFileSync } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openStore, type Store } from '../src/store/store.ts';
import { sluice } from './cli.ts';
import { type DaemonProcess, startDaemon } from './daemons.ts';
import { type TestProject, testProject, until } from './harness.ts';

/** A daemon whose runs have no room on the disk. */

const key = { project: 'disk', target: 'default' };
const isRoot = process.getuid?.() === 0;

let project: TestProject;
let store: Store;
let daemon: DaemonProcess | undefined;
let mounted = false;

const spool = () => project.path('.sluice/spool');
const env = () => ({ ...project.env, DATABASE_URL: project.db.url });

beforeAll(async () => {
  project = await testProject();
  store = await openStore({ url: project.db.url });
  await project.file('sluice.yaml', 'version: 1\nname: disk\n');
  const wide = Array.from({ length: 60_000 }, (_, n) => `${n},${(n * 2_654_435_761).toString(36).repeat(6)}\n`);
  await project.file('in/a.csv', `id,v\n${wide.join('')}`);
  const destination = '{type: duckdb, path: out.duckdb, table: t, write_disposition: merge, primary_key: [id]}';
  const retries = 'retries: {max: 2, delay: 1s, backoff: fixed}\n';
  const text = `name: t\nsource: {type: local, path: in/*.csv}\ndestination: ${destination}\n${retries}`;
  await project.file('jobs/t.yaml', text);
});
afterAll(async () => {
  daemon?.child.kill('SIGKILL');
  await daemon?.ended;
  if (mounted) execFileSync('umount', ['-l', spool()]);
  await store?.close();
  await project?.close();
});

async function run(): Promise<string> {
  const { stdout, stderr, code } = await sluice(['start', 't', '--json'], { cwd: project.dir, env: env() });
  expect([code, stderr]).toEqual([0, '']);
  const [id] = JSON.parse(stdout).runs;
  await until(async () => (await store.findRun(id))?.finished_at != null);
  return id;
}

it.runIf(isRoot)(
  'fails the run once, with its cause, and goes on when there is room',
  { timeout: 300_000 },
  async (context) => {
    await mkdir(spool(), { recursive: true });
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=500000', 'tmpfs', spool()], { stdio: 'ignore' });
      mounted = true;
    } catch {
      context.skip('tmpfs cannot be mounted here');
    }
    daemon = startDaemon({ cwd: project.dir, env: env() });
    await daemon.started;
    await until(async () => (await store.jobs.find(key, 't')) !== null);
    const failed = await store.findRun(await run());
    // Nobody makes room in the time of a retry: it is not tried again.
    expect(failed).toMatchObject({
      state: 'failed',
      attempt: 1,
      error: { code: 'engine/disk-full', kind: 'terminal' },
    });
    const logs = await sluice(['logs', failed?.id ?? '', '--level', 'error'], { cwd: project.dir, env: env() });
    expect(logs.stdout).toContain('disk is full');
    expect(daemon.child.exitCode).toBeNull();
    expect(await project.db.query('SELECT run FROM sluice.leases')).toEqual([]);
    execFileSync('umount', ['-l', spool()]);
    mounted = false;
    expect(await store.findRun(await run())).toMatchObject({ state: 'succeeded', counts: { rows_written: 60_000 } });
    const query = ['sql', 'select count(*) as n from t', '--job', 't', '--json'];
    expect(JSON.parse((await sluice(query, { cwd: project.dir, env: env() })).stdout)).toEqual([{ n: 60_000 }]);
    daemon.child.kill('SIGTERM');
    expect(await daemon.ended).toMatchObject({ code: 0 });
  },
);
