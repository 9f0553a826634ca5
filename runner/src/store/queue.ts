import { type ReplayEntry, SluiceError, zeroCounts } from '@sluice/core';
import type pg from 'pg';
import { type Database, jsonb } from './connection.ts';
import { processPlace } from './place.ts';
import { deadRuns, endAttempts, isGone, jobLock, type LeaseKey, OWN_LEASE, placeOf, splitOwner } from './runs.ts';
import type { Claim, Counts, Job, JobKey, RunKind, RunRow, RunState, SluiceErrorJson, TargetKey } from './types.ts';

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

export interface EnqueueRequest extends TargetKey {
  /** The compiled job with symbols. */
  job: Job;
  kind: RunKind;
  options?: RunOptions;
  /** Who asked: a user, or the schedule (null). */
  requestedBy?: string | null;
  reason?: string | null;
  /** ISO 8601. */
  dueAt?: string | null;
  window?: { start: string; end: string } | null;
  /** ISO 8601; left out: now. */
  notBefore?: string | null;
  /** false: it waits until `markReady`. */
  ready?: boolean;
  /** The only host that can run it; null: any. */
  hostWanted?: string | null;
  gitRevision?: string | null;
  backfill?: string | null;
  /** `skipped`: recorded as not run, because another run was in its way. */
  state?: 'queued' | 'skipped';
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

export interface WaitingRun extends JobKey {
  id: string;
  depends_on: string[];
  due_at: string | null;
  window_start: string | null;
  window_end: string | null;
  waiting_for: string | null;
}

export interface AliveRun {
  id: string;
  kind: RunKind;
  state: RunState;
  due_at: string | null;
  window_start: string | null;
  window_end: string | null;
}

/** A run that kills its daemons is not handed on for ever. */
const MOST_HANDOVERS = 10;
const CANDIDATES = 20;

/** Runs that wait for a daemon, and how daemons take them, lose them and hand them on. */
export class RunQueue {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** Adds a run; null where a scheduled run of this due time and window exists already. */
  async enqueue(request: EnqueueRequest): Promise<string | null> {
    const { job, window = null, state = 'queued' } = request;
    const { rows } = await this.#db.query(
      `INSERT INTO runs (project, target, job, kind, state, job_hash, definition, git_revision, due_at, window_start, window_end,
         queued_at, not_before, requested_by, reason, ready, host_wanted, memory_bytes, groups, options, backfill, finished_at)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, clock_timestamp(), coalesce($12, clock_timestamp()), $13, $14, $15, $16,
         $17, $18, $19, $20, CASE WHEN $5 = 'skipped' THEN clock_timestamp() END)
       ON CONFLICT DO NOTHING RETURNING id`,
      [
        request.project,
        request.target,
        job.name,
        request.kind,
        state,
        job.hash,
        JSON.stringify(job),
        request.gitRevision ?? null,
        request.dueAt ?? null,
        window?.start ?? null,
        window?.end ?? null,
        request.notBefore ?? null,
        request.requestedBy ?? null,
        request.reason ?? null,
        request.ready ?? true,
        request.hostWanted ?? null,
        Math.round(job.compute.memory),
        groupsOf(job),
        jsonb(request.options ?? {}),
        request.backfill ?? null,
      ],
    );
    return rows[0] ? String(rows[0].id) : null;
  }

  /**
   * Takes the next run that may begin: ready, due, of no job that is paused (runs by hand go on) or running, that fits the node's
   * memory, its host and the limits. null: there is none. A job's runs begin in the order of their due times and windows; one that had
   * begun already comes first, since the next commit of its job would hide whether it had committed.
   */
  claimNext(wish: ClaimWish): Promise<Claimed | null> {
    return this.#db.transaction(async (client) => {
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

  /** Runs of this owner that somebody wants stopped. */
  async stopsFor(owner: string): Promise<{ run: string; hard: boolean }[]> {
    const { rows } = await this.#db.query(
      `SELECT r.id AS run, r.stop_hard AS hard FROM leases l JOIN runs r ON r.id = l.run
       WHERE l.owner = $1 AND r.stop_requested_at IS NOT NULL`,
      [owner],
    );
    return rows.map(({ run, hard }) => ({ run: String(run), hard: hard === true }));
  }

  /**
   * Asks for a run's end: one that waits is cancelled at once, one that is alive by whoever holds it (`hard`: without grace). Gives the
   * state from then on; null: there is no such run, or it has ended.
   */
  async requestStop(stop: { run: string; by: string | null; hard?: boolean }): Promise<RunState | null> {
    const error = stoppedError(stop.by);
    const { rows } = await this.#db.query(
      `UPDATE runs SET stop_requested_at = coalesce(stop_requested_at, clock_timestamp()),
         stop_requested_by = coalesce(stop_requested_by, $2), stop_hard = stop_hard OR $3,
         state = CASE state WHEN 'queued' THEN 'cancelled' ELSE state END,
         error = CASE state WHEN 'queued' THEN $4 ELSE error END,
         finished_at = CASE state WHEN 'queued' THEN clock_timestamp() ELSE finished_at END
       WHERE id::text = $1 AND state IN ('queued', 'running', 'committing') RETURNING state`,
      [stop.run, stop.by, stop.hard === true, jsonb(error)],
    );
    return (rows[0]?.state as RunState | undefined) ?? null;
  }

  /** Gives up runs of the queue whose lease has expired or whose owner is seen to be gone: back into the queue. */
  reap(): Promise<string[]> {
    return this.#db.transaction(async (client) => {
      const { rows } = await client.query(
        `SELECT run, owner, place, expires_at < clock_timestamp() AS expired FROM leases
         WHERE expires_at < clock_timestamp() OR place = $1`,
        [processPlace()],
      );
      const lost = rows.filter((row) => row.expired || isGone(row as { owner: string; place: string | null }));
      // Only these are locked: whoever stops in the middle would keep the others from being given up.
      const { rows: dead } = await client.query(
        `SELECT l.run FROM leases l JOIN unnest($1::uuid[], $2::text[], $3::boolean[]) AS d (run, owner, expired)
           ON d.run = l.run AND d.owner = l.owner
         WHERE NOT d.expired OR l.expires_at < clock_timestamp() FOR UPDATE OF l SKIP LOCKED`,
        [lost.map(({ run }) => run), lost.map(({ owner }) => owner), lost.map(({ expired }) => expired)],
      );
      for (const { run } of dead) await giveUp(client, String(run));
      return dead.map(({ run }) => String(run));
    });
  }

  /** Hands a run of this owner back, so that another daemon goes on with it. false: it was lost already. */
  handOver({ run, owner, attempt }: LeaseKey): Promise<boolean> {
    return this.#db.transaction(async (client) => {
      const { rowCount } = await client.query(`SELECT 1 FROM leases WHERE ${OWN_LEASE} FOR UPDATE`, [
        run,
        owner,
        attempt ?? null,
      ]);
      if (rowCount === 0) return false;
      await giveUp(client, run, 0);
      return true;
    });
  }

  /** Runs that wait for others, the oldest first. */
  async waiting({ project, target }: TargetKey, limit = 1000): Promise<WaitingRun[]> {
    const { rows } = await this.#db.query(
      `SELECT id, project, target, job, definition->'depends_on' AS depends_on, due_at, window_start, window_end, waiting_for
       FROM runs WHERE project = $1 AND target = $2 AND state = 'queued' AND NOT ready ORDER BY not_before, id LIMIT $3`,
      [project, target, limit],
    );
    return rows.map((row) => ({
      ...(row as WaitingRun),
      due_at: iso(row.due_at),
      window_start: iso(row.window_start),
      window_end: iso(row.window_end),
    }));
  }

  /** null: it waits no more. */
  async setWaiting(run: string, waitingFor: string | null): Promise<void> {
    await this.#db.query(
      `UPDATE runs SET ready = $2::text IS NULL, waiting_for = $2 WHERE id = $1 AND state = 'queued'`,
      [run, waitingFor],
    );
  }

  /** Runs of a job that have not ended, the oldest first. */
  async alive(key: JobKey): Promise<AliveRun[]> {
    const { rows } = await this.#db.query(
      `SELECT id, kind, state, due_at, window_start, window_end FROM runs
       WHERE project = $1 AND target = $2 AND job = $3 AND state IN ('queued', 'running', 'committing') ORDER BY created_at`,
      [key.project, key.target, key.job],
    );
    return rows.map((row) => ({
      ...(row as AliveRun),
      due_at: iso(row.due_at),
      window_start: iso(row.window_start),
      window_end: iso(row.window_end),
    }));
  }

  /**
   * Of the job's scheduled runs for its latest due time at or before `at`: that time, and whether they, or a run that ended since,
   * succeeded (false: not, or not yet). null: it had no run by then. ISO 8601.
   */
  async outcomeAt(key: JobKey, at: string): Promise<{ due_at: string; succeeded: boolean } | null> {
    const { rows } = await this.#db.query(
      `SELECT d.due_at, bool_and(r.state = 'succeeded') OR (
           bool_and(r.finished_at IS NOT NULL) AND EXISTS (
             SELECT 1 FROM runs o WHERE o.project = $1 AND o.target = $2 AND o.job = $3 AND o.state = 'succeeded'
               AND o.window_start IS NULL AND o.finished_at >= d.due_at)) AS succeeded
       FROM (SELECT max(due_at) AS due_at FROM runs
         WHERE project = $1 AND target = $2 AND job = $3 AND kind = 'scheduled' AND due_at <= $4) d
       JOIN runs r ON r.project = $1 AND r.target = $2 AND r.job = $3 AND r.kind = 'scheduled' AND r.due_at = d.due_at
       GROUP BY d.due_at`,
      [key.project, key.target, key.job, at],
    );
    return rows[0] ? { due_at: iso(rows[0].due_at) as string, succeeded: rows[0].succeeded === true } : null;
  }

  /** Starts of the windows, from the one at `from` on, for which a run of the job succeeded, with or without rows. */
  async succeededWindows(key: JobKey, from: string): Promise<string[]> {
    const { rows } = await this.#db.query(
      `SELECT DISTINCT window_start FROM runs
       WHERE project = $1 AND target = $2 AND job = $3 AND window_start >= $4 AND state = 'succeeded'`,
      [key.project, key.target, key.job, from],
    );
    return rows.map(({ window_start }) => iso(window_start) as string);
  }

  /** Runs that wait, and the time since the oldest one may begin, in milliseconds. */
  async depth({ project, target }: TargetKey): Promise<{ queued: number; ready: number; oldest_ms: number }> {
    const { rows } = await this.#db.query(
      `SELECT count(*)::int AS queued, count(*) FILTER (WHERE ready AND not_before <= clock_timestamp())::int AS ready,
         coalesce(extract(epoch FROM clock_timestamp() - min(not_before) FILTER (WHERE ready)) * 1000, 0)::float8 AS oldest
       FROM runs WHERE project = $1 AND target = $2 AND state = 'queued'`,
      [project, target],
    );
    return { queued: rows[0]?.queued ?? 0, ready: rows[0]?.ready ?? 0, oldest_ms: Math.max(0, rows[0]?.oldest ?? 0) };
  }
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
      Object.entries(row).map(([name, value]) => [name, iso(value) ?? value]),
    ) as unknown as RunRow,
    job: definition as Job,
    options: (options ?? {}) as RunOptions,
    attempt: Number(row.attempt),
    failures: Number(failed.rows[0]?.n ?? 0),
    done: done.rows.map(({ stream, counts }) => ({ stream, counts: { ...zeroCounts(), ...counts } })),
  };
}

/**
 * Its owner is gone: a run of the queue goes back there as long as it was not handed on too often and nobody wants it stopped;
 * any other has failed.
 */
async function giveUp(client: pg.PoolClient, run: string, counted = 1): Promise<void> {
  const lost = new SluiceError('run/lease-lost', 'transient', 'The process of this run ended without a word').toJSON();
  await client.query('DELETE FROM leases WHERE run = $1', [run]);
  await endAttempts(client, run, lost);
  const again = await client.query(
    `UPDATE runs SET state = 'queued', owner = NULL, host = NULL, pid = NULL, handovers = handovers + $2
     WHERE id = $1 AND state IN ('running', 'committing') AND queued_at IS NOT NULL AND stop_requested_at IS NULL
       AND handovers < ${MOST_HANDOVERS}`,
    [run, counted],
  );
  if (again.rowCount === 1) return;
  await client.query(
    `UPDATE runs SET state = CASE WHEN stop_requested_at IS NULL THEN 'failed' ELSE 'cancelled' END,
       error = CASE WHEN stop_requested_at IS NULL THEN $2::jsonb ELSE $3::jsonb END, finished_at = now()
     WHERE id = $1 AND state IN ('running', 'committing')`,
    [run, jsonb(lost), jsonb(stoppedError(null))],
  );
}

function stoppedError(by: string | null): SluiceErrorJson {
  return new SluiceError('run/cancelled', 'terminal', `The run was stopped${by === null ? '' : ` by ${by}`}`).toJSON();
}

function iso(value: unknown): string | null {
  return value instanceof Date ? value.toISOString() : null;
}
