import { type Claimed, type ClaimWish, claim, groupsOf, type RunOptions } from './claim.ts';
import { type Database, jsonb } from './connection.ts';
import { handOver, reap, stoppedError } from './lost.ts';
import type { LeaseKey } from './runs.ts';
import type { Job, JobKey, RunKind, RunState, TargetKey } from './types.ts';

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

  /** As `claim`. */
  claim(wish: ClaimWish): Promise<Claimed[]> {
    return claim(this.#db, wish);
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

  /** As `reap`. */
  reap(): Promise<string[]> {
    return reap(this.#db);
  }

  /** As `handOver`. */
  handOver(lease: LeaseKey): Promise<boolean> {
    return handOver(this.#db, lease);
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

function iso(value: unknown): string | null {
  return value instanceof Date ? value.toISOString() : null;
}
