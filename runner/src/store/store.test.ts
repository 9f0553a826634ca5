import { hostname } from 'node:os';
import type { Counts, Job } from '@sluice/core';
import { zeroCounts } from '@sluice/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TestDatabase, testDatabase } from '../../../core/test/postgres.ts';
import { processPlace } from './place.ts';
import { openStore, type Store } from './store.ts';
import type { ClaimRequest } from './types.ts';

const HERE = `${hostname()}/${process.pid}`;
/** No process has it: the kernel gives numbers up to 2^22 only. */
const NO_PID = 99_999_999;

let db: TestDatabase;
let store: Store;
let jobs = 0;

beforeAll(async () => {
  db = await testDatabase();
  store = await openStore({ url: db.url });
});
afterAll(async () => {
  await store?.close();
  await db?.drop();
});

/** A job that no other test uses. */
function request(more: Partial<ClaimRequest> = {}): ClaimRequest {
  jobs += 1;
  return {
    project: 'shop',
    target: 'dev',
    job: `job_${jobs}`,
    kind: 'manual',
    owner: 'elsewhere/1',
    leaseMs: 3_600_000,
    jobHash: 'h1',
    definition: { name: 'x' } as unknown as Job,
    ...more,
  };
}

function counts(more: Partial<Counts> = {}): Counts {
  return { ...zeroCounts(), ...more };
}

async function expire(run: string): Promise<void> {
  await db.query(`UPDATE sluice.leases SET expires_at = now() - interval '1 second' WHERE run = '${run}'`);
}

describe('claim', () => {
  it('names the holder and since when while another run is alive', async () => {
    const first = request({ owner: 'big-host/77' });
    const { run } = await store.claimJob(first);
    const [row] = await store.runs(first);
    await expect(store.claimJob({ ...first, owner: 'elsewhere/2' })).rejects.toMatchObject({
      code: 'run/busy',
      kind: 'transient',
      where: { job: first.job, run },
      message: expect.stringMatching(new RegExp(`${row?.created_at}.*77.*big-host`)),
    });
    expect(await store.runs(first)).toHaveLength(1);
  });

  it('lets one of many that claim at once through', async () => {
    const wanted = request();
    const tries = await Promise.allSettled(
      Array.from({ length: 12 }, (_, i) => store.claimJob({ ...wanted, owner: `host/${i}` })),
    );
    expect(tries.filter((t) => t.status === 'fulfilled')).toHaveLength(1);
    for (const t of tries) if (t.status === 'rejected') expect(t.reason).toMatchObject({ code: 'run/busy' });
    expect(await store.runs(wanted)).toHaveLength(1);
  });

  it('gives the job on when its run has ended', async () => {
    const wanted = request();
    const { run } = await store.claimJob(wanted);
    await store.finishRun({ run, owner: wanted.owner, state: 'succeeded', counts: counts(), error: null });
    const next = await store.claimJob(wanted);
    expect(next.run).not.toBe(run);
    expect((await store.runs(wanted)).map((r) => r.state)).toEqual(['running', 'succeeded']);
  });

  it('does not mix up projects and targets', async () => {
    const wanted = request();
    await store.claimJob(wanted);
    await store.claimJob({ ...wanted, target: 'prod' });
    await store.claimJob({ ...wanted, project: 'other' });
    expect(await store.listRuns({ project: 'shop', job: wanted.job })).toHaveLength(2);
  });

  it('keeps the definition, its place and its times', async () => {
    const wanted = request({
      owner: 'a/b/12',
      gitRevision: 'abc',
      dueAt: '2026-01-01T00:00:00.000Z',
      window: { start: '2025-12-31T00:00:00.000Z', end: '2026-01-01T00:00:00.000Z' },
    });
    const { run } = await store.claimJob(wanted);
    expect(await store.findRun(run)).toMatchObject({
      ...{ id: run, job: wanted.job, host: 'a/b', pid: 12, git_revision: 'abc', due_at: wanted.dueAt },
      ...{ window_start: wanted.window?.start, window_end: wanted.window?.end, job_hash: 'h1', state: 'running' },
      ...{ attempts: [], streams: [] },
    });
    expect(await store.findRun('no-such-run')).toBeNull();
  });
});

describe('lease', () => {
  it('is lost where it expired: the claimer fails the dead run and learns what it left', async () => {
    const wanted = request();
    const dead = await store.claimJob(wanted);
    await store.startAttempt({ run: dead.run, attempt: 1 });
    await store.recordIntent({ run: dead.run, stream: 's', epoch: 1, destination: { type: 'postgres' } });
    await expire(dead.run);
    const next = await store.claimJob({ ...wanted, owner: 'elsewhere/2' });
    expect(next.deadRuns).toEqual([dead.run]);
    expect(await store.findRun(dead.run)).toMatchObject({
      state: 'failed',
      error: { code: 'run/lease-lost', kind: 'transient' },
      attempts: [{ attempt: 1, error: { code: 'run/lease-lost' } }],
    });
    expect(await store.renew({ run: dead.run, owner: wanted.owner, leaseMs: 3_600_000 })).toBe(false);
    await expect(store.markCommitting(dead.run)).rejects.toMatchObject({ code: 'run/lease-lost' });
    expect(await store.renew({ run: next.run, owner: 'elsewhere/2', leaseMs: 3_600_000 })).toBe(true);
  });

  it('is renewed by its owner alone, also just after it expired', async () => {
    const wanted = request();
    const { run } = await store.claimJob(wanted);
    await expire(run);
    expect(await store.renew({ run, owner: 'elsewhere/2', leaseMs: 3_600_000 })).toBe(false);
    expect(await store.renew({ run, owner: wanted.owner, leaseMs: 3_600_000 })).toBe(true);
    await expect(store.claimJob(wanted)).rejects.toMatchObject({ code: 'run/busy' });
  });

  it('does not wait for the expiry of an owner that is seen to be gone', async () => {
    const wanted = request({ owner: HERE });
    const { run } = await store.claimJob(wanted);
    await expect(store.claimJob(wanted)).rejects.toMatchObject({ code: 'run/busy' });
    await db.query(`UPDATE sluice.leases SET owner = '${hostname()}/${NO_PID}' WHERE run = '${run}'`);
    expect((await store.claimJob(wanted)).run).not.toBe(run);
  });

  it('waits for an owner of the same name whose processes are not ours to see', async () => {
    const wanted = request({ owner: HERE });
    const { run } = await store.claimJob(wanted);
    await db.query(
      `UPDATE sluice.leases SET owner = '${hostname()}/${NO_PID}', place = 'not ${processPlace()}' WHERE run = '${run}'`,
    );
    await expect(store.claimJob(wanted)).rejects.toMatchObject({ code: 'run/busy' });
  });

  it('is reaped when it expired, and only then', async () => {
    const [alive, dead] = [await store.claimJob(request()), await store.claimJob(request())];
    await expire(dead.run);
    expect(await store.queue.reap()).toEqual([dead.run]);
    expect(await store.queue.reap()).toEqual([]);
    expect(await store.ended([alive.run, dead.run, 'unknown'])).toEqual([dead.run]);
  });

  it('lapses by the time of the database', async () => {
    const wanted = request({ leaseMs: -1 });
    const { run } = await store.claimJob(wanted);
    expect(await store.queue.reap()).toEqual([run]);
  });
});

describe('run', () => {
  it('commits while its lease stands, and runs on after a stream', async () => {
    const wanted = request();
    const { run } = await store.claimJob(wanted);
    await store.markCommitting(run);
    expect((await store.findRun(run))?.state).toBe('committing');
    await store.finishStream({ ...done(wanted, 1), run });
    expect((await store.findRun(run))?.state).toBe('running');
  });

  it('tells its own end though it was given up for dead, and leaves the lease of its successor', async () => {
    const wanted = request();
    const { run } = await store.claimJob(wanted);
    await expire(run);
    const next = await store.claimJob(wanted);
    const end = {
      run,
      owner: wanted.owner,
      state: 'succeeded',
      counts: counts({ rows_written: 3 }),
      error: null,
    } as const;
    await store.finishRun(end);
    expect(await store.findRun(run)).toMatchObject({ state: 'succeeded', counts: { rows_written: 3 }, error: null });
    expect(await store.renew({ run: next.run, owner: wanted.owner, leaseMs: 3_600_000 })).toBe(true);
    await store.finishRun({ ...end, state: 'failed' });
    expect((await store.findRun(run))?.state).toBe('succeeded');
  });

  it('keeps its attempts', async () => {
    const { run } = await store.claimJob(request());
    const error = { code: 'x/y', kind: 'transient', message: 'm', where: {}, hint: null } as const;
    await store.startAttempt({ run, attempt: 1 });
    await store.finishAttempt({ run, attempt: 1, error });
    await store.startAttempt({ run, attempt: 2 });
    await store.finishAttempt({ run, attempt: 2, error: null });
    const found = await store.findRun(run);
    expect(found?.attempt).toBe(2);
    expect(found?.attempts.map((a) => a.error)).toEqual([error, null]);
  });

  it('is listed by page and state, the newest first', async () => {
    const wanted = request();
    const ids: string[] = [];
    for (let i = 0; i < 5; i++) {
      const { run } = await store.claimJob(wanted);
      ids.unshift(run);
      const state = i % 2 === 0 ? 'succeeded' : 'failed';
      await store.finishRun({ run, owner: wanted.owner, state, counts: counts(), error: null });
    }
    const { project, target, job } = wanted;
    const page = await store.listRuns({ project, target, job, limit: 2 });
    const rest = await store.listRuns({ project, target, job, before: page[1]?.id ?? '' });
    expect([...page, ...rest].map((r) => r.id)).toEqual(ids);
    expect(await store.listRuns({ project, job, states: ['failed'] })).toHaveLength(2);
  });
});

describe('epoch', () => {
  it('keeps tasks and tokens; a new list of splits takes the place of the old one', async () => {
    const { run } = await store.claimJob(request());
    const key = { run, stream: 's', epoch: 1 };
    await store.recordTasks({ ...key, splits: [[{ path: 'a' }], [{ path: 'b' }, { path: 'c' }], [{ path: 'd' }]] });
    await store.recordToken({ ...key, task: 1, token: { part: 'x' }, counts: counts({ rows_read: 2 }) });
    expect(await store.tasks(key)).toMatchObject([
      { task: 0, splits: [{ path: 'a' }], token: null },
      { task: 1, splits: [{ path: 'b' }, { path: 'c' }], token: { part: 'x' }, counts: { rows_read: 2 } },
      { task: 2, splits: [{ path: 'd' }], token: null },
    ]);
    await store.recordTasks({ ...key, splits: [[{ path: 'e' }], [{ path: 'f' }]] });
    expect(await store.tasks(key)).toMatchObject([
      { task: 0, token: null },
      { task: 1, splits: [{ path: 'f' }], token: null, counts: null },
    ]);
    expect(await store.tasks({ ...key, epoch: 2 })).toEqual([]);
  });

  it('keeps intents until they are settled', async () => {
    const wanted = request();
    const { run } = await store.claimJob(wanted);
    expect(await store.hasIntents(run)).toBe(false);
    for (const stream of ['a', 'b']) {
      await store.recordIntent({ run, stream, epoch: 1, destination: { type: 'duckdb', path: stream } });
    }
    await store.settle({ runs: [run], stream: 'a' });
    expect(await store.openIntents(wanted)).toMatchObject([{ run, stream: 'b', destination: { path: 'b' } }]);
    await store.recordIntent({ run, stream: 'a', epoch: 1, destination: { type: 'duckdb', path: 'a2' } });
    expect((await store.openIntents(wanted)).map((i) => i.destination.path)).toEqual(['b', 'a2']);
    for (const stream of ['a', 'b']) await store.settle({ runs: [run], stream });
    expect(await store.hasIntents(run)).toBe(false);
  });

  it('takes text that a jsonb column refuses', async () => {
    const { run } = await store.claimJob(request());
    const destination = { 'k\0': ['a\0b', '\ud800', 'ok \u{1f600}'], n: 1.5 };
    await store.recordIntent({ run, stream: 's', epoch: 1, destination });
    const message = 'bad value "\0" \udfff';
    await store.failStream({
      run,
      stream: 's',
      state: 'failed',
      error: { code: 'c', kind: 'data', message, where: {}, hint: null },
    });
    expect((await store.findRun(run))?.streams[0]?.error?.message).toBe('bad value "\u{fffd}" \u{fffd}');
  });
});

function done(key: ClaimRequest, seq: number) {
  const { project, target, job } = key;
  const rest = { counts: counts({ rows_written: seq }), commitId: `c${seq}`, checkpoint: { at: seq } };
  return { project, target, job, stream: 's', seq, ...rest };
}

describe('history', () => {
  it('keeps every checkpoint; doing it twice changes nothing', async () => {
    const wanted = request();
    const { run } = await store.claimJob(wanted);
    for (const seq of [1, 2, 2, 10]) await store.finishStream({ ...done(wanted, seq), run });
    const history = await store.checkpoints({ ...wanted, stream: 's' });
    expect(history).toMatchObject([
      { seq: 10, checkpoint: { at: 10 }, commit_id: 'c10', counts: { rows_written: 10 }, run, note: null },
      { seq: 2 },
      { seq: 1 },
    ]);
    expect(await store.checkpoints({ ...wanted, stream: 's' }, 1)).toHaveLength(1);
    expect((await store.findRun(run))?.streams).toMatchObject([
      { stream: 's', state: 'succeeded', checkpoint_before: { at: 2 }, checkpoint_after: { at: 10 } },
    ]);
  });

  it('shows the newest checkpoint of every stream', async () => {
    const [a, b] = [request({ target: 'states' }), request({ target: 'states' })];
    const { run } = await store.claimJob(a);
    await store.finishStream({ ...done(a, 9), run, stream: 'z' });
    await store.finishStream({ ...done(a, 10), run, stream: 'z', note: 'restored' });
    await store.finishStream({ ...done(a, 1), run });
    await store.finishStream({ ...done(b, 3), run });
    const all = await store.streamStates({ project: 'shop', target: 'states' });
    expect(all.map((s) => [s.job, s.stream, s.seq, s.note])).toEqual([
      [a.job, 's', 1, null],
      [a.job, 'z', 10, 'restored'],
      [b.job, 's', 3, null],
    ]);
    expect(await store.streamStates({ project: 'shop', target: 'states', job: b.job })).toHaveLength(1);
  });
});

describe('logs', () => {
  it('come back in order, by level, from where a reader stopped', async () => {
    const { run } = await store.claimJob(request());
    const at = '2026-01-01T00:00:00.000Z';
    const levels = ['info', 'debug', 'warn', 'error'] as const;
    await store.appendLogs(
      run,
      levels.map((level, i) => ({ at, level, message: `m${i}\0`, fields: { i } })),
    );
    await store.appendLogs(run, [{ at, level: 'info', message: 'last' }]);
    await store.appendLogs(run, []);
    const all = await store.readLogs(run);
    expect(all.map((l) => l.message)).toEqual(['m0\u{fffd}', 'm1\u{fffd}', 'm2\u{fffd}', 'm3\u{fffd}', 'last']);
    expect(all[1]).toMatchObject({ at, level: 'debug', fields: { i: 1 } });
    expect((await store.readLogs(run, { level: 'warn' })).map((l) => l.level)).toEqual(['warn', 'error']);
    expect((await store.readLogs(run, { after: all[2]?.seq ?? '', limit: 1 })).map((l) => l.level)).toEqual(['error']);
  });
});

describe('connection', () => {
  it('that fails names host, port and database, and no password', async () => {
    const failed = await openStore({ url: 'postgres://u:pa55word@127.0.0.1:1/base' }).catch((e) => e);
    expect(failed).toMatchObject({ code: 'store/unreachable', kind: 'transient' });
    expect(failed.message).toContain('127.0.0.1:1/base');
    expect(JSON.stringify(failed) + failed.message).not.toContain('pa55word');
  });

  it('that is refused is not tried again', async () => {
    const url = new URL(db.url);
    url.password = 'pa55word';
    const failed = await openStore({ url: url.href }).catch((e) => e);
    expect(failed).toMatchObject({ code: 'store/unreachable', kind: 'config' });
    expect(JSON.stringify(failed) + failed.message).not.toContain('pa55word');
    url.href = db.url;
    url.pathname = '/no_such_base';
    await expect(openStore({ url: url.href })).rejects.toMatchObject({ code: 'store/unreachable', kind: 'config' });
  });

  it('that breaks is transient, and the next statement has a new one', async () => {
    const other = await openStore({ url: `${db.url}?options=-c%20statement_timeout%3D30s` });
    try {
      const wanted = request();
      const { run } = await other.claimJob(wanted);
      await db.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`,
      );
      const renewed = await other.renew({ run, owner: wanted.owner, leaseMs: 60_000 }).catch((e) => e);
      if (renewed !== true) expect(renewed).toMatchObject({ code: 'store/unreachable', kind: 'transient' });
      expect(await other.renew({ run, owner: wanted.owner, leaseMs: 60_000 })).toBe(true);
    } finally {
      await other.close();
    }
  });
});
