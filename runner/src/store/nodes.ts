import { type Database, jsonb } from './connection.ts';
import { isoTimes } from './runs.ts';
import type { JsonObject, TargetKey } from './types.ts';

/** A daemon that is there. */
export interface NodeRow extends TargetKey {
  /** The name under which it owns runs: `host/pid`. */
  node: string;
  host: string;
  pid: number;
  /** URL of its API; null: it serves none. */
  address: string | null;
  version: string;
  /** It takes no more runs and is about to leave. */
  draining: boolean;
  memory_bytes: number;
  max_runs: number;
  /** Runs that it holds. */
  running: number;
  started_at: string;
  beat_at: string;
}

export type Heartbeat = Omit<NodeRow, 'started_at' | 'beat_at' | 'running'>;

export interface Reconciler extends TargetKey {
  owner: string;
  host: string;
  /** `folder@host` or `repo@ref`. */
  checkout: string;
  folder: string;
  /** The checkout is a git revision: nobody may write to it. */
  read_only: boolean;
  revision: string | null;
  /** Why the files cannot be applied; null: they are. */
  problem: JsonObject | null;
  checked_at: string | null;
}

/** A node that was not heard of for this long is gone. */
const GONE_MS = 15_000;

/** Who is there: daemons by their heartbeats, and of each project the one that follows its checkout. */
export class NodeTable {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  async beat(node: Heartbeat): Promise<void> {
    await this.#db.query(
      `INSERT INTO nodes (node, project, target, host, pid, address, version, draining, memory_bytes, max_runs)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
       ON CONFLICT (node) DO UPDATE SET project = excluded.project, target = excluded.target, host = excluded.host, pid = excluded.pid,
         address = excluded.address, version = excluded.version, draining = excluded.draining, beat_at = clock_timestamp(),
         memory_bytes = excluded.memory_bytes, max_runs = excluded.max_runs`,
      [
        node.node,
        node.project,
        node.target,
        node.host,
        node.pid,
        node.address,
        node.version,
        node.draining,
        node.memory_bytes,
        node.max_runs,
      ],
    );
  }

  async leave(node: string): Promise<void> {
    await this.#db.query('DELETE FROM nodes WHERE node = $1', [node]);
  }

  /** Daemons of a target that were heard of within the last 15 s; those that are gone for a day are forgotten. */
  async list({ project, target }: TargetKey): Promise<NodeRow[]> {
    await this.#db.query(`DELETE FROM nodes WHERE beat_at < clock_timestamp() - interval '1 day'`);
    const { rows } = await this.#db.query(
      `SELECT n.*, (SELECT count(*)::int FROM leases WHERE owner = n.node) AS running FROM nodes n
       WHERE project = $1 AND target = $2 AND beat_at > clock_timestamp() - $3 * interval '1 millisecond'
       ORDER BY started_at, node`,
      [project, target, GONE_MS],
    );
    return rows.map((row) => ({ ...isoTimes<NodeRow>(row), memory_bytes: Number(row.memory_bytes) }));
  }

  /**
   * Takes or keeps the place of a project's reconciler for `leaseMs`. A folder of the same host may take over at once from a process
   * that left; another checkout waits until the lease has expired. false: another holds it.
   */
  async holdReconciler(
    wanted: Pick<Reconciler, 'project' | 'target' | 'owner' | 'host' | 'checkout' | 'folder' | 'read_only'>,
    leaseMs: number,
  ): Promise<boolean> {
    const { rowCount } = await this.#db.query(
      `INSERT INTO reconcilers AS r (project, target, owner, host, checkout, folder, read_only, expires_at)
       VALUES ($1, $2, $3, $4, $5, $6, $7, clock_timestamp() + $8 * interval '1 millisecond')
       ON CONFLICT (project, target) DO UPDATE SET owner = excluded.owner, host = excluded.host, checkout = excluded.checkout,
         folder = excluded.folder, read_only = excluded.read_only, expires_at = excluded.expires_at
       WHERE r.owner = excluded.owner OR r.expires_at < clock_timestamp()`,
      [
        wanted.project,
        wanted.target,
        wanted.owner,
        wanted.host,
        wanted.checkout,
        wanted.folder,
        wanted.read_only,
        leaseMs,
      ],
    );
    return rowCount === 1;
  }

  /** Gives the place back. */
  async leaveReconciler({ project, target }: TargetKey, owner: string): Promise<void> {
    await this.#db.query(
      'UPDATE reconcilers SET expires_at = clock_timestamp() WHERE project = $1 AND target = $2 AND owner = $3',
      [project, target, owner],
    );
  }

  /** Who follows which checkout, or did last; null: nobody ever did. */
  async reconciler({ project, target }: TargetKey): Promise<Reconciler | null> {
    const { rows } = await this.#db.query('SELECT * FROM reconcilers WHERE project = $1 AND target = $2', [
      project,
      target,
    ]);
    return rows[0] ? isoTimes<Reconciler>(rows[0]) : null;
  }

  /** What the reconciler found: the revision that is applied, or why it is not. */
  async reconciled(
    { project, target }: TargetKey,
    owner: string,
    found: { revision: string | null; problem: JsonObject | null },
  ): Promise<void> {
    await this.#db.query(
      `UPDATE reconcilers SET checked_at = clock_timestamp(), problem = $5, revision = CASE WHEN $5::jsonb IS NULL THEN $4 ELSE revision END
       WHERE project = $1 AND target = $2 AND owner = $3`,
      [project, target, owner, found.revision, jsonb(found.problem)],
    );
  }
}
