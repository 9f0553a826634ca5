import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type TestDatabase, testDatabase } from '../../../core/test/postgres.ts';
import { openStore, type Store } from '../store/store.ts';
import { type Checkout, folderCheckout } from './checkout.ts';
import { Reconciler } from './reconcile.ts';
import type { OnChange } from './watch.ts';

const KEY = { project: 'shop', target: 'default' };
const JOB = (name: string, path = 'in.csv') => `name: ${name}\nsource:\n  type: local\n  path: ${path}\n`;
const quiet = { debug() {}, info() {}, warn() {}, error() {} };

let db: TestDatabase;
let store: Store;
let dir = '';

beforeAll(async () => {
  db = await testDatabase();
  store = await openStore({ url: db.url });
  dir = await realpath(await mkdtemp(join(tmpdir(), 'sluice-reconcile-')));
});
afterAll(async () => {
  await store?.close();
  await db?.drop();
  await rm(dir, { recursive: true, force: true });
});

async function write(file: string, text: string): Promise<void> {
  await mkdir(dirname(join(dir, file)), { recursive: true });
  await writeFile(join(dir, file), text);
}

/** Names, paths of sources and problems of what is applied. */
async function appliedNow(): Promise<unknown[]> {
  const jobs = await store.appliedJobs(KEY);
  return jobs.map(({ job, problem }) => [job.name, job.streams[0]?.source.settings.path, problem !== null]);
}

it('applies what changed, and keeps the last good version of what is broken', async () => {
  await write('sluice.yaml', 'version: 1\nname: shop\n');
  await write('jobs/a.yaml', JOB('a'));
  await write('jobs/b.yaml', JOB('b'));
  let changed: OnChange = () => undefined;
  const checkout: Checkout = {
    ...folderCheckout(dir),
    watch: async (call) => {
      changed = call;
    },
  };
  const means = {
    store,
    key: KEY,
    target: null,
    vars: {},
    checkout,
    owner: 'h/1',
    host: 'h',
    deleted: async () => undefined,
    force: false,
  };
  const reconciler = new Reconciler({ ...means, clock: () => store.now(), log: quiet as never });
  const stop = new AbortController();
  const running = reconciler.run(stop.signal);
  const events = store.followEvents(KEY, stop.signal)[Symbol.asyncIterator]();
  await events.next();
  expect(await appliedNow()).toEqual([
    ['a', 'in.csv', false],
    ['b', 'in.csv', false],
  ]);

  await write('jobs/a.yaml', JOB('a', 'other.csv'));
  await write('jobs/c.yaml', JOB('c'));
  changed(new Set(['jobs/a.yaml', 'jobs/c.yaml']));
  await events.next();
  expect(await appliedNow()).toEqual([
    ['a', 'other.csv', false],
    ['b', 'in.csv', false],
    ['c', 'in.csv', false],
  ]);

  await write('jobs/a.yaml', 'name: a\nsource:\n  typ: local\n');
  await rm(join(dir, 'jobs/b.yaml'));
  changed(new Set(['jobs/a.yaml', 'jobs/b.yaml']));
  await events.next();
  expect(await appliedNow()).toEqual([
    ['a', 'other.csv', true],
    ['c', 'in.csv', false],
  ]);

  // Files that nobody told of are found where everything is looked at.
  await write('jobs/a.yaml', JOB('a', 'third.csv'));
  await reconciler.now(stop.signal);
  expect(await appliedNow()).toEqual([
    ['a', 'third.csv', false],
    ['c', 'in.csv', false],
  ]);

  // The API tells which file it wrote, and asks for what the passes keep.
  await write('jobs/d.yaml', JOB('d'));
  await write('jobs/untold.yaml', JOB('untold'));
  await reconciler.now(stop.signal, new Set(['jobs/d.yaml']));
  expect(await appliedNow()).toEqual([
    ['a', 'third.csv', false],
    ['c', 'in.csv', false],
    ['d', 'in.csv', false],
  ]);
  const kept = await reconciler.files();
  expect([...(kept?.jobs.keys() ?? [])]).toEqual(['jobs/a.yaml', 'jobs/c.yaml', 'jobs/d.yaml']);
  expect((await reconciler.files())?.jobs.get('jobs/c.yaml')).toBe(kept?.jobs.get('jobs/c.yaml'));
  stop.abort();
  await running;
});
