import { type DesiredSet, diff, isEmpty, type Job } from '@sluice/core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type TestDatabase, testDatabase } from '../../../core/test/postgres.ts';
import { openStore, type Store } from './store.ts';

let db: TestDatabase;
let store: Store;

beforeAll(async () => {
  db = await testDatabase();
  store = await openStore({ url: db.url });
});
afterAll(async () => {
  await store?.close();
  await db?.drop();
});

/** As much of a job as a plan looks at. */
function job(name: string, hash: string): Job {
  const rest = { renamed_from: [], streams: [], schedule: null, enabled: true, tags: ['t'], owner: `${hash}\0\ud800` };
  return { name, hash, file: `jobs/${name}.yaml`, ...rest } as unknown as Job;
}

async function planned(target: string, jobs: Job[]) {
  const desired: DesiredSet = { project: 'shop', target, jobs, problems: [] };
  const plan = diff(desired, await store.actual(desired), 0);
  return { plan, jobs, problems: {}, gitRevision: 'abc', author: 'Ann <ann@example.com>' };
}

it('holds what was applied, with revision and author, apart by target', async () => {
  expect(await store.actual({ project: 'shop', target: 'one' })).toEqual({ version: 0, jobs: [], limits: {} });
  expect(await store.applyPlan(await planned('one', [job('a', '1'), job('b', '1')]))).toBe(1);
  expect(await store.applyPlan(await planned('one', [job('b', '2'), job('c', '1')]))).toBe(2);
  const { version, jobs } = await store.actual({ project: 'shop', target: 'one' });
  expect([version, jobs.map(({ name, hash }) => `${name} ${hash}`)]).toEqual([2, ['b 2', 'c 1']]);
  expect(isEmpty((await planned('one', [job('b', '2'), job('c', '1')])).plan)).toBe(true);
  expect((await store.actual({ project: 'shop', target: 'other' })).jobs).toEqual([]);
  const rows = await db.query(`SELECT version, git_revision, author FROM sluice.applied_plans ORDER BY version`);
  expect(rows).toMatchObject(
    [1, 2].map((n) => ({ version: String(n), git_revision: 'abc', author: 'Ann <ann@example.com>' })),
  );
});

it('keeps the version where nothing changes, and notes the problems of files', async () => {
  const first = await planned('problems', [job('a', '1')]);
  await store.applyPlan(first);
  const again = { ...first, plan: { ...first.plan, version: 1, changes: [] } };
  expect(await store.applyPlan({ ...again, problems: { a: 'jobs/a.yaml: no' } })).toBe(1);
  expect(await store.appliedJobs({ project: 'shop', target: 'problems' })).toMatchObject([
    { problem: 'jobs/a.yaml: no' },
  ]);
  await store.applyPlan(again);
  expect(await store.appliedJobs({ project: 'shop', target: 'problems' })).toMatchObject([
    { problem: null, version: 1 },
  ]);
});

it('lets one of many plans that were made at once through', async () => {
  const plans = await Promise.all(['1', '2', '3'].map((hash) => planned('race', [job('a', hash)])));
  const results = await Promise.allSettled(plans.map((plan) => store.applyPlan(plan)));
  const failed = results.filter((result) => result.status === 'rejected');
  expect(failed).toHaveLength(2);
  for (const { reason } of failed) expect(reason).toMatchObject({ code: 'plan/stale' });
  expect((await store.actual({ project: 'shop', target: 'race' })).version).toBe(1);
});

it('shows the last run of a job', async () => {
  await store.applyPlan(await planned('runs', [job('a', '1'), job('b', '1')]));
  const key = { project: 'shop', target: 'runs', job: 'a' };
  const lease = {
    kind: 'manual' as const,
    owner: 'elsewhere/1',
    leaseMs: 60_000,
    jobHash: '1',
    definition: job('a', '1'),
  };
  const { run } = await store.claimJob({ ...key, ...lease, definition: {} as Job });
  const [a, b] = await store.appliedJobs(key);
  expect([a?.last_run?.id, a?.last_run?.state, b?.last_run]).toEqual([run, 'running', null]);
});

it('keeps a row for each job: renamed ones keep their pause, those that are gone their id for a while', async () => {
  const key = { project: 'shop', target: 'jobs' };
  await store.applyPlan(await planned('jobs', [job('a', '1'), job('b', '1')]));
  const [a, b] = await store.jobs.list(key);
  expect([a, b].map((row) => [row?.job, row?.status, row?.tags, row?.pause])).toEqual([
    ['a', 'created', ['t'], null],
    ['b', 'created', ['t'], null],
  ]);
  expect(await store.jobs.pause({ ...key, job: 'a' }, { until: null, by: 'ann', reason: 'source is down' })).toBe(true);
  expect(await store.jobs.find(key, a!.id)).toMatchObject({ status: 'paused', pause: { by: 'ann', until: null } });
  await store.queue.enqueue({ ...key, job: { ...job('b', '1'), compute: { memory: 1 } } as Job, kind: 'manual' });
  await store.applyPlan(await planned('jobs', [{ ...job('c', '2'), renamed_from: ['a'] }]));
  expect(await store.jobs.list(key)).toMatchObject([{ job: 'c', id: a!.id, status: 'paused' }]);
  expect(await store.listRuns({ ...key, job: 'b' })).toMatchObject([{ state: 'cancelled' }]);
  expect(await store.jobs.resume({ ...key, job: 'c' }, 'bob')).toBe(true);
  expect(await store.jobs.resume({ ...key, job: 'c' }, 'bob')).toBe(false);
  await store.applyPlan(await planned('jobs', [{ ...job('c', '2'), renamed_from: ['a'] }, job('b', '1')]));
  expect(await store.jobs.find(key, 'b')).toMatchObject({ id: b!.id, status: 'cancelled' });
  expect((await store.due.stale(key, 10)).map((row) => row.job)).toEqual(['b', 'c']);
});
