import { hostname } from 'node:os';
import { SluiceError } from '@sluice/core';
import type pg from 'pg';
import { openPool, unreachable } from './connection.ts';
import { embeddedUrl } from './embedded/embedded.ts';
import { type LockOptions, LockTable } from './locks.ts';
import { migrate } from './migrate.ts';
import type {
  CheckpointRow,
  Claim,
  ClaimRequest,
  Counts,
  JobKey,
  JsonObject,
  RunRow,
  RunState,
  SluiceErrorJson,
  StreamDone,
  StreamKey,
} from './types.ts';

export interface StateLocation {
  projectDir: string;
  /** `state_store` of the project with its references put in; null or empty: DATABASE_URL, else the embedded server. */
  stateStore: string | null;
}

/** Opens the state store of a project, starting the embedded server where no other store is named. */
export async function openStateStore(location: StateLocation): Promise<Store> {
  const url = location.stateStore || process.env.DATABASE_URL || (await embeddedUrl(location.projectDir));
  return openStore({ url });
}

/** Opens a state store by its URL and brings its schema up to date. Throws `store/unreachable`, `store/newer`. */
export async function openStore({ url }: { url: string }): Promise<Store> {
  const pool = openPool(url);
  try {
    await migrate(pool);
  } catch (error) {
    await pool.end().catch(() => undefined);
    throw error instanceof SluiceError ? error : unreachable(url, error);
  }
  return new Store(url, pool);
}

/**
 * The state store as verbs. All times are the database's, so that a clock that is wrong on one machine cannot break a lease.
 * Methods throw `store/unreachable` (transient) where the connection fails.
 */
export class Store {
  readonly url: string;
  readonly #pool: pg.Pool;
  readonly #locks: LockTable;

  constructor(url: string, pool: pg.Pool) {
    this.url = url;
    this.#pool = pool;
    this.#locks = new LockTable(url);
  }

  async close(): Promise<void> {
    await this.#locks.close();
    await this.#pool.end();
  }

  /** Runs `work` while this process alone holds the named lock; see `locks.ts`. */
  withLock<T>(name: string, options: LockOptions, work: () => Promise<T>): Promise<T> {
    return this.#locks.hold(name, options, work);
  }

  /**
   * Takes the job's lease and makes a run. An expired lease, or one whose process on this host is gone, is taken over: its run
   * becomes failed. Throws `run/busy` where another run is alive.
   */
  async claimJob(request: ClaimRequest): Promise<Claim> {
    return this.#transaction(async (client) => {
      const key = [request.project, request.target, request.job];
      await client.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 1))', [JSON.stringify(key)]);
      const { rows } = await client.query(
        `SELECT l.run, l.owner, l.expires_at < clock_timestamp() AS expired, r.created_at
         FROM leases l JOIN runs r ON r.id = l.run WHERE l.project = $1 AND l.target = $2 AND l.job = $3`,
        key,
      );
      const holder = rows[0];
      if (holder && !holder.expired && !goneHere(holder.owner)) throw busy(request, holder);
      if (holder) await failDead(client, holder.run);
      const { rows: made } = await client.query(
        `INSERT INTO runs (project, target, job, kind, state, owner, job_hash, definition)
         VALUES ($1, $2, $3, $4, 'running', $5, $6, $7) RETURNING id`,
        [...key, request.kind, request.owner, request.jobHash, JSON.stringify(request.definition)],
      );
      const run: string = made[0].id;
      await client.query(
        `INSERT INTO leases (project, target, job, run, owner, expires_at)
         VALUES ($1, $2, $3, $4, $5, clock_timestamp() + $6 * interval '1 millisecond')
         ON CONFLICT (project, target, job) DO UPDATE SET run = $4, owner = $5, expires_at = excluded.expires_at`,
        [...key, run, request.owner, request.leaseMs],
      );
      const { rows: open } = await client.query(
        `SELECT DISTINCT i.run FROM intents i JOIN runs r ON r.id = i.run
         WHERE r.project = $1 AND r.target = $2 AND r.job = $3 AND i.settled_at IS NULL AND i.run <> $4`,
        [...key, run],
      );
      return { run, deadRuns: open.map((r) => String(r.run)) };
    });
  }

  /** Holds the lease for another `leaseMs`; false: it was lost to another run or has expired and been reaped. */
  async renew(lease: { run: string; owner: string; leaseMs: number }): Promise<boolean> {
    const { rowCount } = await this.#query(
      `UPDATE leases SET expires_at = clock_timestamp() + $3 * interval '1 millisecond' WHERE run = $1 AND owner = $2`,
      [lease.run, lease.owner, lease.leaseMs],
    );
    return rowCount === 1;
  }

  /** Ends the runs whose lease has expired and returns them: their staging waits for the job's next run. */
  async reap(): Promise<string[]> {
    return this.#transaction(async (client) => {
      const { rows } = await client.query(
        'SELECT run FROM leases WHERE expires_at < clock_timestamp() FOR UPDATE SKIP LOCKED',
      );
      for (const row of rows) await failDead(client, row.run);
      return rows.map((r) => String(r.run));
    });
  }

  /** Of these runs the ones that have ended: what they left on disk may go. Runs that this store does not know are left out. */
  async ended(runs: readonly string[]): Promise<string[]> {
    const { rows } = await this.#query(
      `SELECT id FROM runs WHERE id::text = ANY($1) AND NOT EXISTS (SELECT 1 FROM leases WHERE run = id)`,
      [runs],
    );
    return rows.map((r) => String(r.id));
  }

  async startAttempt({ run, attempt }: { run: string; attempt: number }): Promise<void> {
    await this.#query(
      `WITH started AS (INSERT INTO run_attempts (run, attempt) VALUES ($1, $2) ON CONFLICT DO NOTHING)
       UPDATE runs SET attempt = $2 WHERE id = $1`,
      [run, attempt],
    );
  }

  async finishAttempt({
    run,
    attempt,
    error,
  }: {
    run: string;
    attempt: number;
    error: SluiceErrorJson | null;
  }): Promise<void> {
    await this.#query('UPDATE run_attempts SET finished_at = now(), error = $3 WHERE run = $1 AND attempt = $2', [
      run,
      attempt,
      error === null ? null : JSON.stringify(error),
    ]);
  }

  /** All tasks of an epoch in one statement: what one attempt of it reads. */
  async recordTasks(tasks: { run: string; stream: string; epoch: number; splits: unknown[][] }): Promise<void> {
    const rows = tasks.splits.map((splits, task) => ({ task, splits }));
    await this.#query(
      `INSERT INTO tasks (run, stream, epoch, task, splits)
       SELECT $1, $2, $3, (t->>'task')::int, t->'splits' FROM jsonb_array_elements($4::jsonb) AS t
       ON CONFLICT (run, stream, epoch, task) DO UPDATE SET splits = excluded.splits, token = NULL, counts = NULL`,
      [tasks.run, tasks.stream, tasks.epoch, JSON.stringify(rows)],
    );
  }

  async recordIntent(intent: { run: string; stream: string; epoch: number; destination: JsonObject }): Promise<void> {
    await this.#query(
      `INSERT INTO intents (run, stream, epoch, destination) VALUES ($1, $2, $3, $4)
       ON CONFLICT (run, stream, epoch) DO UPDATE SET settled_at = NULL, recorded_at = now()`,
      [intent.run, intent.stream, intent.epoch, JSON.stringify(intent.destination)],
    );
  }

  async recordToken(token: {
    run: string;
    stream: string;
    epoch: number;
    task: number;
    token: JsonObject;
    counts: Counts;
  }): Promise<void> {
    await this.#query(
      'UPDATE tasks SET token = $5, counts = $6 WHERE run = $1 AND stream = $2 AND epoch = $3 AND task = $4',
      [token.run, token.stream, token.epoch, token.task, JSON.stringify(token.token), JSON.stringify(token.counts)],
    );
  }

  /** The run becomes committing: from here a stop no longer discards it. Throws `run/lease-lost` where its lease is gone. */
  async markCommitting(run: string): Promise<void> {
    const { rowCount } = await this.#query(
      `UPDATE runs SET state = 'committing' WHERE id = $1 AND EXISTS (SELECT 1 FROM leases WHERE run = $1)`,
      [run],
    );
    if (rowCount === 1) return;
    throw new SluiceError(
      'run/lease-lost',
      'terminal',
      'The lease of this run was lost: another process has taken over the job',
      {
        hint: 'Nothing is lost: the destination lets only one of the two commit.',
      },
    );
  }

  /** Everything that these runs staged for the stream is committed or removed. */
  async settle({ runs, stream }: { runs: string[]; stream: string }): Promise<void> {
    await this.#query(
      'UPDATE intents SET settled_at = now() WHERE run = ANY($1) AND stream = $2 AND settled_at IS NULL',
      [runs, stream],
    );
  }

  async finishStream(done: StreamDone): Promise<void> {
    await this.#transaction(async (client) => {
      await client.query(
        `INSERT INTO run_streams (run, stream, state, commit_id, counts) VALUES ($1, $2, 'succeeded', $3, $4)
         ON CONFLICT (run, stream) DO UPDATE SET state = 'succeeded', commit_id = $3, counts = $4, error = NULL`,
        [done.run, done.stream, done.commitId, JSON.stringify(done.counts)],
      );
      await client.query(
        `INSERT INTO checkpoints (project, target, job, stream, seq, checkpoint, commit_id, run, counts)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING`,
        [
          done.project,
          done.target,
          done.job,
          done.stream,
          done.seq,
          JSON.stringify(done.checkpoint),
          done.commitId,
          done.run,
          JSON.stringify(done.counts),
        ],
      );
      await client.query(`UPDATE runs SET state = 'running' WHERE id = $1 AND state = 'committing'`, [done.run]);
    });
  }

  async failStream(failed: { run: string; stream: string; state: RunState; error: SluiceErrorJson }): Promise<void> {
    await this.#query(
      `INSERT INTO run_streams (run, stream, state, error) VALUES ($1, $2, $3, $4)
       ON CONFLICT (run, stream) DO UPDATE SET state = $3, error = $4`,
      [failed.run, failed.stream, failed.state, JSON.stringify(failed.error)],
    );
  }

  /** Ends a run and gives its lease back, unless another run holds it by now. */
  async finishRun(end: {
    run: string;
    owner: string;
    state: RunState;
    counts: Counts;
    error: SluiceErrorJson | null;
  }): Promise<void> {
    await this.#transaction(async (client) => {
      await client.query('UPDATE runs SET state = $2, counts = $3, error = $4, finished_at = now() WHERE id = $1', [
        end.run,
        end.state,
        JSON.stringify(end.counts),
        end.error === null ? null : JSON.stringify(end.error),
      ]);
      await client.query('DELETE FROM leases WHERE run = $1 AND owner = $2', [end.run, end.owner]);
    });
  }

  /** The checkpoints of a stream, the newest first. */
  async checkpoints(key: StreamKey, limit = 20): Promise<CheckpointRow[]> {
    const { rows } = await this.#query(
      `SELECT seq::int, checkpoint, commit_id, run, counts, committed_at FROM checkpoints
       WHERE project = $1 AND target = $2 AND job = $3 AND stream = $4 ORDER BY seq DESC, committed_at DESC LIMIT $5`,
      [key.project, key.target, key.job, key.stream, limit],
    );
    return rows.map((r) => ({ ...r, committed_at: r.committed_at.toISOString() }) as CheckpointRow);
  }

  /** The runs of a job, the newest first. */
  async runs(key: JobKey, limit = 20): Promise<RunRow[]> {
    const { rows } = await this.#query(
      `SELECT id, job, kind, state, attempt, counts, error, created_at, finished_at FROM runs
       WHERE project = $1 AND target = $2 AND job = $3 ORDER BY created_at DESC LIMIT $4`,
      [key.project, key.target, key.job, limit],
    );
    return rows.map((r) => ({
      ...r,
      created_at: r.created_at.toISOString(),
      finished_at: r.finished_at?.toISOString() ?? null,
    })) as RunRow[];
  }

  async #query(sql: string, values: unknown[] = []): Promise<pg.QueryResult> {
    try {
      return await this.#pool.query(sql, values);
    } catch (error) {
      throw connectionLost(error) ? unreachable(this.url, error) : error;
    }
  }

  async #transaction<T>(work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    const client = await this.#pool.connect().catch((error) => {
      throw unreachable(this.url, error);
    });
    let broken = false;
    try {
      await client.query('BEGIN');
      const result = await work(client);
      await client.query('COMMIT');
      return result;
    } catch (error) {
      broken = connectionLost(error);
      if (!broken) await client.query('ROLLBACK').catch(() => undefined);
      throw broken ? unreachable(this.url, error) : error;
    } finally {
      client.release(broken);
    }
  }
}

async function failDead(client: pg.PoolClient, run: string): Promise<void> {
  const error = new SluiceError('run/lease-lost', 'transient', 'The process of this run ended without a word').toJSON();
  await client.query('DELETE FROM leases WHERE run = $1', [run]);
  await client.query(
    `UPDATE runs SET state = 'failed', error = $2, finished_at = now() WHERE id = $1 AND state IN ('running', 'committing')`,
    [run, JSON.stringify(error)],
  );
}

/** Whether a lease's owner was a process of this host that no longer runs: then nobody has to wait for the lease to expire. */
function goneHere(owner: string): boolean {
  const [host, pid] = owner.split('/');
  if (host !== hostname() || !pid) return false;
  try {
    process.kill(Number(pid), 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}

function busy(request: ClaimRequest, holder: { run: string; owner: string; created_at: Date }): SluiceError {
  const [host, pid] = holder.owner.split('/');
  return new SluiceError(
    'run/busy',
    'transient',
    `${request.job} is running already: run ${holder.run} since ${holder.created_at.toISOString()}, process ${pid} on ${host}`,
    {
      where: { job: request.job },
      hint: 'Wait for it to end, or stop that process; its lease then lapses within seconds.',
    },
  );
}

/** Errors of the network or of a server that goes down, as opposed to errors of a statement. */
function connectionLost(error: unknown): boolean {
  const code = (error as { code?: string }).code ?? '';
  if (/^(08|57P0|53300)/.test(code)) return true;
  if (/^(ECONN|EPIPE|ETIMEDOUT|ENOTFOUND|ENOENT|EHOSTUNREACH)/.test(code)) return true;
  return (
    error instanceof Error &&
    /Connection terminated|timeout exceeded when trying to connect|Client has encountered/.test(error.message)
  );
}
