import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, realpath, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type TestDatabase, testDatabase } from '../../../core/test/postgres.ts';
import { until } from '../../test/harness.ts';
import { openStore, type Store } from '../store/store.ts';
import { type Checkout, folderCheckout, repoCheckout } from './checkout.ts';
import { Reconciler } from './reconcile.ts';

const QUIET = { debug() {}, info() {}, warn() {}, error() {} };
const run = promisify(execFile);

let db: TestDatabase;
let store: Store;
let dir: string;
let projects = 0;
let running: { stop: AbortController; done: Promise<void> }[];

beforeAll(async () => {
  db = await testDatabase();
  store = await openStore({ url: db.url });
});
afterAll(async () => {
  await store?.close();
  await db?.drop();
});
beforeEach(async () => {
  projects++;
  running = [];
  dir = await realpath(await mkdtemp(join(tmpdir(), 'sluice-reconcile-')));
  await mkdir(join(dir, 'jobs'));
  await save('sluice.yaml', `version: 1\nname: ${key().project}\n`);
});
afterEach(async () => {
  for (const { stop } of running) stop.abort();
  await Promise.all(running.map(({ done }) => done));
  await rm(dir, { recursive: true, force: true });
});

const key = () => ({ project: `rec${projects}`, target: 'default' });
const JOB = (name: string, more = '') => `name: ${name}\nsource:\n  type: local\n  path: in.csv\n${more}`;

/** As editors do: another file takes the place of the old one. */
async function save(name: string, text: string): Promise<void> {
  await writeFile(join(dir, `${name}.tmp~`), text);
  await rename(join(dir, `${name}.tmp~`), join(dir, name));
}

function follow(checkout: Checkout, owner = 'h/1', force = false): Reconciler {
  const means = {
    store,
    key: key(),
    target: null,
    vars: {},
    checkout,
    owner,
    host: 'h',
    deleted: async () => undefined,
    force,
  };
  const reconciler = new Reconciler({ ...means, clock: () => store.now(), log: QUIET });
  const stop = new AbortController();
  running.push({ stop, done: reconciler.run(stop.signal) });
  return reconciler;
}

const names = async () => (await store.jobs.list(key())).map(({ job }) => job);
const applied = (...wanted: string[]) => until(async () => (await names()).join() === wanted.join());
const git = (folder: string, ...args: string[]) =>
  run('git', ['-C', folder, '-c', 'user.name=Ann', '-c', 'user.email=ann@example.com', ...args]);

describe('a folder', () => {
  it('is applied as its files change; a broken one keeps its last good version and says why', async () => {
    await save('jobs/a.yaml', JOB('a', 'owner: one\n'));
    await save('jobs/b.yaml', JOB('b'));
    follow(folderCheckout(dir));
    await applied('a', 'b');
    const [a] = await store.jobs.list(key());
    await save('jobs/a.yaml', JOB('a', 'ownr: two\n'));
    await save('jobs/c.yaml', JOB('c'));
    await applied('a', 'b', 'c');
    expect(await store.jobs.find(key(), 'a')).toMatchObject({
      owner: 'one',
      problem: expect.stringMatching(/a\.yaml/),
    });
    await save('jobs/a.yaml', JOB('aa', 'owner: two\nrenamed_from: [a]\n'));
    await applied('aa', 'b', 'c');
    expect(await store.jobs.find(key(), 'aa')).toMatchObject({ id: a!.id, owner: 'two', problem: null });
    await rm(join(dir, 'jobs/b.yaml'));
    await applied('aa', 'c');
  });

  it('is followed by one of several daemons, and by the next when that one leaves', async () => {
    await save('jobs/a.yaml', JOB('a'));
    follow(folderCheckout(dir), 'h/1');
    await applied('a');
    const second = follow(folderCheckout(dir), 'h/2');
    expect(await store.nodes.reconciler(key())).toMatchObject({ owner: 'h/1', checkout: folderCheckout(dir).name });
    await save('jobs/b.yaml', JOB('b'));
    await second.now(new AbortController().signal);
    expect(await names()).toEqual(['a', 'b']);
    running[0]!.stop.abort();
    await until(async () => (await store.nodes.reconciler(key()))?.owner === 'h/2');
  });

  it('tells what keeps it from being applied as a whole', async () => {
    follow(folderCheckout(dir));
    await until(async () => (await store.nodes.reconciler(key()))?.checked_at != null);
    await save('sluice.yaml', 'version: 1\nname: another\n');
    await until(async () => (await store.nodes.reconciler(key()))?.problem != null);
    expect(await store.nodes.reconciler(key())).toMatchObject({ problem: { code: 'reconcile/project' } });
  });
});

describe('a repository', () => {
  const start = async () => {
    await save('jobs/a.yaml', JOB('a'));
    await git(dir, 'init', '--quiet', '--initial-branch=main');
    await git(dir, 'add', '.');
    await git(dir, 'commit', '--quiet', '-m', 'one');
    const folder = join(dir, '.sluice', 'checkout');
    await mkdir(folder, { recursive: true });
    return repoCheckout({ url: `file://${dir}`, ref: 'main', pollMs: 200 }, folder);
  };
  const commit = async (name: string, text: string) => {
    await save(name, text);
    await git(dir, 'add', name);
    await git(dir, 'commit', '--quiet', '-m', name);
    return (await git(dir, 'rev-parse', 'HEAD')).stdout.trim();
  };

  it('is applied at a ref, with revision and author', async () => {
    const checkout = await start();
    follow(checkout);
    await applied('a');
    const revision = await commit('jobs/b.yaml', JOB('b'));
    await applied('a', 'b');
    await until(async () => (await store.nodes.reconciler(key()))?.revision === revision);
    const [plan] = await db.query(
      `SELECT author, git_revision FROM sluice.applied_plans WHERE version = 2 AND project = '${key().project}'`,
    );
    expect(plan).toEqual({ author: 'Ann <ann@example.com>', git_revision: revision });
    expect(await store.nodes.reconciler(key())).toMatchObject({ read_only: true, checkout: `file://${dir}@main` });
  });

  it('is not applied at a revision that does not descend from the applied one, unless forced', async () => {
    const checkout = await start();
    await commit('jobs/b.yaml', JOB('b'));
    follow(checkout);
    await applied('a', 'b');
    await git(dir, 'reset', '--quiet', '--hard', 'HEAD^');
    await commit('jobs/c.yaml', JOB('c'));
    await until(async () => (await store.nodes.reconciler(key()))?.problem != null);
    expect(await store.nodes.reconciler(key())).toMatchObject({ problem: { code: 'plan/revision' } });
    expect(await names()).toEqual(['a', 'b']);
    running[0]!.stop.abort();
    await running[0]!.done;
    follow(checkout, 'h/2', true);
    await applied('a', 'c');
  });

  it('takes no ref or address for an option of git', () => {
    for (const [url, ref] of [
      ['file:///x', '--upload-pack=x'],
      ['--upload-pack=x', 'main'],
      ['file:///x', 'a b'],
    ] as const) {
      expect(() => repoCheckout({ url, ref, pollMs: 1000 }, dir)).toThrow(
        expect.objectContaining({ code: 'repo/ref' }),
      );
    }
  });
});

it('forgets a deleted job after a while, and nothing of the others', async () => {
  await save('jobs/a.yaml', JOB('a'));
  await save('jobs/b.yaml', JOB('b'));
  follow(folderCheckout(dir));
  await applied('a', 'b');
  const { definition } = (await store.jobs.find(key(), 'a'))!;
  await store.queue.enqueue({ ...key(), job: definition, kind: 'manual' });
  await rm(join(dir, 'jobs/a.yaml'));
  await applied('b');
  expect(await store.listRuns(key())).toMatchObject([{ job: 'a', state: 'cancelled' }]);
  expect(await store.jobs.purgeDeleted(key(), 60_000)).toEqual([]);
  await db.query(
    `UPDATE sluice.job_states SET deleted_at = now() - interval '31 days' WHERE project = '${key().project}' AND job = 'a'`,
  );
  expect(await store.jobs.purgeDeleted(key(), 30 * 86_400_000)).toEqual(['a']);
  expect(await store.listRuns(key())).toEqual([]);
  expect(await names()).toEqual(['b']);
});
