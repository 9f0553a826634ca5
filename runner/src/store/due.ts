import type { Job } from '@sluice/core';
import type { Database } from './connection.ts';
import type { JobKey, TargetKey } from './types.ts';

/** A job whose time has come, or whose schedule has to be read anew. Times in milliseconds. */
export interface DueJob extends JobKey {
  definition: Job;
  /** Version of the plan that its definition is of. */
  version: number;
  first_applied: number;
  handled_until: number | null;
  next_due: number | null;
  /** Text of the schedule by which `next_due` was found; null: none was yet. */
  schedule: string | null;
  paused: boolean;
}

/** Up to when a job is dealt with, and when it is due next. Times in milliseconds. */
export interface Handled {
  job: string;
  /** Version of the definition that was looked at: a newer one has to be looked at again. */
  version: number;
  handledUntil: number;
  nextDue: number | null;
  latenessMs: number | null;
  schedule: string;
}

/** When jobs are due, as the scheduler keeps it: one row for each job, found by an index, so that no tick reads them all. */
export class DueTable {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** Jobs whose definition changed since the scheduler last looked at it. */
  stale(key: TargetKey, limit: number): Promise<DueJob[]> {
    return this.#read(key, 's.stale AND s.deleted_at IS NULL ORDER BY s.job', [], limit);
  }

  /** Jobs that are due at `now` and not paused, the longest due first. */
  due(key: TargetKey, now: number, limit: number): Promise<DueJob[]> {
    return this.#read(key, 's.wake_at <= $4 ORDER BY s.wake_at', [new Date(now).toISOString()], limit);
  }

  /** The earliest time at which any job is due; null: none is. Milliseconds. */
  async nextWake({ project, target }: TargetKey): Promise<number | null> {
    const { rows } = await this.#db.query(
      `SELECT extract(epoch FROM wake_at)::float8 * 1000 AS at FROM job_states
       WHERE project = $1 AND target = $2 AND wake_at IS NOT NULL AND wake_at < 'infinity' ORDER BY wake_at LIMIT 1`,
      [project, target],
    );
    return rows[0] ? Math.round(rows[0].at) : null;
  }

  /** Records up to when jobs are dealt with and when they are due next, in one statement. */
  async set({ project, target }: TargetKey, handled: readonly Handled[]): Promise<void> {
    if (handled.length === 0) return;
    const time = (at: number | null) => (at === null ? null : new Date(at).toISOString());
    await this.#db.query(
      `UPDATE job_states s SET handled_until = h.handled, next_due = h.next,
         stale = coalesce((SELECT a.version > h.version FROM applied_jobs a
           WHERE a.project = s.project AND a.target = s.target AND a.job = s.job), false),
         lateness_ms = coalesce(h.lateness, s.lateness_ms), schedule = h.schedule::json
       FROM unnest($3::text[], $4::timestamptz[], $5::timestamptz[], $6::bigint[], $7::text[], $8::int[])
         AS h (job, handled, next, lateness, schedule, version)
       WHERE s.project = $1 AND s.target = $2 AND s.job = h.job AND s.deleted_at IS NULL`,
      [
        project,
        target,
        handled.map(({ job }) => job),
        handled.map(({ handledUntil }) => time(handledUntil)),
        handled.map(({ nextDue }) => time(nextDue)),
        handled.map(({ latenessMs }) => (latenessMs === null ? null : Math.round(latenessMs))),
        handled.map(({ schedule }) => schedule),
        handled.map(({ version }) => version),
      ],
    );
  }

  async #read({ project, target }: TargetKey, condition: string, values: unknown[], limit: number): Promise<DueJob[]> {
    const { rows } = await this.#db.query(
      `SELECT s.job, a.definition, a.version, s.first_applied, s.handled_until, s.next_due, s.schedule::text AS schedule,
         coalesce(s.paused_until > clock_timestamp(), false) AS paused
       FROM job_states s JOIN applied_jobs a USING (project, target, job)
       WHERE s.project = $1 AND s.target = $2 AND ${condition} LIMIT $3`,
      [project, target, limit, ...values],
    );
    return rows.map((row) => ({
      project,
      target,
      job: String(row.job),
      definition: row.definition as Job,
      version: Number(row.version),
      first_applied: (row.first_applied as Date).getTime(),
      handled_until: millis(row.handled_until),
      next_due: millis(row.next_due),
      schedule: row.schedule as string | null,
      paused: row.paused === true,
    }));
  }
}

function millis(value: unknown): number | null {
  return value instanceof Date ? value.getTime() : null;
}
