import {
  diff,
  fires,
  instantText,
  type Job,
  parseCron,
  scheduleBounds,
  windowsBetween,
  zeroCounts,
} from '@sluice/core';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TestDatabase, testDatabase } from '../../../core/test/postgres.ts';
import { openStore, type Store } from '../store/store.ts';
import type { TargetKey } from '../store/types.ts';
import { dueTimes, scheduleText } from './due.ts';
import { tick } from './schedule.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const T0 = Date.parse('2026-03-27T12:00:00Z');
const QUIET = { debug() {}, info() {}, warn() {}, error() {} };

let db: TestDatabase;
let stores: Store[];
let projects = 0;

beforeAll(async () => {
  db = await testDatabase();
  stores = await Promise.all([1, 2, 3].map(() => openStore({ url: db.url })));
});
afterAll(async () => {
  for (const store of stores ?? []) await store.close();
  await db?.drop();
});

type Schedule = NonNullable<Job['schedule']>;

function job(name: string, schedule: Partial<Schedule> | null, more: Partial<Job> = {}): Job {
  const full = schedule && {
    ...{ cron: '*/10 * * * *', timezone: 'UTC', start: null, end: null, overlap_policy: 'queue', catchup: 'all' },
    ...schedule,
  };
  const made = {
    ...{
      name,
      project: 'p',
      target: 't',
      file: `${name}.yaml`,
      enabled: true,
      description: null,
      owner: null,
      tags: [],
    },
    ...{ depends_on: [], renamed_from: [], streams: [], schedule: full, compute: { memory: 1 }, ...more },
  };
  return { ...made, hash: JSON.stringify(made) } as unknown as Job;
}

const windowed = (more: object = {}) =>
  [
    {
      ...{ name: 'w', enabled: true, source: { type: 'http', settings: {} }, destination: { type: 'postgres' } },
      incremental: { type: 'window', column: 'at', every: 'day', timezone: 'Europe/Berlin', lookback: 0, ...more },
    },
  ] as unknown as Job['streams'];

/** Jobs that were applied at T0. */
async function applied(jobs: Job[]): Promise<TargetKey> {
  const key = { project: `p${projects++}`, target: 't' };
  await apply(key, jobs);
  await db.query(
    `UPDATE sluice.job_states SET first_applied = '${new Date(T0).toISOString()}' WHERE project = '${key.project}'`,
  );
  return key;
}

async function apply(key: TargetKey, jobs: Job[]): Promise<void> {
  const [store] = stores as [Store];
  const plan = diff({ ...key, jobs, problems: [] }, await store.actual(key), 0);
  await store.applyPlan({ plan, jobs, problems: {}, gitRevision: null, author: null });
}

const look = (key: TargetKey, now: number, store = stores[0] as Store) =>
  tick({ store, key, clock: async () => now, log: QUIET });

async function due(key: TargetKey, name: string, states?: string): Promise<number[]> {
  const rows = await db.query(
    `SELECT extract(epoch FROM due_at)::bigint * 1000 AS at FROM sluice.runs
     WHERE project = '${key.project}' AND job = '${name}' ${states ? `AND state IN (${states})` : ''} ORDER BY due_at`,
  );
  return rows.map(({ at }) => Number(at));
}

function firesOf(one: Job, from: number, to: number): number[] {
  const cron = parseCron(one.schedule!.cron);
  if (!cron.ok) throw new Error(cron.message);
  return [...fires(cron.cron, one.schedule!.timezone, from, to, scheduleBounds(one.schedule!))];
}

describe('due times', () => {
  const asked = (one: Job, handled: number | null, more = {}) => ({
    ...{
      definition: one,
      first_applied: T0,
      handled_until: handled,
      schedule: scheduleText(one),
      paused: false,
      ...more,
    },
  });

  it('are those since the job was applied, by its catchup', () => {
    const at = (catchup: Schedule['catchup'], now: number) => dueTimes(asked(job('j', { catchup }), null), now).at;
    const late = T0 + 35 * MINUTE;
    expect(at('all', late)).toEqual([10, 20, 30].map((m) => T0 + m * MINUTE));
    expect(at('latest', late)).toEqual([T0 + 30 * MINUTE]);
    expect(at('none', late)).toEqual([]);
    expect(at('none', T0 + 30 * MINUTE + 59_000)).toEqual([T0 + 30 * MINUTE]);
  });

  it('begin anew under another schedule, and rest while the job is paused', () => {
    const one = job('j', { catchup: 'all' });
    const now = T0 + DAY;
    expect(dueTimes(asked(one, T0, { schedule: '"other"' }), now)).toMatchObject({
      at: [],
      nextDue: now + 10 * MINUTE,
    });
    expect(dueTimes(asked(one, T0, { paused: true }), now)).toMatchObject({
      ...{ at: [], handledUntil: T0, nextDue: T0 + 10 * MINUTE },
    });
  });

  it('read start and end on the clock of the zone', () => {
    const zone = { cron: '0 * * * *', timezone: 'Europe/Berlin', start: '2026-03-28 08:00', end: '2026-03-28T10:00' };
    const found = dueTimes(asked(job('j', { ...zone, catchup: 'all' }), null), T0 + 2 * DAY);
    expect(found.at.map(instantText)).toEqual(['2026-03-28T07:00:00Z', '2026-03-28T08:00:00Z']);
    expect(found.nextDue).toBeNull();
  });
});

const move = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ what: fc.constant('wait' as const), ms: fc.integer({ min: 1000, max: 3 * HOUR }) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ what: fc.constant('wait' as const), ms: fc.integer({ min: 1000, max: 90_000 }) }),
  },
  { weight: 1, arbitrary: fc.record({ what: fc.constant('back' as const), ms: fc.integer({ min: 1000, max: HOUR }) }) },
  {
    weight: 1,
    arbitrary: fc.record({ what: fc.constantFrom('pause' as const, 'resume' as const), ms: fc.constant(0) }),
  },
);
const cron = fc.constantFrom('*/10 * * * *', '7,37 * * * *', '0 2 * * *', '30 1-3 * * *', '* * * * *');

it('puts each due time into the queue once, whatever daemons, pauses and clocks do', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(move, { minLength: 3, maxLength: 12 }), cron, async (moves, text) => {
      const all = job('all', { cron: text, timezone: 'Europe/Berlin' });
      const latest = job('latest', { cron: text, timezone: 'Europe/Berlin', catchup: 'latest' });
      const key = await applied([all, latest]);
      let [now, reached] = [T0, T0];
      for (const { what, ms } of moves) {
        if (what === 'wait') now += ms;
        else if (what === 'back') now -= ms;
        else if (what === 'pause')
          await stores[0]!.jobs.pause({ ...key, job: 'all' }, { until: null, by: 'x', reason: null });
        else await stores[1]!.jobs.resume({ ...key, job: 'all' }, 'x');
        reached = Math.max(reached, now);
        await Promise.all(stores.map((store) => look(key, now, store)));
      }
      await stores[0]!.jobs.resume({ ...key, job: 'all' }, 'x');
      await Promise.all(stores.map((store) => look(key, reached, store)));
      const wanted = firesOf(all, T0, reached);
      expect(await due(key, 'all')).toEqual(wanted);
      const some = await due(key, 'latest');
      expect(some.filter((at) => !wanted.includes(at))).toEqual([]);
      expect(some.at(-1)).toBe(wanted.at(-1));
      expect(new Set(some).size).toBe(some.length);
    }),
    { seed: 32, numRuns: 12 },
  );
});

it('runs each window once until it succeeded, whatever fails', async () => {
  const store = stores[0] as Store;
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ hours: fc.integer({ min: 1, max: 60 }), fails: fc.boolean() }), {
        minLength: 3,
        maxLength: 8,
      }),
      async (steps) => {
        const start = '2026-03-27';
        const one = job('w', { cron: '0 5 * * *', timezone: 'Europe/Berlin', start }, { streams: windowed() });
        const key = await applied([one]);
        let now = T0;
        const done: string[] = [];
        for (const { hours, fails } of steps) {
          now += hours * HOUR;
          await Promise.all(stores.map((each) => look(key, now, each)));
          for (;;) {
            const wish = { ...key, owner: 'o/1', host: 'h', leaseMs: 60_000, memory: 10, limits: {} };
            const [claimed] = await store.queue.claim(wish);
            if (!claimed) break;
            const { window } = claimed.options;
            if (!fails) {
              const before = (await store.streamStates({ ...key, job: 'w' }))[0];
              const windows = [...((before?.checkpoint.windows as string[]) ?? []), `${window!.from}/${window!.to}`];
              await store.finishStream({
                ...{
                  ...key,
                  job: 'w',
                  stream: 'w',
                  run: claimed.run,
                  seq: (before?.seq ?? 0) + 1,
                  commitId: claimed.run,
                },
                ...{ checkpoint: { windows }, counts: zeroCounts() },
              });
              done.push(window!.from);
            }
            const state = fails ? 'failed' : 'succeeded';
            await store.finishRun({ run: claimed.run, owner: 'o/1', state, counts: zeroCounts(), error: null });
          }
        }
        expect(new Set(done).size).toBe(done.length);
        const last = (await due(key, 'w', `'succeeded'`)).at(-1);
        const complete = windowsBetween(Date.parse(`${start}T00:00+01:00`), last ?? 0, 'day', 'Europe/Berlin');
        const wanted = complete.filter(({ end }) => end <= (last ?? 0)).map((window) => instantText(window.start));
        if (last !== undefined) expect([...done].sort()).toEqual(wanted);
      },
    ),
    { seed: 33, numRuns: 8 },
  );
});

it('looks again at a job that was changed while it was looked at', async () => {
  const key = await applied([job('j', { cron: '0 * * * *' })]);
  const [store] = stores as [Store];
  const [seen] = await store.due.stale(key, 10);
  await apply(key, [job('j', { cron: '*/5 * * * *' })]);
  const { version, definition } = seen!;
  await store.due.set(key, [
    {
      ...{ job: 'j', version, handledUntil: T0, nextDue: T0 + HOUR, latenessMs: null },
      schedule: scheduleText(definition),
    },
  ]);
  await look(key, T0 + MINUTE);
  expect(await store.jobs.find(key, 'j')).toMatchObject({ next_due: new Date(T0 + 5 * MINUTE).toISOString() });
  expect(await store.due.stale(key, 10)).toEqual([]);
});

describe('runs that meet', () => {
  it('are skipped, queued, or cancel the one before', async () => {
    const jobs = (['skip', 'queue', 'cancel'] as const).map((overlap_policy) =>
      job(overlap_policy, { overlap_policy }),
    );
    const key = await applied(jobs);
    for (const m of [10, 20]) await look(key, T0 + m * MINUTE + 500);
    const states = await db.query(
      `SELECT job, string_agg(state, ' ' ORDER BY due_at) AS states FROM sluice.runs WHERE project = '${key.project}' GROUP BY job ORDER BY job`,
    );
    expect(states).toEqual([
      { job: 'cancel', states: 'cancelled queued' },
      { job: 'queue', states: 'queued queued' },
      { job: 'skip', states: 'queued skipped' },
    ]);
  });
});

describe('depends_on', () => {
  const end = async (key: TargetKey, name: string, state: 'succeeded' | 'failed') => {
    const store = stores[0] as Store;
    const wish = { ...key, owner: 'o/1', host: 'h', leaseMs: 60_000, memory: 10, limits: {} };
    const [claimed] = await store.queue.claim(wish);
    expect(claimed?.job.name).toBe(name);
    await store.finishRun({ run: claimed!.run, owner: 'o/1', state, counts: zeroCounts(), error: null });
  };
  const waits = async (key: TargetKey) => {
    const rows = await db.query(
      `SELECT waiting_for FROM sluice.runs WHERE project = '${key.project}' AND job = 'down' ORDER BY due_at, window_start`,
    );
    return rows.map((row) => row.waiting_for);
  };

  it('waits for the latest due time of the other, and again after a failure', async () => {
    const key = await applied([job('up', {}), job('down', {}, { depends_on: ['up'] })]);
    await look(key, T0 + 10 * MINUTE + 500);
    expect(await waits(key)).toEqual(['up']);
    await end(key, 'up', 'failed');
    await look(key, T0 + 11 * MINUTE);
    expect(await waits(key)).toEqual(['up']);
    // Somebody runs it by hand.
    await stores[0]!.queue.enqueue({ ...key, job: job('up', {}), kind: 'manual' });
    await end(key, 'up', 'succeeded');
    await look(key, T0 + 12 * MINUTE);
    expect(await waits(key)).toEqual([null]);
    await end(key, 'down', 'succeeded');
  });

  it('goes by windows where both have them, also those that found nothing', async () => {
    const daily = { cron: '0 5 * * *', timezone: 'Europe/Berlin', start: '2026-03-27' };
    const up = job('up', daily, { streams: windowed() });
    const down = job('down', daily, { streams: windowed(), depends_on: ['up'] });
    const key = await applied([up, down]);
    await look(key, Date.parse('2026-03-29T03:00:01Z'));
    expect(await waits(key)).toEqual(['up', 'up']);
    // Without a checkpoint, as a run ends that found no files.
    await end(key, 'up', 'succeeded');
    await look(key, Date.parse('2026-03-29T03:00:02Z'));
    expect(await waits(key)).toEqual([null, 'up']);
    await end(key, 'down', 'succeeded');
    await end(key, 'up', 'succeeded');
    await look(key, Date.parse('2026-03-29T03:00:03Z'));
    expect(await waits(key)).toEqual([null, null]);
  });

  it('does not wait for what is switched off, by hand alone, or was not due yet', async () => {
    const down = job('down', {}, { depends_on: ['off', 'hand', 'rare'] });
    const off = job('off', {}, { enabled: false });
    const key = await applied([down, off, job('hand', null), job('rare', { cron: '0 0 1 1 *' })]);
    await look(key, T0 + 10 * MINUTE + 500);
    expect(await waits(key)).toEqual([null]);
  });
});
