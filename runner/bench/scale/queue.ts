import { type Job, zeroCounts } from '@sluice/core';
import { Logger, makeWorkerUtils, runOnce } from 'graphile-worker';
import { openStore, type Store } from '../../src/store/store.ts';
import { type Tell, timed } from './table.ts';

const LEASE_MS = 60_000;
const GRAPHILE_SCHEMA = 'graphile_bench';

/** A compiled job that holds no more than the queue looks at. */
function jobOf(name: string): Job {
  const compute = { memory: 1, workers: { min: 1, max: 1 } };
  const rest = { hash: name, tags: [], depends_on: [], streams: [], renamed_from: [], compute };
  return { name, ...rest } as unknown as Job;
}

/** Runs claimed and ended, and lines of logs written, beside what graphile-worker does with as many empty jobs on the same server. */
export async function queueFigures(
  url: string,
  { runs, lines, tell }: { runs: number; lines: number; tell: Tell },
): Promise<void> {
  for (const [daemons, slots] of [
    [1, 1],
    [4, 1],
    [16, 1],
    [1, 16],
  ] as const) {
    const ours = await claimAll(url, { daemons, slots, runs });
    const theirs = await graphileAll(url, daemons * slots, runs);
    const value = `${ours.toFixed(0)} a second, graphile-worker ${theirs.toFixed(0)}: ${(ours / theirs).toFixed(2)}x`;
    const who = slots > 1 ? `one daemon of ${slots} slots` : `${daemons} at a time`;
    tell({ name: `runs claimed and ended, ${who}`, value });
  }
  const store = await openStore({ url });
  try {
    const [run] = await queue(store, 'logs', 1);
    const line = { at: new Date().toISOString(), level: 'info' as const, message: 'Read 1,000 rows of orders.csv' };
    const batch = Array.from({ length: 500 }, () => line);
    const [ms] = await timed(async () => {
      for (let written = 0; written < lines; written += batch.length) await store.appendLogs(String(run), batch);
    });
    tell({ name: 'lines of a log written, 500 at a time', value: `${((lines / ms) * 1000).toFixed(0)} a second` });
  } finally {
    await store.close();
  }
}

async function queue(store: Store, project: string, runs: number): Promise<(string | null)[]> {
  const ids: (string | null)[] = [];
  for (let i = 0; i < runs; i++)
    ids.push(await store.queue.enqueue({ project, target: 'bench', job: jobOf(`job_${i}`), kind: 'manual' }));
  return ids;
}

/** Runs a second, each of a job of its own; a daemon claims for all of its slots that are free. */
async function claimAll(
  url: string,
  { daemons, slots, runs }: { daemons: number; slots: number; runs: number },
): Promise<number> {
  const project = `claims_${daemons}_${slots}`;
  const stores = await Promise.all(Array.from({ length: daemons }, () => openStore({ url })));
  try {
    await queue(stores[0] as Store, project, runs);
    const work = async (store: Store, index: number): Promise<number> => {
      const owner = `host${index}/${index}`;
      const wish = {
        project,
        target: 'bench',
        owner,
        host: `host${index}`,
        leaseMs: LEASE_MS,
        memory: 1e9,
        limits: {},
        most: slots,
      };
      for (let done = 0; ; ) {
        const claims = await store.queue.claim(wish);
        if (claims.length === 0) return done;
        const ended = { owner, state: 'succeeded', counts: zeroCounts(), error: null } as const;
        await Promise.all(claims.map(({ run }) => store.finishRun({ run, ...ended })));
        done += claims.length;
      }
    };
    const [ms, done] = await timed(() => Promise.all(stores.map(work)));
    const all = done.reduce((sum, n) => sum + n, 0);
    if (all !== runs) throw new Error(`${all} of ${runs} runs were claimed`);
    return (runs / ms) * 1000;
  } finally {
    await Promise.all(stores.map((store) => store.close()));
  }
}

/** Jobs a second of graphile-worker, whose task does nothing. */
async function graphileAll(connectionString: string, concurrency: number, jobs: number): Promise<number> {
  const options = { connectionString, schema: GRAPHILE_SCHEMA };
  const utils = await makeWorkerUtils(options);
  try {
    await utils.migrate();
    await utils.withPgClient((client) =>
      client.query(
        `SELECT ${GRAPHILE_SCHEMA}.add_job('nothing', json_build_object('id', i)) FROM generate_series(1, $1::int) i`,
        [jobs],
      ),
    );
  } finally {
    await utils.release();
  }
  const logger = new Logger(() => () => undefined);
  const [ms] = await timed(() =>
    runOnce({
      ...options,
      concurrency,
      maxPoolSize: concurrency + 2,
      noHandleSignals: true,
      logger,
      taskList: { nothing: async () => {} },
    }),
  );
  return (jobs / ms) * 1000;
}
