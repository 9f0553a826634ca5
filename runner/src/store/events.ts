import type { Database } from './connection.ts';
import { isoTimes } from './runs.ts';
import type { JsonObject, TargetKey } from './types.ts';

/**
 * Something that happened: `run.<state>` as a run gets into that state, `job.paused`, `job.resumed`, `plan.applied`.
 */
export interface EventRow extends TargetKey {
  /** Where a reader goes on after it. */
  cursor: string;
  at: string;
  job: string | null;
  run: string | null;
  type: string;
  data: JsonObject;
}

export interface EventFilter extends TargetKey {
  job?: string;
  run?: string;
  /** Cursor of the last event that was seen; left out: from the oldest. */
  after?: string;
  limit?: number;
}

/** What happened, in an order in which nothing comes in later before what was read. */
export class EventTable {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  async read(filter: EventFilter): Promise<EventRow[]> {
    const [tx, seq] = cursorParts(filter.after);
    // What an open transaction wrote is left for later: its events may come to lie before those of others that are seen already.
    const { rows } = await this.#db.query(
      `SELECT tx || '.' || seq AS cursor, at, project, target, job, run, type, data FROM events
       WHERE (tx, seq) > ($1::text::xid8, $2::bigint) AND tx < pg_snapshot_xmin(pg_current_snapshot())
         AND project = $3 AND target = $4 AND ($5::text IS NULL OR job = $5) AND ($6::text IS NULL OR run::text = $6)
       ORDER BY tx, seq LIMIT $7`,
      [tx, seq, filter.project, filter.target, filter.job ?? null, filter.run ?? null, filter.limit ?? 1000],
    );
    return rows.map(isoTimes<EventRow>);
  }

  /** The cursor after which only what happens from now on follows. */
  async end(): Promise<string> {
    const { rows } = await this.#db.query(
      `SELECT (pg_snapshot_xmin(pg_current_snapshot())::text::numeric - 1)::text AS tx`,
    );
    return `${rows[0]?.tx}.9223372036854775807`;
  }

  async append(key: TargetKey, event: { job?: string; run?: string; type: string; data?: JsonObject }): Promise<void> {
    await this.#db.query('INSERT INTO events (project, target, job, run, type, data) VALUES ($1, $2, $3, $4, $5, $6)', [
      key.project,
      key.target,
      event.job ?? null,
      event.run ?? null,
      event.type,
      JSON.stringify(event.data ?? {}),
    ]);
  }
}

/** A cursor that is none begins at the oldest. */
function cursorParts(cursor: string | undefined): [tx: string, seq: string] {
  const found = /^(\d{1,19})\.(\d{1,19})$/.exec(cursor ?? '');
  return found ? [found[1] ?? '0', found[2] ?? '0'] : ['0', '0'];
}
