import { hostname } from 'node:os';
import type { Job } from '@sluice/core';
import { zeroCounts } from '@sluice/core';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TestDatabase, testDatabase } from '../../../core/test/postgres.ts';
import type { ClaimWish } from './claim.ts';
import { Database } from './connection.ts';
import { makeDays, purgeDays } from './days.ts';
import type { EnqueueRequest } from './queue.ts';
import { openStore, type Store } from './store.ts';

let db: TestDatabase;
let stores: Store[];
let store: Store;
let projects = 0;

beforeAll(async () => {
  db = await testDatabase();
  stores = [await openStore({ url: db.url }), await openStore({ url: db.url })];
  store = stores[0] as Store;
});
afterAll(async () => {
  for (const one of stores ?? []) await one.close();
  await db?.drop();
});

/** A project that no other test uses. */
function target() {
  projects += 1;
  return { project: `p${projects}`, target: 'dev' };
}

function job(name: string, more: Partial<Job> = {}): Job {
  const compute = { memory: 100, workers: { min: 1, max: 1 } };
  return {
    name,
    hash: 'h',
    tags: [],
    depends_on: [],
    streams: [],
    renamed_from: [],
    compute,
    ...more,
  } as unknown as Job;
}

function request(
  place: { project: string; target: string },
  one: Job,
  more: Partial<EnqueueRequest> = {},
): EnqueueRequest {
  return { ...place, job: one, kind: 'manual', ...more };
}

function wish(place: { project: string; target: string }, more: Partial<ClaimWish> = {}): ClaimWish {
  return { ...place, owner: 'a/1', host: 'a', leaseMs: 60_000, memory: 1000, limits: {}, ...more };
}

const claimOne = async (from: Store, wanted: ClaimWish) => (await from.queue.claim(wanted))[0] ?? null;

const finish = (run: string, owner: string) =>
  store.finishRun({ run, owner, state: 'succeeded', counts: zeroCounts(), error: null });

describe('the queue', () => {
  it('takes a scheduled run of one due time and window once', async () => {
    const place = target();
    const scheduled = { kind: 'scheduled', dueAt: '2026-01-01T00:00:00Z' } as const;
    const windows = [null, { start: '2025-12-31T00:00:00Z', end: '2026-01-01T00:00:00Z' }];
    const asked = windows.flatMap((window) => [1, 2, 3].map(() => request(place, job('j'), { ...scheduled, window })));
    const ids = await Promise.all(asked.map((one, i) => stores[i % 2]!.queue.enqueue(one)));
    expect(ids.filter((id) => id !== null)).toHaveLength(2);
    expect(await store.listRuns(place)).toHaveLength(2);
  });

  it('gives the runs of a job one at a time, by due time and window', async () => {
    const place = target();
    const at = { kind: 'scheduled', dueAt: '2026-01-03T00:00:00Z', notBefore: '2026-01-03T00:00:00Z' } as const;
    const window = (day: number) => ({ start: `2026-01-0${day}T00:00:00Z`, end: `2026-01-0${day + 1}T00:00:00Z` });
    for (const day of [2, 1]) await store.queue.enqueue(request(place, job('j'), { ...at, window: window(day) }));
    const first = await claimOne(store, wish(place));
    expect(first).toMatchObject({
      attempt: 1,
      failures: 0,
      row: { window_start: window(1).start.replace('Z', '.000Z') },
    });
    expect(await claimOne(store, wish(place, { owner: 'b/2' }))).toBeNull();
    await finish(first!.run, 'a/1');
    const second = await claimOne(store, wish(place, { owner: 'b/2' }));
    expect(second?.row.window_start).toBe(window(2).start.replace('Z', '.000Z'));
  });

  it('admits by memory, host and groups', async () => {
    const place = target();
    const heavy = (name: string) => job(name, { tags: ['heavy'] });
    await store.queue.enqueue(request(place, job('big', { compute: { memory: 5000 } as Job['compute'] })));
    await store.queue.enqueue(request(place, job('bound'), { hostWanted: 'z' }));
    for (const name of ['h1', 'h2', 'h3']) await store.queue.enqueue(request(place, heavy(name)));
    const wanted = { limits: { 'tag:heavy': 2 } };
    const taken = [];
    for (let i = 0; i < 4; i++) taken.push((await claimOne(store, wish(place, wanted)))?.job.name ?? null);
    expect(taken).toEqual(['h1', 'h2', null, null]);
    expect((await claimOne(store, wish(place, { ...wanted, host: 'z' })))?.job.name).toBe('bound');
    expect((await claimOne(store, wish(place, { ...wanted, memory: 5000 })))?.job.name).toBe('big');
  });

  it('keeps count of a group when many claim at once', async () => {
    const place = target();
    for (let i = 0; i < 8; i++) await store.queue.enqueue(request(place, job(`j${i}`, { tags: ['t'] })));
    const claims = await Promise.all(
      Array.from({ length: 8 }, (_, i) => claimOne(stores[i % 2]!, wish(place, { limits: { 'tag:t': 3 } }))),
    );
    expect(claims.filter((claim) => claim !== null)).toHaveLength(3);
  });

  it('cancels what waits, and tells the owner of what runs', async () => {
    const place = target();
    const waits = await store.queue.enqueue(request(place, job('a')));
    expect(await store.queue.requestStop({ run: waits!, by: 'ann' })).toBe('cancelled');
    expect(await store.queue.requestStop({ run: waits!, by: 'ann' })).toBeNull();
    await store.queue.enqueue(request(place, job('b')));
    const claimed = await claimOne(store, wish(place));
    expect(await store.queue.requestStop({ run: claimed!.run, by: 'ann', hard: true })).toBe('running');
    expect(await store.queue.stopsFor('a/1')).toContainEqual({ run: claimed!.run, hard: true });
    await db.query(`UPDATE sluice.leases SET expires_at = now() - interval '1 s' WHERE run = '${claimed!.run}'`);
    await store.queue.reap();
    expect(await store.findRun(claimed!.run)).toMatchObject({ state: 'cancelled' });
  });

  it('hands a run whose owner is gone to another, with its attempts counted', async () => {
    const place = target();
    await store.queue.enqueue(request(place, job('j')));
    const first = await claimOne(store, wish(place));
    await store.startAttempt({ run: first!.run, attempt: first!.attempt });
    await db.query(`UPDATE sluice.leases SET expires_at = now() - interval '1 s' WHERE run = '${first!.run}'`);
    expect(await store.queue.reap()).toContain(first!.run);
    const second = await claimOne(store, wish(place, { owner: 'b/2' }));
    expect(second).toMatchObject({ run: first!.run, attempt: 2, failures: 0 });
    expect(await store.renew({ run: first!.run, owner: 'a/1', leaseMs: 1000 })).toBe(false);
    await store.finishRun({ run: first!.run, owner: 'a/1', state: 'failed', counts: zeroCounts(), error: null });
    expect(await store.findRun(first!.run)).toMatchObject({ state: 'running', handovers: 1 });
    await finish(first!.run, 'b/2');
    expect(await store.findRun(first!.run)).toMatchObject({
      state: 'succeeded',
      attempts: [{ error: { code: 'run/lease-lost' } }],
    });
  });

  it('tells two holdings of one owner apart', async () => {
    const place = target();
    await store.queue.enqueue(request(place, job('j')));
    const first = await claimOne(store, wish(place));
    await db.query(`UPDATE sluice.leases SET expires_at = now() - interval '1 s' WHERE run = '${first!.run}'`);
    await store.queue.reap();
    const second = await claimOne(store, wish(place));
    expect(second).toMatchObject({ run: first!.run, attempt: 2 });
    const old = { run: first!.run, owner: 'a/1', attempt: first!.attempt };
    expect(await store.renew({ ...old, leaseMs: 1000 })).toBe(false);
    expect(await store.queue.handOver(old)).toBe(false);
    await store.finishRun({ ...old, state: 'failed', counts: zeroCounts(), error: null });
    expect(await store.findRun(first!.run)).toMatchObject({ state: 'running' });
    await expect(store.markCommitting(first!.run, 1)).rejects.toMatchObject({ code: 'run/lease-lost' });
    await store.markCommitting(first!.run, 2);
    await store.finishRun({ ...old, attempt: 2, state: 'succeeded', counts: zeroCounts(), error: null });
    expect(await store.findRun(first!.run)).toMatchObject({ state: 'succeeded' });
  });

  it('sees that a process of this machine is gone without waiting for its lease', async () => {
    const place = target();
    await store.queue.enqueue(request(place, job('j')));
    const owner = `${hostname()}/${process.pid}`;
    const claimed = await claimOne(store, wish(place, { owner }));
    await db.query(`UPDATE sluice.leases SET owner = '${hostname()}/99999999' WHERE run = '${claimed!.run}'`);
    expect(await store.queue.reap()).toContain(claimed!.run);
    expect(await store.findRun(claimed!.run)).toMatchObject({ state: 'queued' });
  });

  it('fails a run that lost its owner too often; one that is given back counts as none', async () => {
    const place = target();
    await store.queue.enqueue(request(place, job('j')));
    const given = await claimOne(store, wish(place));
    expect(await store.queue.handOver({ run: given!.run, owner: 'a/1' })).toBe(true);
    expect(await store.findRun(given!.run)).toMatchObject({ state: 'queued', handovers: 0 });
    const states = [];
    for (let i = 0; i < 11; i++) {
      const claimed = await claimOne(store, wish(place));
      await db.query(`UPDATE sluice.leases SET expires_at = now() - interval '1 s' WHERE run = '${claimed!.run}'`);
      await store.queue.reap();
      states.push((await store.findRun(claimed!.run))?.state);
    }
    expect(states).toEqual([...Array(10).fill('queued'), 'failed']);
  });
});

const step = fc.record({
  owner: fc.integer({ min: 0, max: 3 }),
  what: fc.constantFrom('enqueue', 'claim', 'claim', 'finish', 'expire', 'reap', 'handover', 'stop'),
  together: fc.boolean(),
});

it('has no two owners of a job, and loses no run, whatever daemons do at once', { timeout: 120_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 30 }), async (steps) => {
      const place = target();
      const held: (string | null)[] = [null, null, null, null];
      let asked = 0;
      const take = async ({ owner, what }: (typeof steps)[number]) => {
        const us = stores[owner % 2] as Store;
        const run = held[owner] ?? null;
        if (what === 'enqueue') {
          asked += 1;
          await us.queue.enqueue(request(place, job(`j${owner % 2}`)));
        } else if (what === 'claim' && run === null) {
          held[owner] = (await claimOne(us, wish(place, { owner: `o/${owner}` })))?.run ?? null;
        } else if (what === 'expire') {
          await db.query(
            `UPDATE sluice.leases SET expires_at = now() - interval '1 h' WHERE project = '${place.project}' AND owner = 'o/${owner}'`,
          );
        } else if (what === 'reap') await us.queue.reap();
        else if (run !== null && what === 'stop') await us.queue.requestStop({ run, by: 'x' });
        else if (run !== null && what === 'finish') {
          await us.finishRun({ run, owner: `o/${owner}`, state: 'succeeded', counts: zeroCounts(), error: null });
          held[owner] = null;
        } else if (run !== null && what === 'handover') {
          await us.queue.handOver({ run, owner: `o/${owner}` });
          held[owner] = null;
        }
      };
      let open: Promise<void>[] = [];
      for (const each of steps) {
        open.push(take(each));
        if (each.together) continue;
        await Promise.all(open);
        open = [];
        const alive = await db.query(
          `SELECT r.id, r.job, r.owner, l.owner AS holder FROM sluice.runs r LEFT JOIN sluice.leases l ON l.run = r.id
           WHERE r.project = '${place.project}' AND r.state IN ('running', 'committing')`,
        );
        expect(new Set(alive.map((row) => row.job)).size).toBe(alive.length);
        for (const row of alive) expect(row.holder).toBe(row.owner);
      }
      await Promise.all(open);
      expect(await store.listRuns({ ...place, limit: 100 })).toHaveLength(asked);
    }),
    { numRuns: 20 },
  );
});

describe('what runs leave behind', () => {
  it('says what happened in an order that nothing comes into later', async () => {
    const place = target();
    const from = await store.events.end();
    await store.queue.enqueue(request(place, job('j')));
    const claimed = await claimOne(store, wish(place));
    await finish(claimed!.run, 'a/1');
    const seen: string[] = [];
    const stop = new AbortController();
    for await (const event of store.followEvents({ ...place, after: from }, stop.signal)) {
      seen.push(event.type);
      if (event.type === 'run.succeeded') stop.abort();
    }
    expect(seen).toEqual(['run.queued', 'run.running', 'run.succeeded']);
  });

  it('streams a log that goes on and ends with a marker', async () => {
    const place = target();
    await store.queue.enqueue(request(place, job('j')));
    const { run } = (await claimOne(store, wish(place)))!;
    const line = (message: string) => ({ at: new Date().toISOString(), level: 'info' as const, message });
    await store.appendLogs(run, [line('one'), line('two')]);
    const [first] = await store.readLogs(run, { limit: 1 });
    const found: unknown[] = [];
    for await (const row of store.followLogs(run, { after: first!.seq }, new AbortController().signal)) {
      found.push('end' in row ? row : row.message);
      if (found.length === 1) {
        await store.appendLogs(run, [line('three')]);
        await finish(run, 'a/1');
      }
    }
    expect(found).toEqual(['two', 'three', { end: true, state: 'succeeded' }]);
  });

  it('keeps figures of a run, and lets old days go', async () => {
    const place = target();
    const run = (await store.queue.enqueue(request(place, job('j'))))!;
    const raw = new Database(db.url);
    try {
      const now = await store.now();
      await makeDays(raw, now);
      const none = {
        rows_rejected: null,
        bytes_read: null,
        rows_per_second: 1.5,
        tasks_active: 1,
        workers: 1,
        cpu: 0.5,
        memory_bytes: 1,
        memory_limit_bytes: 2,
        spill_bytes: 0,
      };
      const old = new Date(now - 40 * 86_400_000).toISOString();
      await store.metrics.append(run, [
        { at: old, rows_read: 1, ...none },
        { at: new Date(now).toISOString(), rows_read: 2, ...none },
      ]);
      await store.appendLogs(run, [{ at: old, level: 'error', message: 'long ago' }]);
      expect(await store.metrics.latest(run)).toMatchObject({ rows_read: 2, rows_rejected: null, cpu: 0.5 });
      expect((await purgeDays(raw, now, 30 * 86_400_000)).rows).toBe(2);
      expect((await store.metrics.read(run)).map((row) => row.rows_read)).toEqual([2]);
      expect(await store.readLogs(run)).toEqual([]);
      const parts = () =>
        db.query(`SELECT relname FROM pg_class WHERE relispartition AND relname ~ '_[0-9]{8}$' AND relkind = 'r'`);
      const made = await parts();
      expect(made.length).toBeGreaterThan(3);
      // Today's part is old in 40 days.
      expect((await purgeDays(raw, now + 40 * 86_400_000, 30 * 86_400_000)).days).toBe(made.length);
      expect(await parts()).toEqual([]);
      expect(await store.metrics.read(run)).toEqual([]);
    } finally {
      await raw.end();
    }
  });
});
