import { compile, createProject, type Job, parseDocument } from '@sluice/core';
import pg from 'pg';
import { runSchedule, type ScheduleMeans, tick } from '../../src/schedule/schedule.ts';
import { connectionConfig } from '../../src/store/connection.ts';
import type { Store } from '../../src/store/store.ts';
import { scaleJob } from './project.ts';
import { below, medianOf, percentile, type Tell } from './table.ts';

const KEY = { project: 'ticks', target: 'default' };
const FIRES_A_SECOND = 50;
const quiet = { debug() {}, info() {}, warn() {}, error() {} } as unknown as ScheduleMeans['log'];

/** What the scheduler's look costs among many scheduled jobs, and how late runs are put into the queue. */
export async function scheduleFigures(
  url: string,
  store: Store,
  { jobs, seconds, tell }: { jobs: number; seconds: number; tell: Tell },
): Promise<void> {
  const client = new pg.Client(connectionConfig(url));
  await client.connect();
  try {
    await fill(client, jobs);
    const means: ScheduleMeans = { store, key: KEY, clock: () => store.now(), log: quiet };
    const idle = await medianOf(20, () => tick(means));
    tell(below(`a look of the scheduler among ${jobs} scheduled jobs, none due`, idle, 100));
    // So many a second are to be looked at from now on; each finds the minute that has passed.
    await client.query(
      `UPDATE job_states SET handled_until = clock_timestamp() - interval '70 seconds',
         next_due = clock_timestamp() + interval '5 seconds' + (n - 1) * interval '1 second' / $2
       FROM (SELECT job AS name, row_number() OVER (ORDER BY job) AS n FROM job_states WHERE project = $1) AS numbered
       WHERE project = $1 AND job = name AND n <= $2::int * $3::int`,
      [KEY.project, FIRES_A_SECOND, seconds],
    );
    await client.query(
      `CREATE TEMP TABLE wanted AS SELECT job, next_due FROM job_states WHERE project = '${KEY.project}'`,
    );
    const stop = new AbortController();
    const running = runSchedule(means, stop.signal);
    const fired = await waitForRuns(client, FIRES_A_SECOND * seconds, (seconds + 30) * 1000);
    stop.abort();
    await running;
    const { rows } = await client.query(
      `SELECT extract(epoch FROM min(queued_at) - min(next_due))::float8 * 1000 AS late
       FROM runs JOIN wanted USING (job) WHERE project = $1 GROUP BY job`,
      [KEY.project],
    );
    const late = percentile(
      rows.map((row) => row.late),
      0.99,
    );
    tell(below(`lateness at ${FIRES_A_SECOND} fires a second, p99 of ${fired} runs`, late, 1000));
  } finally {
    await client.end();
  }
}

/** Jobs that are applied and scheduled, due in a day. */
async function fill(client: pg.Client, jobs: number): Promise<void> {
  const definition = compiled();
  await client.query(
    `INSERT INTO applied_jobs (project, target, job, file, job_hash, definition, version)
     SELECT $1, $2, 'job_' || n, 'jobs/job_' || n || '.yaml', 'h' || n,
       replace($3, 'job_0', 'job_' || n)::json, 1 FROM generate_series(1, $4::int) AS n`,
    [KEY.project, KEY.target, JSON.stringify(definition), jobs],
  );
  await client.query(
    `INSERT INTO job_states (project, target, job, stale, schedule, handled_until, next_due)
     SELECT project, target, job, false, definition->'schedule', now(), now() + interval '1 day' FROM applied_jobs WHERE project = $1`,
    [KEY.project],
  );
  await client.query('ANALYZE applied_jobs, job_states');
}

/** A job of every minute, so that what is due is due by its cron as well. */
function compiled(): Job {
  const config = parseDocument(
    'version: 1\nname: ticks\nconnections:\n  lake_0:\n    type: local\n    root: in\n',
    'sluice.yaml',
  );
  const text = scaleJob(0).replace(/cron: .*/, 'cron: "* * * * *"');
  const document = parseDocument(text, 'jobs/job_0.yaml');
  const { job, diagnostics } = compile(document, createProject({ config, jobs: [document] }));
  if (!job) throw new Error(JSON.stringify(diagnostics));
  return job;
}

async function waitForRuns(client: pg.Client, wanted: number, mostMs: number): Promise<number> {
  const until = Date.now() + mostMs;
  for (;;) {
    const { rows } = await client.query('SELECT count(DISTINCT job)::int AS n FROM runs WHERE project = $1', [
      KEY.project,
    ]);
    if (rows[0]?.n >= wanted || Date.now() > until) return rows[0]?.n;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}
