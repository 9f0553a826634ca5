import type { Job } from '@sluice/core';
import type pg from 'pg';
import { type Database, plainText } from './connection.ts';
import type { JobKey, RunState, TargetKey } from './types.ts';

/** What a job is at: `completed` where its last run succeeded. */
export type JobStatus = 'created' | 'running' | 'completed' | 'failed' | 'cancelled' | 'paused';

export interface JobRow extends JobKey {
  id: string;
  status: JobStatus;
  owner: string | null;
  description: string | null;
  tags: string[];
  file: string;
  definition: Job;
  /** Version of the plan that changed it last. */
  version: number;
  /** Its file has errors: this is its last good version. */
  problem: string | null;
  first_applied: string;
  next_due: string | null;
  /** Due times up to here are dealt with. */
  handled_until: string | null;
  lateness_ms: number | null;
  /** null: it is not paused. `until` null: until somebody resumes it. */
  pause: Pause | null;
  last_run: { id: string; state: RunState; created_at: string; finished_at: string | null } | null;
}

export interface Pause {
  at: string;
  until: string | null;
  by: string | null;
  reason: string | null;
}

export interface JobFilter extends TargetKey {
  /** Name or id. */
  job?: string;
  status?: JobStatus;
  tag?: string;
  owner?: string;
  /** Part of the name or description. */
  q?: string;
  /** Name of the last job of the page before. */
  after?: string;
  limit?: number;
}

/** A row whose definition holds what lists show of it. */
export type JobSummary = Omit<JobRow, 'definition'> & {
  definition: Pick<Job, 'description' | 'owner' | 'tags' | 'enabled' | 'schedule'>;
};

const STATUS = `CASE WHEN s.paused_at IS NOT NULL AND s.paused_until > clock_timestamp() THEN 'paused'
  WHEN EXISTS (SELECT 1 FROM runs WHERE project = s.project AND target = s.target AND job = s.job AND state IN ('running', 'committing'))
    THEN 'running'
  ELSE CASE r.state WHEN 'succeeded' THEN 'completed' WHEN 'failed' THEN 'failed' WHEN 'cancelled' THEN 'cancelled'
    ELSE 'created' END END`;

/** The last run that has ended, and was not passed over. */
const LAST_ENDED = `LEFT JOIN LATERAL (
  SELECT state FROM runs WHERE project = s.project AND target = s.target AND job = s.job
    AND state IN ('succeeded', 'failed', 'cancelled') ORDER BY created_at DESC LIMIT 1) r ON true`;

const LAST_RUN = `LEFT JOIN LATERAL (
  SELECT id, state, created_at, finished_at FROM runs WHERE project = s.project AND target = s.target AND job = s.job
  ORDER BY created_at DESC LIMIT 1) l ON true`;

/** What the first page of a list asks for: a hundred, and whether there is another one. */
const USUAL_PAGE = 101;

/** The jobs that are applied with what they are at. */
export class JobTable {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** By name. */
  async list(filter: JobFilter): Promise<JobRow[]> {
    return (await this.#list(filter, 'a.definition')).map(jobRow);
  }

  /** The same with no more of each definition than a list shows: most of what a list costs is their size. */
  async summaries(filter: JobFilter): Promise<JobSummary[]> {
    const rows = await this.#list(filter, 'a.enabled, a.schedule');
    return rows.map(({ enabled, schedule, ...row }) => {
      const { description, owner, tags } = row;
      return jobRow({ ...row, definition: { description, owner, tags, enabled, schedule } });
    });
  }

  async #list(filter: JobFilter, columns: string): Promise<Record<string, unknown>[]> {
    const { limit = 100 } = filter;
    const values: unknown[] = [filter.project, filter.target];
    const asked: readonly [unknown, (value: string) => string][] = [
      [filter.job, (value) => `(s.job = ${value} OR s.id::text = ${value})`],
      [filter.tag, (value) => `s.tags @> ARRAY[${value}::text]`],
      [filter.owner, (value) => `s.owner = ${value}`],
      [filter.q, (value) => `strpos(lower(s.job || ' ' || coalesce(s.description, '')), lower(${value})) > 0`],
      [filter.after, (value) => `s.job > ${value}`],
      [filter.status, (value) => `${STATUS} = ${value}`],
    ];
    const conditions = asked.flatMap(([value, condition]) =>
      value === undefined ? [] : [` AND ${condition(`$${values.push(value)}`)}`],
    );
    const text = `SELECT s.id, s.project, s.target, s.job, s.owner, s.description, s.tags, s.first_applied, s.next_due,
        s.handled_until, s.lateness_ms, s.paused_at, s.paused_until, s.paused_by, s.paused_reason,
        a.file, ${columns}, a.version, a.problem, ${STATUS} AS status,
        l.id AS last_id, l.state AS last_state, l.created_at AS last_created, l.finished_at AS last_finished
      FROM applied_jobs a JOIN job_states s USING (project, target, job) ${LAST_ENDED} ${LAST_RUN}
      WHERE s.project = $1 AND s.target = $2${conditions.join('')} ORDER BY s.job LIMIT ${Number(limit)}`;
    // To plan it takes as long as to read a page.
    const often = conditions.length === 0 && limit === USUAL_PAGE;
    const { rows } = await this.#db.query({ ...(often ? { name: 'page-of-jobs' } : {}), text, values });
    return rows;
  }

  /** A job by name or id; null: none is applied. */
  async find(key: TargetKey, job: string): Promise<JobRow | null> {
    return (await this.list({ ...key, job, limit: 1 }))[0] ?? null;
  }

  /** Its schedule and backfills rest until `until` (null: until `resume`). false: there is no such job. */
  async pause(
    key: JobKey,
    pause: { until: string | null; by: string | null; reason: string | null },
  ): Promise<boolean> {
    return this.#change(
      key,
      'job.paused',
      `paused_at = clock_timestamp(), paused_until = coalesce($4::timestamptz, 'infinity'), paused_by = $5, paused_reason = $6`,
      [pause.until, pause.by, pause.reason === null ? null : plainText(pause.reason)],
      { by: pause.by, reason: pause.reason, until: pause.until },
    );
  }

  /** What it missed meanwhile is made up for as its `catchup` says. false: it was not paused. */
  async resume(key: JobKey, by: string | null): Promise<boolean> {
    return this.#change(key, 'job.resumed', RESUMED, [], { by }, 'AND paused_at IS NOT NULL');
  }

  /** Lifts the pauses that have run out. */
  async liftPauses({ project, target }: TargetKey): Promise<void> {
    await this.#db.query(
      `WITH lifted AS (
         UPDATE job_states SET ${RESUMED} WHERE project = $1 AND target = $2 AND paused_at IS NOT NULL
           AND paused_until <= clock_timestamp() RETURNING project, target, job)
       INSERT INTO events (project, target, job, type) SELECT project, target, job, 'job.resumed' FROM lifted`,
      [project, target],
    );
  }

  /**
   * Forgets jobs that were deleted longer ago than `keepMs`: their runs with logs, their checkpoints' history, their pauses. Their
   * tables, and what the destination itself knows of them, stay. Gives their names.
   */
  async purgeDeleted({ project, target }: TargetKey, keepMs: number): Promise<string[]> {
    const { rows } = await this.#db.query(
      `SELECT job FROM job_states WHERE project = $1 AND target = $2
         AND deleted_at < clock_timestamp() - $3 * interval '1 millisecond' LIMIT 100`,
      [project, target, keepMs],
    );
    const names = rows.map(({ job }) => String(job));
    for (const job of names) {
      const key = [project, target, job];
      for (;;) {
        const { rowCount } = await this.#db.query(
          `DELETE FROM runs WHERE id IN (SELECT id FROM runs WHERE project = $1 AND target = $2 AND job = $3 LIMIT 100)`,
          key,
        );
        if ((rowCount ?? 0) < 100) break;
      }
      for (const table of ['checkpoints', 'backfills', 'job_states']) {
        await this.#db.query(`DELETE FROM ${table} WHERE project = $1 AND target = $2 AND job = $3`, key);
      }
    }
    return names;
  }

  async #change(
    key: JobKey,
    type: string,
    set: string,
    values: unknown[],
    data: object,
    condition = '',
  ): Promise<boolean> {
    return this.#db.transaction(async (client) => {
      const { rowCount } = await client.query(
        `UPDATE job_states SET ${set} WHERE project = $1 AND target = $2 AND job = $3 AND deleted_at IS NULL ${condition}`,
        [key.project, key.target, key.job, ...values],
      );
      if (rowCount !== 1) return false;
      await client.query('INSERT INTO events (project, target, job, type, data) VALUES ($1, $2, $3, $4, $5)', [
        key.project,
        key.target,
        key.job,
        type,
        JSON.stringify(data),
      ]);
      return true;
    });
  }
}

const RESUMED = 'paused_at = NULL, paused_until = NULL, paused_by = NULL, paused_reason = NULL';

/** What a plan does to the jobs that are applied. */
export interface AppliedChanges {
  /** Jobs that are new or others than before. */
  changed: readonly Job[];
  /** Names that no job has any more. */
  gone: readonly string[];
}

/**
 * Brings the rows of jobs up to what was just applied, within its transaction: those that are new or changed are looked at again by the
 * scheduler, a renamed one keeps its pause and what was dealt with, one that is gone keeps its row until it is purged, and its runs that
 * wait are cancelled.
 */
export async function followApplied(
  client: pg.PoolClient,
  key: TargetKey,
  { changed, gone }: AppliedChanges,
): Promise<void> {
  const place = [key.project, key.target];
  const left = new Set(gone);
  const renames = changed.flatMap(({ name, renamed_from }) =>
    renamed_from.filter((old) => left.has(old)).map((old) => ({ old, name })),
  );
  await client.query(
    `UPDATE job_states s SET job = r.name, stale = true
     FROM unnest($3::text[], $4::text[]) AS r (old, name)
     WHERE s.project = $1 AND s.target = $2 AND s.job = r.old AND s.deleted_at IS NULL
       AND NOT EXISTS (SELECT 1 FROM job_states o WHERE o.project = $1 AND o.target = $2 AND o.job = r.name)`,
    [...place, renames.map(({ old }) => old), renames.map(({ name }) => name)],
  );
  await client.query(
    `INSERT INTO job_states AS s (project, target, job, owner, description, tags)
     SELECT $1, $2, job, nullif(owner, ''), nullif(description, ''), ARRAY(SELECT jsonb_array_elements_text(tags::jsonb))
     FROM unnest($3::text[], $4::text[], $5::text[], $6::text[]) AS j (job, owner, description, tags)
     ON CONFLICT (project, target, job) DO UPDATE SET owner = excluded.owner, description = excluded.description,
       tags = excluded.tags, stale = true, deleted_at = NULL,
       first_applied = CASE WHEN s.deleted_at IS NULL THEN s.first_applied ELSE now() END,
       handled_until = CASE WHEN s.deleted_at IS NULL THEN s.handled_until END`,
    [
      ...place,
      changed.map(({ name }) => name),
      changed.map(({ owner }) => plainText(owner ?? '')),
      changed.map(({ description }) => plainText(description ?? '')),
      changed.map(({ tags }) => JSON.stringify(tags.map(plainText))),
    ],
  );
  if (gone.length === 0) return;
  await client.query(
    `UPDATE job_states SET deleted_at = now(), next_due = NULL, stale = false
     WHERE project = $1 AND target = $2 AND job = ANY ($3::text[]) AND deleted_at IS NULL`,
    [...place, gone],
  );
  await client.query(
    `UPDATE runs SET state = 'cancelled', finished_at = now(), error = $4
     WHERE project = $1 AND target = $2 AND state = 'queued' AND job = ANY ($3::text[])`,
    [
      ...place,
      gone,
      JSON.stringify({
        code: 'run/cancelled',
        kind: 'terminal',
        message: 'The job was deleted',
        where: {},
        hint: null,
      }),
    ],
  );
}

/** Written out: a list makes a hundred of these for each request. */
function jobRow(row: Record<string, unknown>): JobRow {
  const status = row.status as JobStatus;
  return {
    project: String(row.project),
    target: String(row.target),
    job: String(row.job),
    id: String(row.id),
    status,
    owner: row.owner as string | null,
    description: row.description as string | null,
    tags: row.tags as string[],
    file: String(row.file),
    definition: row.definition as Job,
    version: Number(row.version),
    problem: row.problem as string | null,
    first_applied: iso(row.first_applied) ?? '',
    next_due: iso(row.next_due),
    handled_until: iso(row.handled_until),
    lateness_ms: row.lateness_ms === null ? null : Number(row.lateness_ms),
    pause: status === 'paused' ? pauseOf(row) : null,
    last_run:
      row.last_id === null
        ? null
        : {
            id: String(row.last_id),
            state: row.last_state as RunState,
            created_at: iso(row.last_created) ?? '',
            finished_at: iso(row.last_finished),
          },
  };
}

function pauseOf(row: Record<string, unknown>): Pause {
  return {
    at: iso(row.paused_at) ?? '',
    // 'infinity' comes as a number.
    until: iso(row.paused_until),
    by: row.paused_by as string | null,
    reason: row.paused_reason as string | null,
  };
}

function iso(value: unknown): string | null {
  return value instanceof Date ? value.toISOString() : null;
}
