import { hostname } from 'node:os';
import { SluiceError } from '@sluice/core';
import type pg from 'pg';
import { type Database, jsonb } from './connection.ts';
import { processExists, processPlace } from './place.ts';
import type {
  AttemptRow,
  Claim,
  ClaimRequest,
  Counts,
  JobKey,
  RunDetail,
  RunFilter,
  RunRow,
  RunState,
  RunStreamRow,
  SluiceErrorJson,
} from './types.ts';

/**
 * Takes the job's lease and makes a run. An expired lease, or one whose process is seen to be gone, is taken over: its run
 * becomes failed. Throws `run/busy` where another run is alive, `run/daemon` as `alone` says.
 */
export function claimJob(db: Database, request: ClaimRequest): Promise<Claim> {
  return db.transaction(async (client) => {
    const key = [request.project, request.target, request.job];
    await client.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 1))', [JSON.stringify(key)]);
    if (request.alone) await requireNoDaemon(client, request);
    const { rows } = await client.query(
      `SELECT l.run, l.owner, l.place, l.expires_at < clock_timestamp() AS expired, r.created_at
       FROM leases l JOIN runs r ON r.id = l.run WHERE l.project = $1 AND l.target = $2 AND l.job = $3 FOR UPDATE OF l`,
      key,
    );
    const holder = rows[0] as Holder | undefined;
    if (holder && !holder.expired && !isGone(holder)) throw busy(request, holder);
    if (holder) await failDead(client, holder.run);
    await failBegun(client, key);
    const run = await insertRun(client, request);
    // A daemon claims without the job's lock.
    const { rowCount } = await client.query(
      `INSERT INTO leases (project, target, job, run, owner, place, expires_at)
       VALUES ($1, $2, $3, $4, $5, $6, clock_timestamp() + $7 * interval '1 millisecond') ON CONFLICT DO NOTHING`,
      [...key, run, request.owner, placeOf(request.owner), request.leaseMs],
    );
    if (rowCount === 0) throw overtaken(request);
    return { run, deadRuns: await deadRuns(client, request, run) };
  });
}

/** Runs of the job that ended without settling what they staged. */
async function deadRuns(client: pg.PoolClient, key: JobKey, run: string): Promise<string[]> {
  const { rows } = await client.query(
    `SELECT DISTINCT i.run FROM intents i JOIN runs r ON r.id = i.run
     WHERE r.project = $1 AND r.target = $2 AND r.job = $3 AND i.settled_at IS NULL AND i.run <> $4`,
    [key.project, key.target, key.job, run],
  );
  return rows.map((r) => String(r.run));
}

async function insertRun(client: pg.PoolClient, request: ClaimRequest): Promise<string> {
  const [host, pid] = splitOwner(request.owner);
  const { rows } = await client.query(
    `INSERT INTO runs (project, target, job, kind, state, owner, host, pid, job_hash, definition, git_revision, due_at,
       window_start, window_end, started_at)
     VALUES ($1, $2, $3, $4, 'running', $5, $6, $7, $8, $9, $10, $11, $12, $13, now()) RETURNING id`,
    [
      request.project,
      request.target,
      request.job,
      request.kind,
      request.owner,
      host,
      pid,
      request.jobHash,
      jsonb(request.definition),
      request.gitRevision ?? null,
      request.dueAt ?? null,
      request.window?.start ?? null,
      request.window?.end ?? null,
    ],
  );
  return String(rows[0]?.id);
}

/** Who holds a run; `attempt`: the first one since it was taken from the queue. */
export interface LeaseKey {
  run: string;
  owner: string;
  attempt?: number | null;
}

/** SQL for the lease that `$1`, `$2` and `$3` name. */
export const OWN_LEASE = 'run = $1 AND owner = $2 AND ($3::int IS NULL OR attempt = $3)';

/** Holds the lease for another `leaseMs`; false: it was lost to another run or has expired and been reaped. */
export async function renew(db: Database, lease: LeaseKey & { leaseMs: number }): Promise<boolean> {
  const { rowCount } = await db.query(
    `UPDATE leases SET expires_at = clock_timestamp() + $4 * interval '1 millisecond' WHERE ${OWN_LEASE}`,
    [lease.run, lease.owner, lease.attempt ?? null, lease.leaseMs],
  );
  return rowCount === 1;
}

/** Of these runs the ones that have ended. Runs that this store does not know are left out. */
export async function endedRuns(db: Database, runs: readonly string[]): Promise<string[]> {
  const { rows } = await db.query(
    `SELECT id FROM runs WHERE id::text = ANY($1) AND NOT EXISTS (SELECT 1 FROM leases WHERE run = id)`,
    [runs],
  );
  return rows.map((r) => String(r.id));
}

export async function startAttempt(db: Database, { run, attempt }: { run: string; attempt: number }): Promise<void> {
  await db.query(
    `WITH started AS (INSERT INTO run_attempts (run, attempt) VALUES ($1, $2) ON CONFLICT DO NOTHING)
     UPDATE runs SET attempt = $2 WHERE id = $1`,
    [run, attempt],
  );
}

export async function finishAttempt(
  db: Database,
  end: { run: string; attempt: number; error: SluiceErrorJson | null },
): Promise<void> {
  await db.query('UPDATE run_attempts SET finished_at = now(), error = $3 WHERE run = $1 AND attempt = $2', [
    end.run,
    end.attempt,
    jsonb(end.error),
  ]);
}

/**
 * The run becomes committing: from here a stop no longer discards it. Throws `run/lease-lost` where its lease is gone, or another
 * attempt goes on with it. `attempt` null: there is but one.
 */
export async function markCommitting(db: Database, run: string, attempt: number | null): Promise<void> {
  // The state is asked too: it is read again after a wait for whoever fails the run at this moment, the lease is not.
  const { rowCount } = await db.query(
    `UPDATE runs SET state = 'committing'
     WHERE id = $1 AND state IN ('running', 'committing') AND ($2::int IS NULL OR attempt = $2)
       AND EXISTS (SELECT 1 FROM leases WHERE run = $1)`,
    [run, attempt],
  );
  if (rowCount === 1) return;
  throw new SluiceError(
    'run/lease-lost',
    'terminal',
    'The lease of this run was lost: another process has taken over the job',
    { hint: 'Nothing is lost: the destination lets only one of the two commit.' },
  );
}

export async function setRunState(db: Database, run: string, state: RunState): Promise<void> {
  await db.query('UPDATE runs SET state = $2 WHERE id = $1 AND finished_at IS NULL', [run, state]);
}

/**
 * Ends a run and gives its lease back, unless another run holds it by now. A run that was given up for dead and still ended
 * by itself knows better how, unless another goes on with it.
 */
export async function finishRun(
  db: Database,
  end: LeaseKey & { state: RunState; counts: Counts; error: SluiceErrorJson | null },
): Promise<void> {
  const ended = [end.state, jsonb(end.counts), jsonb(end.error)];
  // The lease first, as everywhere: two that lock in different order would wait for each other.
  const { rowCount } = await db.query({
    name: 'finish-run',
    text: `WITH lease AS (DELETE FROM leases WHERE ${OWN_LEASE} RETURNING run)
      UPDATE runs SET state = $4, counts = $5, error = $6, finished_at = now() FROM lease WHERE id = lease.run`,
    values: [end.run, end.owner, end.attempt ?? null, ...ended],
  });
  if (rowCount === 1) return;
  await db.query(
    `UPDATE runs SET state = $3, counts = $4, error = $5, finished_at = now()
     WHERE id = $1 AND owner = $2 AND finished_at IS NOT NULL AND error->>'code' = 'run/lease-lost'`,
    [end.run, end.owner, ...ended],
  );
}

/** What a `RunRow` holds. */
export const RUN_COLUMNS = `id, project, target, job, kind, state, attempt, counts, error, job_hash, git_revision, host, pid,
  due_at, window_start, window_end, created_at, started_at, finished_at, queued_at, not_before, requested_by, reason, ready, waiting_for,
  host_wanted, memory_bytes::float8, options, backfill, handovers, stop_requested_at, stop_requested_by, stop_hard, logs_dropped::int`;

/** Runs, the newest first. */
export async function listRuns(db: Database, filter: RunFilter): Promise<RunRow[]> {
  const { rows } = await db.query(
    `SELECT ${RUN_COLUMNS} FROM runs
     WHERE project = $1 AND ($2::text IS NULL OR target = $2) AND ($3::text IS NULL OR job = $3)
       AND ($4::text[] IS NULL OR state = ANY($4))
       AND ($5::uuid IS NULL OR (created_at, id) < (SELECT created_at, id FROM runs WHERE id = $5))
     ORDER BY created_at DESC, id DESC LIMIT $6`,
    [
      filter.project,
      filter.target ?? null,
      filter.job ?? null,
      filter.states ?? null,
      filter.before ?? null,
      filter.limit ?? 20,
    ],
  );
  return rows.map(isoTimes<RunRow>);
}

/** One run with its attempts and streams; null: there is none of this id. */
export async function findRun(db: Database, run: string): Promise<RunDetail | null> {
  const { rows } = await db.query(`SELECT ${RUN_COLUMNS} FROM runs WHERE id::text = $1`, [run]);
  if (rows.length === 0) return null;
  const attempts = await db.query(
    'SELECT attempt, started_at, finished_at, error FROM run_attempts WHERE run = $1 ORDER BY attempt',
    [run],
  );
  const streams = await db.query(
    `SELECT stream, state, commit_id, counts, error, checkpoint_before, checkpoint_after FROM run_streams
     WHERE run = $1 ORDER BY stream`,
    [run],
  );
  return {
    ...isoTimes<RunRow>(rows[0]),
    attempts: attempts.rows.map(isoTimes<AttemptRow>),
    streams: streams.rows as RunStreamRow[],
  };
}

/** A row of the driver with its times as ISO 8601. */
export function isoTimes<T>(row: Record<string, unknown>): T {
  const entries = Object.entries(row).map(([name, value]) => [
    name,
    value instanceof Date ? value.toISOString() : value,
  ]);
  return Object.fromEntries(entries) as T;
}

/** Runs that had begun and went back into the queue: whether they had committed can be told no more once this one commits. */
async function failBegun(client: pg.PoolClient, key: string[]): Promise<void> {
  const error = new SluiceError('run/lease-lost', 'transient', 'Another run took the job over').toJSON();
  await client.query(
    `UPDATE runs SET state = 'failed', error = $4, finished_at = now()
     WHERE project = $1 AND target = $2 AND job = $3 AND state = 'queued' AND attempt > 0`,
    [...key, jsonb(error)],
  );
}

/** A run whose process is gone has failed; its lease goes. */
export async function failDead(client: pg.PoolClient, run: string): Promise<void> {
  const error = new SluiceError('run/lease-lost', 'transient', 'The process of this run ended without a word').toJSON();
  await client.query('DELETE FROM leases WHERE run = $1', [run]);
  await client.query(
    `UPDATE runs SET state = 'failed', error = $2, finished_at = now() WHERE id = $1 AND state IN ('running', 'committing')`,
    [run, jsonb(error)],
  );
  await endAttempts(client, run, error);
}

/** Closes the attempts that nobody ends any more. */
export async function endAttempts(client: pg.PoolClient, run: string, error: SluiceErrorJson): Promise<void> {
  await client.query('UPDATE run_attempts SET finished_at = now(), error = $2 WHERE run = $1 AND finished_at IS NULL', [
    run,
    jsonb(error),
  ]);
}

interface Holder {
  run: string;
  owner: string;
  place: string | null;
  expired: boolean;
  created_at: Date;
}

/** Host and pid of an owner. */
export function splitOwner(owner: string): [host: string, pid: number | null] {
  const at = owner.lastIndexOf('/');
  const pid = Number(owner.slice(at + 1));
  return at > 0 && Number.isInteger(pid) ? [owner.slice(0, at), pid] : [owner, null];
}

/** The place of an owner that is this very process; of others nothing is known. */
export function placeOf(owner: string): string | null {
  return owner === `${hostname()}/${process.pid}` ? processPlace() : null;
}

/** Whether a lease's owner was a process that would be seen from here and is not: then nobody waits for its lease to expire. */
export function isGone({ owner, place }: Pick<Holder, 'owner' | 'place'>): boolean {
  const [, pid] = splitOwner(owner);
  return place === processPlace() && pid !== null && !processExists(pid);
}

async function requireNoDaemon(client: pg.PoolClient, { project, target, job }: JobKey): Promise<void> {
  const { rows } = await client.query(
    `SELECT node FROM nodes WHERE project = $1 AND target = $2 AND beat_at > clock_timestamp() - interval '15 s' LIMIT 1`,
    [project, target],
  );
  if (rows.length === 0) return;
  const message = `The daemon ${rows[0]?.node} serves the target ${target}: it runs the jobs there`;
  throw new SluiceError('run/daemon', 'config', message, {
    where: { job },
    hint: `\`sluice start ${job} -f\` has it run there; --take-over runs it here, beside the daemon.`,
  });
}

/** A daemon took a run of the job at this very moment. */
function overtaken({ job }: ClaimRequest): SluiceError {
  return new SluiceError('run/busy', 'transient', `${job} was begun by another process just now`, {
    where: { job },
    hint: 'Wait for that run to end, or stop it.',
  });
}

function busy(request: ClaimRequest, holder: Holder): SluiceError {
  const [host, pid] = splitOwner(holder.owner);
  return new SluiceError(
    'run/busy',
    'transient',
    `${request.job} is running already: run ${holder.run} since ${holder.created_at.toISOString()}, process ${pid} on ${host}`,
    {
      where: { job: request.job, run: holder.run },
      hint: 'Wait for it to end, or stop that process; its lease then lapses within seconds.',
    },
  );
}
