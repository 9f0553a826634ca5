import { hostname } from 'node:os';
import type { Job } from '@sluice/core';
import { zeroCounts } from '@sluice/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TestDatabase, testDatabase } from '../../../core/test/postgres.ts';
import { job, request, wish } from '../../test/queued.ts';
import type { ClaimWish } from './claim.ts';
import { Database } from './connection.ts';
import { makeDays, purgeDays } from './days.ts';
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

  it('takes as many at once as fit, the first also where it wants more than there is', async () => {
    const place = target();
    const sized = (name: string, memory: number) => job(name, { compute: { memory } as Job['compute'] });
    for (const [i, memory] of [700, 100, 100, 50].entries())
      await store.queue.enqueue(request(place, sized(`j${i}`, memory)));
    const take = async (more: Partial<ClaimWish>) =>
      (await store.queue.claim(wish(place, more))).map((claimed) => claimed.job.name).sort();
    expect(await take({ memory: 500, most: 2 })).toEqual(['j1', 'j2']);
    expect(await take({ memory: 10, most: 4 })).toEqual([]);
    expect(await take({ memory: 500, memoryOfFirst: 1e12, most: 4 })).toEqual(['j0']);
    expect(await take({ memory: 500, memoryOfFirst: 1e12, most: 4 })).toEqual(['j3']);
  });

  it('finds the run of another job behind any number of those that wait for their own', async () => {
    const place = target();
    const [first, paused] = [job('big'), job('rests')];
    await store.queue.enqueue(request(place, first));
    const ends = (await claimOne(store, wish(place)))!;
    const at = { project: place.project, target: place.target };
    await db.query(
      `INSERT INTO sluice.job_states (project, target, job, paused_at, paused_until)
       VALUES ('${at.project}', '${at.target}', 'rests', now(), 'infinity')`,
    );
    const many = [first, paused].flatMap((one) => Array.from({ length: 300 }, (_, i) => ({ one, i })));
    const due = (i: number) => new Date(Date.UTC(2026, 0, 1) + i * 60_000).toISOString();
    await Promise.all(
      many.map(({ one, i }) =>
        store.queue.enqueue(request(place, one, { kind: 'scheduled', dueAt: due(i), notBefore: due(i) })),
      ),
    );
    expect(await claimOne(store, wish(place))).toBeNull();
    await store.queue.enqueue(request(place, job('other')));
    await store.queue.enqueue(request(place, paused));
    const found = await store.queue.claim(wish(place, { most: 5, memory: 1e6 }));
    expect(found.map(({ row }) => [row.job, row.kind]).sort()).toEqual([
      ['other', 'manual'],
      ['rests', 'manual'],
    ]);
    await finish(ends.run, 'a/1');
    expect((await claimOne(store, wish(place)))?.row).toMatchObject({
      job: 'big',
      due_at: due(0),
    });
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
