import type { Database } from './connection.ts';
import { isoTimes } from './runs.ts';
import type { JobKey } from './types.ts';

export interface BackfillRow extends JobKey {
  id: string;
  stream: string | null;
  /** Beginning, and end, which is not part of it: instants in ISO 8601, or values of a cursor. */
  from_value: string;
  to_value: string;
  /** Windows that are finished are loaded again. */
  force: boolean;
  requested_by: string | null;
  reason: string | null;
  passed_over: number;
  left_out: number;
  created_at: string;
  cancelled_at: string | null;
  /** Its runs, by what became of them. */
  runs: number;
  waiting: number;
  running: number;
  succeeded: number;
  failed: number;
  cancelled: number;
}

export type NewBackfill = Pick<
  BackfillRow,
  | 'project'
  | 'target'
  | 'job'
  | 'stream'
  | 'from_value'
  | 'to_value'
  | 'force'
  | 'requested_by'
  | 'reason'
  | 'passed_over'
  | 'left_out'
>;

const COUNTS = (['waiting', 'running', 'succeeded', 'failed', 'cancelled'] as const)
  .map((name) => {
    const states = { waiting: `'queued'`, running: `'running', 'committing'` }[name as string] ?? `'${name}'`;
    return `count(r.id) FILTER (WHERE r.state IN (${states}))::int AS ${name}`;
  })
  .join(', ');

/** Backfills, each of runs in the queue, and how far they are. */
export class BackfillTable {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** Gives its id, by which its runs are to be enqueued. */
  async create(backfill: NewBackfill): Promise<string> {
    const { rows } = await this.#db.query(
      `INSERT INTO backfills (project, target, job, stream, from_value, to_value, force, requested_by, reason, passed_over, left_out)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) RETURNING id`,
      [
        backfill.project,
        backfill.target,
        backfill.job,
        backfill.stream,
        backfill.from_value,
        backfill.to_value,
        backfill.force,
        backfill.requested_by,
        backfill.reason,
        backfill.passed_over,
        backfill.left_out,
      ],
    );
    return String(rows[0]?.id);
  }

  /** Backfills of a job, the newest first. */
  async list(key: JobKey, limit = 20): Promise<BackfillRow[]> {
    const { rows } = await this.#db.query(
      `SELECT b.*, count(r.id)::int AS runs, ${COUNTS} FROM backfills b LEFT JOIN runs r ON r.backfill = b.id
       WHERE b.project = $1 AND b.target = $2 AND b.job = $3 GROUP BY b.id ORDER BY b.created_at DESC LIMIT $4`,
      [key.project, key.target, key.job, limit],
    );
    return rows.map(isoTimes<BackfillRow>);
  }

  /** null: there is none of this id. */
  async find(id: string): Promise<BackfillRow | null> {
    const { rows } = await this.#db.query(
      `SELECT b.*, count(r.id)::int AS runs, ${COUNTS} FROM backfills b LEFT JOIN runs r ON r.backfill = b.id
       WHERE b.id::text = $1 GROUP BY b.id`,
      [id],
    );
    return rows[0] ? isoTimes<BackfillRow>(rows[0]) : null;
  }

  /** Its runs that wait are cancelled; one that is alive is asked to stop. false: there is none, or it was cancelled before. */
  async cancel(id: string, by: string | null): Promise<boolean> {
    const { rowCount } = await this.#db.query(
      `WITH b AS (UPDATE backfills SET cancelled_at = clock_timestamp() WHERE id::text = $1 AND cancelled_at IS NULL RETURNING id)
       , stopped AS (UPDATE runs SET stop_requested_at = clock_timestamp(), stop_requested_by = $2,
           state = CASE state WHEN 'queued' THEN 'cancelled' ELSE state END,
           finished_at = CASE state WHEN 'queued' THEN clock_timestamp() END
         WHERE backfill IN (SELECT id FROM b) AND state IN ('queued', 'running', 'committing'))
       SELECT id FROM b`,
      [id, by],
    );
    return rowCount === 1;
  }
}
