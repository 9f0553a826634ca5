import { type ReplayEntry, zeroCounts } from '@sluice/core';
import type pg from 'pg';
import type { Database } from './connection.ts';
import { isoTimes, placeOf, RUN_COLUMNS, splitOwner } from './runs.ts';
import type { Claim, Counts, Job, RunRow, TargetKey } from './types.ts';

/** What a run is asked for beside its job. */
export interface RunOptions {
  /** One stream of the job; left out: all. */
  stream?: string;
  full_refresh?: boolean;
  /** As `RunRequest.window`: values of a cursor need not be times. */
  window?: { from: string; to: string; again: boolean };
  windowed_only?: boolean;
  /** Kind `replay`: where the rows that were set aside go in again. */
  replay?: ReplayEntry;
}

export interface ClaimWish extends TargetKey {
  owner: string;
  host: string;
  leaseMs: number;
  /** Memory that is still free on this node, for all that is taken. */
  memory: number;
  /** What the first run may want, where that is more; left out: no more than `memory`. */
  memoryOfFirst?: number;
  /** How many runs to take at most; left out: one. */
  most?: number;
  /** How many runs of a group (`tag:x`, `connection:x`) may be alive at a time, over all nodes. */
  limits: Readonly<Record<string, number>>;
}

/** A run that was taken from the queue: what an executor needs of it. */
export interface Claimed extends Claim {
  row: RunRow;
  job: Job;
  options: RunOptions;
  /** Number that its next attempt has, from 1. */
  attempt: number;
  /** Attempts that failed by themselves; those that were handed over are not among them. */
  failures: number;
  /** Streams that an earlier attempt committed, with what they wrote. */
  done: { stream: string; counts: Counts }[];
}

/** Runs that one statement takes at most. */
const MOST = 16;
/** How far the queue is looked through in its order before it is looked through job by job. */
const NEAR = 200;
/** Each time that nothing was taken another daemon took a run of the same job: its lease is seen from then on. */
const MOST_LOST_RACES = 50;

/**
 * Takes the next runs that may begin: ready, due, of no job that is paused (runs by hand go on) or running, that fit the node's
 * memory, its host and the limits; fewer than are wanted, or none, where there are no more. A job's runs begin in the order of their
 * due times and windows; one that had begun already comes first, since the next commit of its job would hide whether it had committed.
 */
export async function claim(db: Database, wish: ClaimWish): Promise<Claimed[]> {
  if (Object.keys(wish.limits).length === 0) return claimWith((statement) => db.query(statement), wish, []);
  return db.transaction(async (client) => {
    // Two that count at once would both find room, as would two runs that are taken at once.
    await client.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 3))', [
      JSON.stringify([wish.project, wish.target]),
    ]);
    const full = await fullGroups(client, wish);
    return claimWith((statement) => client.query(statement), { ...wish, most: 1 }, full);
  });
}

/** By which limits count a job: its tags and the connections that it uses. */
export function groupsOf(job: Job): string[] {
  const connections = job.streams.flatMap(({ source, destination }) => [source.connection, destination.connection]);
  const names = connections.filter((name) => name !== null).map((name) => `connection:${name}`);
  return [...new Set([...job.tags.map((tag) => `tag:${tag}`), ...names])];
}

/** Groups of which as many runs are alive as may be. A run that is alive has a lease, of which there are few. */
async function fullGroups(client: pg.PoolClient, { project, target, limits }: ClaimWish): Promise<string[]> {
  const { rows } = await client.query(
    `SELECT name, (SELECT count(*) FROM leases l JOIN runs r ON r.id = l.run
       WHERE l.project = $1 AND l.target = $2 AND r.groups @> ARRAY[name])::int AS n FROM unnest($3::text[]) AS name`,
    [project, target, Object.keys(limits)],
  );
  return rows.filter(({ name, n }) => n >= (limits[name] ?? Number.POSITIVE_INFINITY)).map(({ name }) => String(name));
}

type Ask = (statement: pg.QueryConfig) => Promise<pg.QueryResult>;

async function claimWith(ask: Ask, wish: ClaimWish, full: readonly string[]): Promise<Claimed[]> {
  const most = Math.min(MOST, wish.most ?? 1);
  const [, pid] = splitOwner(wish.owner);
  const memory = Math.floor(wish.memory);
  const first = Math.max(memory, Math.floor(wish.memoryOfFirst ?? 0));
  const { project, target, host, owner, leaseMs } = wish;
  const values = [project, target, host, first, full, owner, placeOf(owner), leaseMs, pid, memory];
  let all = false;
  for (let races = 0; races < MOST_LOST_RACES; ) {
    const name = `claim-${all ? 'all' : 'near'}-${most}`;
    const { rows } = await ask({ name, text: all ? claimOfAll(most) : claimOfNear(most), values });
    const taken = rows.filter(({ id }) => id !== null);
    if (taken.length > 0) return taken.map(claimed);
    const { seen, more } = rows[0] as { seen: number; more: boolean | null };
    if (seen > 0) races++;
    else if (!all && more) all = true;
    else break;
  }
  return [];
}

const LANE = `CASE WHEN attempt > 0 THEN CASE kind WHEN 'backfill' THEN 1 ELSE 0 END
  ELSE CASE kind WHEN 'backfill' THEN 3 ELSE 2 END END`;
const ORDERED = `id, ${LANE} AS lane, not_before, due_at, window_start, created_at`;
const ORDER = `${LANE}, not_before, due_at, window_start, created_at`;
const CLAIMABLE = `project = $1 AND target = $2 AND state = 'queued' AND ready`;
const DUE = 'not_before <= statement_timestamp()';

/** Sets are made once for a statement: there are few jobs that run, and fewer with a run that had begun. */
const idle = (job: string) => `${job} NOT IN (SELECT l.job FROM leases l WHERE l.project = $1 AND l.target = $2)`;
const paused = (job: string) =>
  `coalesce((SELECT s.paused_until > statement_timestamp() FROM job_states s
     WHERE s.project = $1 AND s.target = $2 AND s.job = ${job} AND s.paused_at IS NOT NULL), false)`;
const rests = (run: string) => `${run}.attempt = 0 AND ${run}.kind IN ('scheduled', 'backfill')`;

/**
 * Whether `r` may begin. `coalesce` hides it from the planner, which otherwise makes these conditions of the whole queue before it takes
 * one run, and, as it cannot know their values beforehand, plans the statement anew each time, which takes longer than the claim.
 */
const MAY_BEGIN = `coalesce(r.state = 'queued' AND r.ready AND r.memory_bytes <= $4 AND (r.host_wanted IS NULL OR r.host_wanted = $3)
  AND NOT r.groups && $5::text[] AND ${idle('r.job')}
  AND (r.attempt > 0 OR r.job NOT IN (SELECT o.job FROM runs o
    WHERE o.project = $1 AND o.target = $2 AND o.state = 'queued' AND o.attempt > 0))
  AND NOT (${rests('r')} AND ${paused('r.job')}), false)`;

/** The first of the queue in its order: enough, unless they all wait for others of their job. */
function claimOfNear(most: number): string {
  return claimSql(`(SELECT ${ORDERED} FROM runs WHERE ${CLAIMABLE} AND ${DUE} ORDER BY ${ORDER} LIMIT ${NEAR})`, most);
}

/** The first run of each job that is neither running nor, where the run has to rest then, paused. */
function claimOfAll(most: number): string {
  const jobs = `WITH RECURSIVE names AS (
      (SELECT job FROM runs WHERE ${CLAIMABLE} ORDER BY job LIMIT 1)
      UNION ALL
      SELECT (SELECT job FROM runs WHERE ${CLAIMABLE} AND job > n.job ORDER BY job LIMIT 1) FROM names n WHERE n.job IS NOT NULL)
    SELECT job, ${paused('n.job')} AS paused FROM names n WHERE job IS NOT NULL AND ${idle('n.job')}`;
  const head = `SELECT ${ORDERED} FROM runs q WHERE ${CLAIMABLE} AND ${DUE} AND q.job = j.job
      AND ${LANE} <= CASE WHEN j.paused THEN 2 ELSE 3 END AND NOT (j.paused AND ${rests('q')}) ORDER BY ${ORDER} LIMIT 1`;
  return claimSql(`(SELECT f.* FROM (${jobs}) j CROSS JOIN LATERAL (${head}) f)`, most);
}

/**
 * Locks runs, passing over those that others have locked, gives each a lease and begins it. Of a job for which another claims a run at
 * the same time one gets the lease, and the other finds it taken. Leases are made in the order of their jobs, so that no two wait for
 * each other. What only a run has that had begun before is asked for such a run alone.
 */
function claimSql(queue: string, most: number): string {
  return `WITH next AS MATERIALIZED (
      SELECT r.id, r.job, r.attempt, r.memory_bytes, h.lane, h.not_before, h.due_at, h.window_start, h.created_at
      FROM ${queue} h JOIN runs r ON r.id = h.id
      WHERE ${MAY_BEGIN}
      ORDER BY h.lane, h.not_before, h.due_at, h.window_start, h.created_at LIMIT ${most} FOR UPDATE OF r SKIP LOCKED),
    single AS (SELECT DISTINCT ON (job) * FROM next ORDER BY job, lane, not_before, due_at, window_start, created_at),
    summed AS (SELECT *, sum(memory_bytes) OVER w AS used, row_number() OVER w AS place FROM single
      WINDOW w AS (ORDER BY lane, not_before, due_at, window_start, created_at ROWS UNBOUNDED PRECEDING)),
    lease AS (
      INSERT INTO leases (project, target, job, run, owner, place, expires_at, attempt)
      SELECT $1, $2, job, id, $6, $7, clock_timestamp() + $8::float8 * interval '1 millisecond', attempt + 1 FROM summed
      WHERE place = 1 OR used <= $10 ORDER BY job
      ON CONFLICT DO NOTHING RETURNING run),
    taken AS (
      UPDATE runs r SET state = 'running', owner = $6, host = $3, pid = $9, attempt = attempt + 1, waiting_for = NULL,
        started_at = coalesce(started_at, clock_timestamp())
      FROM lease WHERE r.id = lease.run RETURNING ${RUN_COLUMNS}, definition)
    SELECT t.*, seen.n AS seen,
      seen.n = 0 AND EXISTS (SELECT 1 FROM runs WHERE ${CLAIMABLE} AND ${DUE} ORDER BY ${ORDER} OFFSET ${NEAR} LIMIT 1) AS more,
      CASE WHEN t.attempt > 1 THEN (SELECT count(*)::int FROM run_attempts a WHERE a.run = t.id
        AND a.error->>'code' NOT IN ('run/lease-lost', 'run/cancelled')) ELSE 0 END AS failures,
      CASE WHEN t.attempt > 1 THEN (SELECT json_agg(json_build_object('stream', d.stream, 'counts', d.counts))
        FROM run_streams d WHERE d.run = t.id AND d.state = 'succeeded') END AS done,
      (SELECT json_agg(DISTINCT i.run::text) FROM intents i JOIN runs d ON d.id = i.run
        WHERE i.settled_at IS NULL AND i.run <> t.id AND d.project = $1 AND d.target = $2 AND d.job = t.job) AS dead
    FROM (SELECT count(*)::int AS n FROM next) seen LEFT JOIN taken t ON true`;
}

function claimed(found: Record<string, unknown>): Claimed {
  const { definition, seen, more, failures, done, dead, ...rest } = found;
  const row = isoTimes<RunRow>(rest);
  return {
    run: row.id,
    deadRuns: (dead as string[] | null) ?? [],
    row,
    job: definition as Job,
    options: row.options as RunOptions,
    attempt: row.attempt,
    failures: failures as number,
    done: ((done as Claimed['done'] | null) ?? []).map(({ stream, counts }) => ({
      stream,
      counts: { ...zeroCounts(), ...counts },
    })),
  };
}
