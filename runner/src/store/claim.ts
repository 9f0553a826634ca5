import { type ReplayEntry, zeroCounts } from '@sluice/core';
import type pg from 'pg';
import type { Database } from './connection.ts';
import { deadRuns, jobLock, placeOf, splitOwner } from './runs.ts';
import type { Claim, Counts, Job, JobKey, RunRow, TargetKey } from './types.ts';

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
  /** Memory that is still free on this node. */
  memory: number;
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

const CANDIDATES = 20;

/**
 * Takes the next run that may begin: ready, due, of no job that is paused (runs by hand go on) or running, that fits the node's
 * memory, its host and the limits. null: there is none. A job's runs begin in the order of their due times and windows; one that had
 * begun already comes first, since the next commit of its job would hide whether it had committed.
 */
export function claimNext(db: Database, wish: ClaimWish): Promise<Claimed | null> {
  return db.transaction(async (client) => {
    // Two that count at once would both find room.
    if (Object.keys(wish.limits).length > 0) {
      await client.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 3))', [
        JSON.stringify([wish.project, wish.target]),
      ]);
    }
    const full = await fullGroups(client, wish);
    for (const { id, job } of await candidates(client, wish, full)) {
      const key = { project: wish.project, target: wish.target, job: String(job) };
      if (!(await jobLock(client, key, true))) continue;
      const claimed = await take(client, { ...wish, ...key }, String(id));
      if (claimed) return claimed;
    }
    return null;
  });
}

/** By which limits count a job: its tags and the connections that it uses. */
export function groupsOf(job: Job): string[] {
  const connections = job.streams.flatMap(({ source, destination }) => [source.connection, destination.connection]);
  const names = connections.filter((name) => name !== null).map((name) => `connection:${name}`);
  return [...new Set([...job.tags.map((tag) => `tag:${tag}`), ...names])];
}

async function fullGroups(client: pg.PoolClient, { project, target, limits }: ClaimWish): Promise<string[]> {
  const names = Object.keys(limits);
  if (names.length === 0) return [];
  const { rows } = await client.query(
    `SELECT name, (SELECT count(*) FROM runs WHERE project = $1 AND target = $2 AND state IN ('running', 'committing')
       AND groups @> ARRAY[name])::int AS n FROM unnest($3::text[]) AS name`,
    [project, target, names],
  );
  return rows.filter(({ name, n }) => n >= (limits[name] ?? Number.POSITIVE_INFINITY)).map(({ name }) => String(name));
}

async function candidates(client: pg.PoolClient, wish: ClaimWish, full: readonly string[]) {
  const { rows } = await client.query(
    `SELECT r.id, r.job FROM runs r
     WHERE r.project = $1 AND r.target = $2 AND r.state = 'queued' AND r.ready AND r.not_before <= clock_timestamp()
       AND (r.host_wanted IS NULL OR r.host_wanted = $3) AND r.memory_bytes <= $4 AND NOT r.groups && $5::text[]
       AND NOT EXISTS (SELECT 1 FROM leases l WHERE l.project = $1 AND l.target = $2 AND l.job = r.job)
       AND NOT EXISTS (SELECT 1 FROM runs o WHERE o.project = $1 AND o.target = $2 AND o.job = r.job AND o.state = 'queued'
         AND o.attempt > 0 AND o.id <> r.id)
       AND (r.attempt > 0 OR r.kind NOT IN ('scheduled', 'backfill') OR NOT EXISTS (
         SELECT 1 FROM job_states s WHERE s.project = $1 AND s.target = $2 AND s.job = r.job
           AND s.paused_at IS NOT NULL AND s.paused_until > clock_timestamp()))
     ORDER BY r.attempt = 0, r.kind = 'backfill', r.not_before, r.due_at, r.window_start, r.created_at LIMIT ${CANDIDATES}
     FOR UPDATE OF r SKIP LOCKED`,
    [wish.project, wish.target, wish.host, Math.floor(wish.memory), full],
  );
  return rows;
}

async function take(client: pg.PoolClient, wish: ClaimWish & JobKey, run: string): Promise<Claimed | null> {
  const key = [wish.project, wish.target, wish.job];
  const lease = await client.query(
    `INSERT INTO leases (project, target, job, run, owner, place, expires_at, attempt)
     SELECT $1, $2, $3, id, $5, $6, clock_timestamp() + $7 * interval '1 millisecond', attempt + 1 FROM runs WHERE id = $4
     ON CONFLICT DO NOTHING`,
    [...key, run, wish.owner, placeOf(wish.owner), wish.leaseMs],
  );
  if (lease.rowCount === 0) return null;
  const [, pid] = splitOwner(wish.owner);
  const { rows } = await client.query(
    `UPDATE runs SET state = 'running', owner = $2, host = $3, pid = $4, attempt = attempt + 1, waiting_for = NULL,
       started_at = coalesce(started_at, clock_timestamp()) WHERE id = $1 RETURNING *`,
    [run, wish.owner, wish.host, pid],
  );
  const { definition, options, ...row } = rows[0] as Record<string, unknown>;
  const failed = await client.query(
    `SELECT count(*)::int AS n FROM run_attempts WHERE run = $1 AND error IS NOT NULL AND error->>'code' NOT IN ('run/lease-lost', 'run/cancelled')`,
    [run],
  );
  const done = await client.query(`SELECT stream, counts FROM run_streams WHERE run = $1 AND state = 'succeeded'`, [
    run,
  ]);
  return {
    run,
    deadRuns: await deadRuns(client, wish, run),
    row: Object.fromEntries(
      Object.entries(row).map(([name, value]) => [name, value instanceof Date ? value.toISOString() : value]),
    ) as unknown as RunRow,
    job: definition as Job,
    options: (options ?? {}) as RunOptions,
    attempt: Number(row.attempt),
    failures: Number(failed.rows[0]?.n ?? 0),
    done: done.rows.map(({ stream, counts }) => ({ stream, counts: { ...zeroCounts(), ...counts } })),
  };
}
