import { createHash, randomBytes } from 'node:crypto';
import type { Database } from './connection.ts';
import { isoTimes } from './runs.ts';

/** Roles of the API, each of which may do what those before it may. */
export const ROLES = ['viewer', 'operator', 'editor', 'admin'] as const;
export type Role = (typeof ROLES)[number];

export interface TokenRow {
  id: string;
  name: string;
  role: Role;
  created_by: string;
  created_at: string;
  expires_at: string | null;
  revoked_at: string | null;
  /** To the minute: it is not written with every request. */
  last_used_at: string | null;
}

export interface NewToken {
  project: string;
  name: string;
  role: Role;
  createdBy: string;
  /** Milliseconds from now; null: it does not expire. */
  lifetimeMs: number | null;
}

const COLUMNS = 'id, name, role, created_by, created_at, expires_at, revoked_at, last_used_at';
const VALID = 'revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())';

/** Who may use the API of a project. */
export class TokenTable {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** Makes a token. Its text is given this once: what is stored is a hash. */
  async create(token: NewToken): Promise<TokenRow & { token: string }> {
    const text = `slc_${randomBytes(32).toString('base64url')}`;
    const { rows } = await this.#db.query(
      `INSERT INTO api_tokens (project, name, role, hash, created_by, expires_at)
       VALUES ($1, $2, $3, $4, $5, now() + $6 * interval '1 millisecond') RETURNING ${COLUMNS}`,
      [token.project, token.name, token.role, hashOf(text), token.createdBy, token.lifetimeMs],
    );
    return { ...isoTimes<TokenRow>(rows[0]), token: text };
  }

  /** The tokens of a project, the newest first, revoked and expired ones among them. */
  async list(project: string): Promise<TokenRow[]> {
    const { rows } = await this.#db.query(
      `SELECT ${COLUMNS} FROM api_tokens WHERE project = $1 ORDER BY created_at DESC, id LIMIT 1000`,
      [project],
    );
    return rows.map(isoTimes<TokenRow>);
  }

  /** Ends a token at once; null: the project has none of this id. Revoking twice keeps the first time. */
  async revoke({ project, id }: { project: string; id: string }): Promise<TokenRow | null> {
    const { rows } = await this.#db.query(
      `UPDATE api_tokens SET revoked_at = coalesce(revoked_at, now()) WHERE project = $1 AND id::text = $2
       RETURNING ${COLUMNS}`,
      [project, id],
    );
    return rows[0] ? isoTimes<TokenRow>(rows[0]) : null;
  }

  /** The token with this text, where it is neither revoked nor expired. */
  async find({ project, token }: { project: string; token: string }): Promise<TokenRow | null> {
    const { rows } = await this.#db.query({
      name: 'find-token',
      text: `SELECT ${COLUMNS}, coalesce(last_used_at < now() - interval '1 minute', true) AS unsaid
        FROM api_tokens WHERE project = $1 AND hash = $2 AND ${VALID}`,
      values: [project, hashOf(token)],
    });
    if (!rows[0]) return null;
    const { unsaid, ...row } = rows[0];
    if (unsaid) await this.#used(row.id);
    return isoTimes<TokenRow>(row);
  }

  async #used(id: string): Promise<void> {
    await this.#db.query(
      `UPDATE api_tokens SET last_used_at = now()
       WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < now() - interval '1 minute')`,
      [id],
    );
  }

  /** Whether the project has a token that can be used. */
  async any(project: string): Promise<boolean> {
    const { rows } = await this.#db.query(
      `SELECT EXISTS (SELECT 1 FROM api_tokens WHERE project = $1 AND ${VALID}) AS found`,
      [project],
    );
    return rows[0]?.found === true;
  }
}

function hashOf(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
