import type { Job } from '@sluice/core';
import { zeroCounts } from '@sluice/core';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { claimOne, job, queueFixture, request, wish } from '../../test/queued.ts';
import type { Store } from './store.ts';

const lab = queueFixture();

const step = fc.record({
  owner: fc.integer({ min: 0, max: 3 }),
  what: fc.constantFrom('enqueue', 'claim', 'claim', 'run', 'finish', 'expire', 'reap', 'handover', 'stop'),
  together: fc.boolean(),
});

it('has no two owners of a job, and loses no run, whatever daemons do at once', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 30 }), async (steps) => {
      const place = lab.target();
      const held: (string | null)[] = [null, null, null, null];
      let asked = 0;
      const take = async ({ owner, what }: (typeof steps)[number]) => {
        const us = lab.stores[owner % 2] as Store;
        const run = held[owner] ?? null;
        if (what === 'enqueue') {
          asked += 1;
          await us.queue.enqueue(request(place, job(`j${owner % 2}`)));
        } else if (what === 'claim' && run === null) {
          held[owner] = (await claimOne(us, wish(place, { owner: `o/${owner}` })))?.run ?? null;
        } else if (what === 'run' && run === null) {
          const definition = job(`j${owner % 2}`);
          const how = { kind: 'manual', owner: `o/${owner}`, leaseMs: 60_000, jobHash: 'h' } as const;
          const claim = await us.claimJob({ ...place, job: definition.name, definition, ...how }).catch((error) => {
            expect(error).toMatchObject({ code: 'run/busy' });
            return null;
          });
          if (claim) asked += 1;
          held[owner] = claim?.run ?? null;
        } else if (what === 'expire') {
          await lab.db.query(
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
        const alive = await lab.db.query(
          `SELECT r.id, r.job, r.owner, l.owner AS holder FROM sluice.runs r LEFT JOIN sluice.leases l ON l.run = r.id
           WHERE r.project = '${place.project}' AND r.state IN ('running', 'committing')`,
        );
        expect(new Set(alive.map((row) => row.job)).size).toBe(alive.length);
        for (const row of alive) expect(row.holder).toBe(row.owner);
      }
      await Promise.all(open);
      expect(await lab.store.listRuns({ ...place, limit: 100 })).toHaveLength(asked);
    }),
    { seed: 35, numRuns: 20 },
  );
});

const asked = fc.record({
  job: fc.integer({ min: 0, max: 3 }),
  kind: fc.constantFrom('manual' as const, 'backfill' as const, 'scheduled' as const),
  minute: fc.integer({ min: 0, max: 4 }),
  memory: fc.integer({ min: 1, max: 9 }),
});

it('begins the runs of a job in their order and one at a time, within the memory, however many are taken at once', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(asked, { maxLength: 12 }),
      fc.array(fc.integer({ min: 1, max: 4 })),
      async (runs, most) => {
        const place = lab.target();
        const at = (minute: number) => new Date(Date.UTC(2026, 0, 1, 0, minute)).toISOString();
        const wanted: { id: string; job: string; rank: number }[] = [];
        for (const { job: name, kind, minute, memory } of runs) {
          const one = job(`j${name}`, { compute: { memory } as Job['compute'] });
          const id = await lab.store.queue.enqueue(
            request(place, one, { kind, dueAt: at(minute), notBefore: at(minute) }),
          );
          // A due time of a schedule that is there already.
          if (id !== null) wanted.push({ id, job: one.name, rank: minute + (kind === 'backfill' ? 100 : 0) });
        }
        const begun: string[] = [];
        for (let i = 0; begun.length < wanted.length; i++) {
          const claims = await lab.stores[i % 2]!.queue.claim(
            wish(place, { memory: 10, most: most[i % most.length] ?? 1 }),
          );
          expect(claims.length).toBeGreaterThan(0);
          expect(claims.length).toBeLessThanOrEqual(most[i % most.length] ?? 1);
          expect(new Set(claims.map((one) => one.row.job)).size).toBe(claims.length);
          expect(claims.reduce((sum, one) => sum + one.row.memory_bytes, 0)).toBeLessThanOrEqual(10);
          for (const { run } of claims) begun.push(run);
          await Promise.all(claims.map(({ run }) => lab.finish(run, 'a/1')));
        }
        for (const name of new Set(wanted.map((one) => one.job))) {
          const ranks = begun
            .flatMap((id) => wanted.filter((one) => one.id === id && one.job === name))
            .map((one) => one.rank);
          expect(ranks).toEqual([...ranks].sort((a, b) => a - b));
        }
      },
    ),
    { seed: 36, numRuns: 15 },
  );
});
