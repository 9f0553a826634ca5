import { type Database, jsonb, plainText } from './connection.ts';
import { isoTimes } from './runs.ts';
import type { JsonObject, TargetKey } from './types.ts';

/** A change that somebody asked for, done or refused. */
export interface AuditEntry extends TargetKey {
  actor: string;
  role: string;
  /** Such as `job.create`. */
  action: string;
  /** What was changed, such as a job's name; null: the project as a whole. */
  subject: string | null;
  /** Status of the HTTP answer. */
  status: number;
  /** Where the request came from; null: the command line. */
  address: string | null;
  detail?: JsonObject;
}

export interface AuditRow extends Required<AuditEntry> {
  /** Grows with each entry. */
  id: string;
  at: string;
}

/** Who changed what through the API. */
export class AuditTable {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  async record(entry: AuditEntry): Promise<void> {
    const { project, target, actor, role, action, subject, status, address, detail = {} } = entry;
    await this.#db.query(
      `INSERT INTO audit_entries (project, target, actor, role, action, subject, status, address, detail)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
      [
        ...[project, target, plainText(actor), role, action],
        ...[subject === null ? null : plainText(subject), status, address, jsonb(detail)],
      ],
    );
  }

  /** The newest entries first; `before`: only those with a smaller id, for the next page. */
  async list(filter: TargetKey & { before?: string; limit: number; subject?: string }): Promise<AuditRow[]> {
    const { rows } = await this.#db.query(
      `SELECT id, at, project, target, actor, role, action, subject, status, address, detail FROM audit_entries
       WHERE project = $1 AND target = $2 AND ($3::bigint IS NULL OR id < $3) AND ($4::text IS NULL OR subject = $4)
       ORDER BY id DESC LIMIT $5`,
      [filter.project, filter.target, filter.before ?? null, filter.subject ?? null, filter.limit],
    );
    return rows.map(isoTimes<AuditRow>);
  }
}
