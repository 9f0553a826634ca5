import type { Job } from '@sluice/core';
import { zeroCounts } from '@sluice/core';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type TestDatabase, testDatabase } from '../../../core/test/postgres.ts';
import { openStore, type Store } from './store.ts';

let db: TestDatabase;
let stores: Store[];

beforeAll(async () => {
  db = await testDatabase();
  stores = [await openStore({ url: db.url }), await openStore({ url: db.url })];
});
afterAll(async () => {
  for (const store of stores ?? []) await store.close();
  await db?.drop();
});

const step = fc.record({
  owner: fc.integer({ min: 0, max: 3 }),
  what: fc.constantFrom('claim', 'claim', 'renew', 'commit', 'finish', 'expire', 'reap'),
  /** Whether the next step starts before this one has ended. */
  together: fc.boolean(),
});
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** What an owner believes: the run that it holds, until it hears that it lost it. */
type Held = (string | null)[];

async function take({ owner, what }: Step, job: string, held: Held): Promise<void> {
  const store = stores[owner % stores.length] as Store;
  const us = `host-${owner}/1`;
  const run = held[owner] ?? null;
  if (what === 'claim') {
    const definition = {} as Job;
    const key = { project: 'p', target: 't', job, kind: 'manual', owner: us, jobHash: '', definition } as const;
    const claim = await store.claimJob({ ...key, leaseMs: 60_000 }).catch((error) => {
      expect(error).toMatchObject({ code: 'run/busy' });
      return null;
    });
    if (claim) held[owner] = claim.run;
  } else if (what === 'expire') {
    await db.query(`UPDATE sluice.leases SET expires_at = now() - interval '1 hour' WHERE job = '${job}'`);
  } else if (what === 'reap') {
    await store.queue.reap();
  } else if (run !== null && what === 'renew') {
    if (!(await store.renew({ run, owner: us, leaseMs: 60_000 })) && held[owner] === run) held[owner] = null;
  } else if (run !== null && what === 'commit') {
    await store.markCommitting(run).catch((error) => {
      expect(error).toMatchObject({ code: 'run/lease-lost' });
      if (held[owner] === run) held[owner] = null;
    });
  } else if (run !== null && what === 'finish') {
    await store.finishRun({ run, owner: us, state: 'succeeded', counts: zeroCounts(), error: null });
    if (held[owner] === run) held[owner] = null;
  }
}

it('keeps at most one run of a job alive, whatever owners do at once', async () => {
  let jobs = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 25 }), async (steps) => {
      const job = `j${jobs++}`;
      const held: Held = [null, null, null, null];
      let open: Promise<void>[] = [];
      for (const each of steps) {
        open.push(take(each, job, held));
        if (each.together) continue;
        await Promise.all(open);
        open = [];
        await expectOneAlive(job, held);
      }
      await Promise.all(open);
      await expectOneAlive(job, held);
    }),
    { seed: 34, numRuns: 25 },
  );
});

async function expectOneAlive(job: string, held: Held): Promise<void> {
  const alive = await db.query(
    `SELECT id FROM sluice.runs WHERE job = '${job}' AND state IN ('running', 'committing') AND finished_at IS NULL`,
  );
  const leases = await db.query(`SELECT run FROM sluice.leases WHERE job = '${job}'`);
  expect(alive.length).toBeLessThanOrEqual(1);
  expect(leases.map((l) => l.run)).toEqual(alive.map((r) => r.id));
  const holding = held.filter((run) => run !== null && run === leases[0]?.run);
  expect(holding.length).toBe(leases.length);
}
