import { hostname } from 'node:os';
import type { Job } from '@sluice/core';
import { zeroCounts } from '@sluice/core';
import { describe, expect, it } from 'vitest';
import { claimOne, job, queueFixture, request, wish } from '../../test/queued.ts';
import type { ClaimWish } from './claim.ts';
import { Database } from './connection.ts';
import { makeDays, purgeDays } from './days.ts';

const lab = queueFixture();

describe('the queue', () => {
  it('takes a scheduled run of one due time and window once', async () => {
    const place = lab.target();
    const scheduled = { kind: 'scheduled', dueAt: '2026-01-01T00:00:00Z' } as const;
    const windows = [null, { start: '2025-12-31T00:00:00Z', end: '2026-01-01T00:00:00Z' }];
    const asked = windows.flatMap((window) => [1, 2, 3].map(() => request(place, job('j'), { ...scheduled, window })));
    const ids = await Promise.all(asked.map((one, i) => lab.stores[i % 2]!.queue.enqueue(one)));
    expect(ids.filter((id) => id !== null)).toHaveLength(2);
    expect(await lab.store.listRuns(place)).toHaveLength(2);
  });

  it('gives the runs of a job one at a time, by due time and window', async () => {
    const place = lab.target();
    const at = { kind: 'scheduled', dueAt: '2026-01-03T00:00:00Z', notBefore: '2026-01-03T00:00:00Z' } as const;
    const window = (day: number) => ({ start: `2026-01-0${day}T00:00:00Z`, end: `2026-01-0${day + 1}T00:00:00Z` });
    for (const day of [2, 1]) await lab.store.queue.enqueue(request(place, job('j'), { ...at, window: window(day) }));
    const first = await claimOne(lab.store, wish(place));
    expect(first).toMatchObject({
      attempt: 1,
      failures: 0,
      row: { window_start: window(1).start.replace('Z', '.000Z') },
    });
    expect(await claimOne(lab.store, wish(place, { owner: 'b/2' }))).toBeNull();
    await lab.finish(first!.run, 'a/1');
    const second = await claimOne(lab.store, wish(place, { owner: 'b/2' }));
    expect(second?.row.window_start).toBe(window(2).start.replace('Z', '.000Z'));
  });

  it('admits by memory, host and groups', async () => {
    const place = lab.target();
    const heavy = (name: string) => job(name, { tags: ['heavy'] });
    await lab.store.queue.enqueue(request(place, job('big', { compute: { memory: 5000 } as Job['compute'] })));
    await lab.store.queue.enqueue(request(place, job('bound'), { hostWanted: 'z' }));
    for (const name of ['h1', 'h2', 'h3']) await lab.store.queue.enqueue(request(place, heavy(name)));
    const wanted = { limits: { 'tag:heavy': 2 } };
    const taken = [];
    for (let i = 0; i < 4; i++) taken.push((await claimOne(lab.store, wish(place, wanted)))?.job.name ?? null);
    expect(taken).toEqual(['h1', 'h2', null, null]);
    expect((await claimOne(lab.store, wish(place, { ...wanted, host: 'z' })))?.job.name).toBe('bound');
    expect((await claimOne(lab.store, wish(place, { ...wanted, memory: 5000 })))?.job.name).toBe('big');
  });

  it('keeps count of a group when many claim at once', async () => {
    const place = lab.target();
    for (let i = 0; i < 8; i++) await lab.store.queue.enqueue(request(place, job(`j${i}`, { tags: ['t'] })));
    const claims = await Promise.all(
      Array.from({ length: 8 }, (_, i) => claimOne(lab.stores[i % 2]!, wish(place, { limits: { 'tag:t': 3 } }))),
    );
    expect(claims.filter((claim) => claim !== null)).toHaveLength(3);
  });

  it('takes as many at once as fit, the first also where it wants more than there is', async () => {
    const place = lab.target();
    const sized = (name: string, memory: number) => job(name, { compute: { memory } as Job['compute'] });
    for (const [i, memory] of [700, 100, 100, 50].entries())
      await lab.store.queue.enqueue(request(place, sized(`j${i}`, memory)));
    const take = async (more: Partial<ClaimWish>) =>
      (await lab.store.queue.claim(wish(place, more))).map((claimed) => claimed.job.name).sort();
    expect(await take({ memory: 500, most: 2 })).toEqual(['j1', 'j2']);
    expect(await take({ memory: 10, most: 4 })).toEqual([]);
    expect(await take({ memory: 500, memoryOfFirst: 1e12, most: 4 })).toEqual(['j0']);
    expect(await take({ memory: 500, memoryOfFirst: 1e12, most: 4 })).toEqual(['j3']);
  });

  it('finds the run of another job behind any number of those that wait for their own', async () => {
    const place = lab.target();
    const [first, paused] = [job('big'), job('rests')];
    await lab.store.queue.enqueue(request(place, first));
    const ends = (await claimOne(lab.store, wish(place)))!;
    const at = { project: place.project, target: place.target };
    await lab.db.query(
      `INSERT INTO sluice.job_states (project, target, job, paused_at, paused_until)
       VALUES ('${at.project}', '${at.target}', 'rests', now(), 'infinity')`,
    );
    const many = [first, paused].flatMap((one) => Array.from({ length: 300 }, (_, i) => ({ one, i })));
    const due = (i: number) => new Date(Date.UTC(2026, 0, 1) + i * 60_000).toISOString();
    await Promise.all(
      many.map(({ one, i }) =>
        lab.store.queue.enqueue(request(place, one, { kind: 'scheduled', dueAt: due(i), notBefore: due(i) })),
      ),
    );
    expect(await claimOne(lab.store, wish(place))).toBeNull();
    await lab.store.queue.enqueue(request(place, job('other')));
    await lab.store.queue.enqueue(request(place, paused));
    const found = await lab.store.queue.claim(wish(place, { most: 5, memory: 1e6 }));
    expect(found.map(({ row }) => [row.job, row.kind]).sort()).toEqual([
      ['other', 'manual'],
      ['rests', 'manual'],
    ]);
    await lab.finish(ends.run, 'a/1');
    expect((await claimOne(lab.store, wish(place)))?.row).toMatchObject({
      job: 'big',
      due_at: due(0),
    });
  });

  it('cancels what waits, and tells the owner of what runs', async () => {
    const place = lab.target();
    const waits = await lab.store.queue.enqueue(request(place, job('a')));
    expect(await lab.store.queue.requestStop({ run: waits!, by: 'ann' })).toBe('cancelled');
    expect(await lab.store.queue.requestStop({ run: waits!, by: 'ann' })).toBeNull();
    await lab.store.queue.enqueue(request(place, job('b')));
    const claimed = await claimOne(lab.store, wish(place));
    expect(await lab.store.queue.requestStop({ run: claimed!.run, by: 'ann', hard: true })).toBe('running');
    expect(await lab.store.queue.stopsFor('a/1')).toContainEqual({ run: claimed!.run, hard: true });
    await lab.db.query(`UPDATE sluice.leases SET expires_at = now() - interval '1 s' WHERE run = '${claimed!.run}'`);
    await lab.store.queue.reap();
    expect(await lab.store.findRun(claimed!.run)).toMatchObject({ state: 'cancelled' });
  });

  it('hands a run whose owner is gone to another, with its attempts counted', async () => {
    const place = lab.target();
    await lab.store.queue.enqueue(request(place, job('j')));
    const first = await claimOne(lab.store, wish(place));
    await lab.store.startAttempt({ run: first!.run, attempt: first!.attempt });
    await lab.db.query(`UPDATE sluice.leases SET expires_at = now() - interval '1 s' WHERE run = '${first!.run}'`);
    expect(await lab.store.queue.reap()).toContain(first!.run);
    const second = await claimOne(lab.store, wish(place, { owner: 'b/2' }));
    expect(second).toMatchObject({ run: first!.run, attempt: 2, failures: 0 });
    expect(await lab.store.renew({ run: first!.run, owner: 'a/1', leaseMs: 1000 })).toBe(false);
    await lab.store.finishRun({ run: first!.run, owner: 'a/1', state: 'failed', counts: zeroCounts(), error: null });
    expect(await lab.store.findRun(first!.run)).toMatchObject({ state: 'running', handovers: 1 });
    await lab.finish(first!.run, 'b/2');
    expect(await lab.store.findRun(first!.run)).toMatchObject({
      state: 'succeeded',
      attempts: [{ error: { code: 'run/lease-lost' } }],
    });
  });

  it('tells two holdings of one owner apart', async () => {
    const place = lab.target();
    await lab.store.queue.enqueue(request(place, job('j')));
    const first = await claimOne(lab.store, wish(place));
    await lab.db.query(`UPDATE sluice.leases SET expires_at = now() - interval '1 s' WHERE run = '${first!.run}'`);
    await lab.store.queue.reap();
    const second = await claimOne(lab.store, wish(place));
    expect(second).toMatchObject({ run: first!.run, attempt: 2 });
    const old = { run: first!.run, owner: 'a/1', attempt: first!.attempt };
    expect(await lab.store.renew({ ...old, leaseMs: 1000 })).toBe(false);
    expect(await lab.store.queue.handOver(old)).toBe(false);
    await lab.store.finishRun({ ...old, state: 'failed', counts: zeroCounts(), error: null });
    expect(await lab.store.findRun(first!.run)).toMatchObject({ state: 'running' });
    await expect(lab.store.markCommitting(first!.run, 1)).rejects.toMatchObject({ code: 'run/lease-lost' });
    await lab.store.markCommitting(first!.run, 2);
    await lab.store.finishRun({ ...old, attempt: 2, state: 'succeeded', counts: zeroCounts(), error: null });
    expect(await lab.store.findRun(first!.run)).toMatchObject({ state: 'succeeded' });
  });

  it('sees that a process of this machine is gone without waiting for its lease', async () => {
    const place = lab.target();
    await lab.store.queue.enqueue(request(place, job('j')));
    const owner = `${hostname()}/${process.pid}`;
    const claimed = await claimOne(lab.store, wish(place, { owner }));
    await lab.db.query(`UPDATE sluice.leases SET owner = '${hostname()}/99999999' WHERE run = '${claimed!.run}'`);
    expect(await lab.store.queue.reap()).toContain(claimed!.run);
    expect(await lab.store.findRun(claimed!.run)).toMatchObject({ state: 'queued' });
  });

  it('fails a run that lost its owner too often; one that is given back counts as none', async () => {
    const place = lab.target();
    await lab.store.queue.enqueue(request(place, job('j')));
    const given = await claimOne(lab.store, wish(place));
    expect(await lab.store.queue.handOver({ run: given!.run, owner: 'a/1' })).toBe(true);
    expect(await lab.store.findRun(given!.run)).toMatchObject({ state: 'queued', handovers: 0 });
    const states = [];
    for (let i = 0; i < 11; i++) {
      const claimed = await claimOne(lab.store, wish(place));
      await lab.db.query(`UPDATE sluice.leases SET expires_at = now() - interval '1 s' WHERE run = '${claimed!.run}'`);
      await lab.store.queue.reap();
      states.push((await lab.store.findRun(claimed!.run))?.state);
    }
    expect(states).toEqual([...Array(10).fill('queued'), 'failed']);
  });
});

describe('what runs leave behind', () => {
  it('says what happened in an order that nothing comes into later', async () => {
    const place = lab.target();
    const from = await lab.store.events.end();
    await lab.store.queue.enqueue(request(place, job('j')));
    const claimed = await claimOne(lab.store, wish(place));
    await lab.finish(claimed!.run, 'a/1');
    const seen: string[] = [];
    const stop = new AbortController();
    for await (const event of lab.store.followEvents({ ...place, after: from }, stop.signal)) {
      seen.push(event.type);
      if (event.type === 'run.succeeded') stop.abort();
    }
    expect(seen).toEqual(['run.queued', 'run.running', 'run.succeeded']);
  });

  it('streams a log that goes on and ends with a marker', async () => {
    const place = lab.target();
    await lab.store.queue.enqueue(request(place, job('j')));
    const { run } = (await claimOne(lab.store, wish(place)))!;
    const line = (message: string) => ({ at: new Date().toISOString(), level: 'info' as const, message });
    await lab.store.appendLogs(run, [line('one'), line('two')]);
    const [first] = await lab.store.readLogs(run, { limit: 1 });
    const found: unknown[] = [];
    for await (const row of lab.store.followLogs(run, { after: first!.seq }, new AbortController().signal)) {
      found.push('end' in row ? row : row.message);
      if (found.length === 1) {
        await lab.store.appendLogs(run, [line('three')]);
        await lab.finish(run, 'a/1');
      }
    }
    expect(found).toEqual(['two', 'three', { end: true, state: 'succeeded' }]);
  });

  it('keeps figures of a run, and lets old days go', async () => {
    const place = lab.target();
    const run = (await lab.store.queue.enqueue(request(place, job('j'))))!;
    const raw = new Database(lab.db.url);
    try {
      const now = await lab.store.now();
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
      await lab.store.metrics.append(run, [
        { at: old, rows_read: 1, ...none },
        { at: new Date(now).toISOString(), rows_read: 2, ...none },
      ]);
      await lab.store.appendLogs(run, [{ at: old, level: 'error', message: 'long ago' }]);
      expect(await lab.store.metrics.latest(run)).toMatchObject({ rows_read: 2, rows_rejected: null, cpu: 0.5 });
      expect((await purgeDays(raw, now, 30 * 86_400_000)).rows).toBe(2);
      expect((await lab.store.metrics.read(run)).map((row) => row.rows_read)).toEqual([2]);
      expect(await lab.store.readLogs(run)).toEqual([]);
      const parts = () =>
        lab.db.query(`SELECT relname FROM pg_class WHERE relispartition AND relname ~ '_[0-9]{8}$' AND relkind = 'r'`);
      const made = await parts();
      expect(made.length).toBeGreaterThan(3);
      // Today's part is old in 40 days.
      expect((await purgeDays(raw, now + 40 * 86_400_000, 30 * 86_400_000)).days).toBe(made.length);
      expect(await parts()).toEqual([]);
      expect(await lab.store.metrics.read(run)).toEqual([]);
    } finally {
      await raw.end();
    }
  });
});
