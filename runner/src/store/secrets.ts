import type { Database } from './connection.ts';
import type { TargetKey } from './types.ts';

/** A secret as it lies in the store: sealed. */
export interface SealedSecret {
  path: string;
  /** Which key opens it. */
  key_id: string;
  /** Base64 of nonce, ciphertext and tag. */
  sealed: string;
}

/** What is known of a secret without opening it. */
export interface SecretRow {
  path: string;
  key_id: string;
  updated_at: string;
  updated_by: string | null;
}

/** The encrypted store's rows; what is in them only `secrets/` can open. */
export class SecretTable {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** Keeps a secret in the place of an earlier one. */
  async put(
    { project, target }: TargetKey,
    { path, key_id, sealed, by }: SealedSecret & { by: string | null },
  ): Promise<void> {
    await this.#db.query(
      `INSERT INTO secrets (project, target, path, key_id, sealed, updated_by) VALUES ($1, $2, $3, $4, $5, $6)
       ON CONFLICT (project, target, path) DO UPDATE
       SET key_id = excluded.key_id, sealed = excluded.sealed, updated_at = now(), updated_by = excluded.updated_by`,
      [project, target, path, key_id, sealed, by],
    );
  }

  /** The secrets with these paths, as far as there are such. */
  async sealed({ project, target }: TargetKey, paths: readonly string[]): Promise<SealedSecret[]> {
    const { rows } = await this.#db.query(
      'SELECT path, key_id, sealed FROM secrets WHERE project = $1 AND target = $2 AND path = ANY ($3)',
      [project, target, paths],
    );
    return rows;
  }

  /** Every secret of a project in a target, by path. */
  async list({ project, target }: TargetKey): Promise<SecretRow[]> {
    const { rows } = await this.#db.query(
      'SELECT path, key_id, updated_at, updated_by FROM secrets WHERE project = $1 AND target = $2 ORDER BY path',
      [project, target],
    );
    return rows.map((row) => ({ ...row, updated_at: row.updated_at.toISOString() }));
  }

  /** Whether there was such a secret; it is gone now. */
  async remove({ project, target }: TargetKey, path: string): Promise<boolean> {
    const { rowCount } = await this.#db.query('DELETE FROM secrets WHERE project = $1 AND target = $2 AND path = $3', [
      project,
      target,
      path,
    ]);
    return rowCount === 1;
  }

  /** Secrets of every project that another key sealed, some at a time. */
  async ofOtherKeys(keyId: string, limit: number): Promise<(SealedSecret & TargetKey)[]> {
    const { rows } = await this.#db.query(
      'SELECT project, target, path, key_id, sealed FROM secrets WHERE key_id <> $1 ORDER BY project, target, path LIMIT $2',
      [keyId, limit],
    );
    return rows;
  }

  /** Puts a newly sealed secret in the place of the one that was read, where it is still that one. */
  async reseal(key: TargetKey, from: SealedSecret, to: Pick<SealedSecret, 'key_id' | 'sealed'>): Promise<void> {
    await this.#db.query(
      `UPDATE secrets SET key_id = $5, sealed = $6
       WHERE project = $1 AND target = $2 AND path = $3 AND sealed = $4`,
      [key.project, key.target, from.path, from.sealed, to.key_id, to.sealed],
    );
  }
}
