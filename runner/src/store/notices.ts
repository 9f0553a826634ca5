import type { Job, Notify, NotifyEvent, SluiceErrorJson, TypedSettings } from '@sluice/core';
import type pg from 'pg';
import type { Database } from './connection.ts';
import { jsonb } from './connection.ts';
import { isoTimes } from './runs.ts';
import type { JobKey, JsonObject, RunKind, TargetKey } from './types.ts';

/** What is wrong with a job: its last run failed, its last success is too old, a run takes too long. */
export type AlertKind = 'failure' | 'freshness' | 'duration';

/** The facts of a notification; what is not known is null. Without secrets. */
export interface NoticeContent {
  event: NotifyEvent;
  /** What it is about; of a recovery what is over. */
  kinds: AlertKind[];
  project: string;
  target: string;
  job: string;
  run_id: string | null;
  status: string | null;
  owner: string | null;
  error_code: string | null;
  error_message: string | null;
  /** When it began, ISO 8601. */
  since: string;
  /** When this was found, ISO 8601. */
  at: string;
  /** The bound of `sla` that is passed, in milliseconds. */
  bound_ms: number | null;
}

/** A channel that is to be told, with the providers of its secrets; references are symbols. */
export interface DeliverySettings extends Notify {
  secret_providers: Record<string, TypedSettings>;
}

/** A notification on its way to one channel. */
export interface Delivery {
  notification: string;
  channel: string;
  settings: DeliverySettings;
  content: NoticeContent;
  /** This one counted. */
  attempts: number;
}

export interface DeliveryRow extends JobKey {
  notification: string;
  event: NotifyEvent;
  run: string | null;
  created_at: string;
  channel: string;
  state: 'waiting' | 'delivered' | 'failed';
  attempts: number;
  next_at: string | null;
  error: SluiceErrorJson | null;
  delivered_at: string | null;
}

/** A job with bounds, as the lateness of jobs is looked for. */
export interface BoundJob {
  job: string;
  freshness_ms: number | null;
  max_duration_ms: number | null;
}

interface EndedRun extends JobKey {
  id: string;
  kind: RunKind;
  state: string;
  error: SluiceErrorJson | null;
  definition: Job;
  finished_at: Date;
  created_at: Date;
  /** It ended while nobody looked: what it came to counts, and is told no more. */
  old: boolean;
}

/** What ended longer ago than this is news to nobody. */
const OLD_MS = 3_600_000;

/**
 * What is wrong with jobs, who was told of it, and how that went. An alert is a row as long as it lasts, so that of any number of
 * daemons that look at the same time one tells it.
 */
export class NoticeTable {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** Looks at runs that ended since, in their order, and gives how many there were. */
  async noticeRuns({ project, target }: TargetKey, limit: number): Promise<number> {
    return this.#db.transaction(async (client) => {
      const { rows } = await client.query(
        `UPDATE runs SET noticed = true FROM (
           SELECT id FROM runs WHERE project = $1 AND target = $2 AND NOT noticed AND finished_at IS NOT NULL
           ORDER BY finished_at LIMIT $3 FOR UPDATE SKIP LOCKED) AS next
         WHERE runs.id = next.id
         RETURNING runs.id, kind, project, target, job, state, error, definition, finished_at, created_at,
           finished_at < now() - $4::float8 * interval '1 millisecond' AS old`,
        [project, target, limit, OLD_MS],
      );
      const runs = (rows as EndedRun[]).sort(byEnd);
      for (const run of runs) await noticeRun(client, run);
      return runs.length;
    });
  }

  /** A run that changes what a job is at, and loads nothing: its end says nothing about the job. */
  async ignore(run: string): Promise<void> {
    await this.#db.query('UPDATE runs SET noticed = true WHERE id = $1', [run]);
  }

  /** The jobs that are applied with bounds, and the version that this is of; null: it is still `known`. */
  async boundJobs(
    { project, target }: TargetKey,
    known: number | null,
  ): Promise<{ version: number; jobs: BoundJob[] } | null> {
    const key = [project, target];
    const found = await this.#db.query(
      'SELECT coalesce(max(version), 0) AS version FROM applied_plans WHERE project = $1 AND target = $2',
      key,
    );
    const version = Number(found.rows[0]?.version ?? 0);
    if (version === known) return null;
    const { rows } = await this.#db.query(
      `SELECT job, (definition->'sla'->>'freshness_ms')::float8 AS freshness_ms,
         (definition->'sla'->>'max_duration_ms')::float8 AS max_duration_ms
       FROM applied_jobs
       WHERE project = $1 AND target = $2 AND json_typeof(definition->'sla') = 'object' AND definition->>'enabled' = 'true'
       ORDER BY job`,
      key,
    );
    return { version, jobs: rows };
  }

  /** Tells of the jobs that are past a bound now, and were not before. Paused jobs and those that are not enabled are not late. */
  async noticeLateness(key: TargetKey, jobs: readonly BoundJob[]): Promise<void> {
    const fresh = jobs.filter(({ freshness_ms }) => freshness_ms !== null);
    const brief = jobs.filter(({ max_duration_ms }) => max_duration_ms !== null);
    await this.#forgetDeleted(key);
    const stale = await this.#stale(key, fresh);
    const long = await this.#long(key, brief);
    for (const late of [...stale, ...long]) await this.#db.transaction((client) => noticeLate(client, key, late));
  }

  /** What was wrong with a job that is gone is nobody's any more. */
  async #forgetDeleted({ project, target }: TargetKey): Promise<void> {
    await this.#db.query(
      `DELETE FROM alerts a WHERE project = $1 AND target = $2 AND NOT EXISTS (
         SELECT 1 FROM applied_jobs j WHERE j.project = a.project AND j.target = a.target AND j.job = a.job)
       AND EXISTS (SELECT 1 FROM applied_plans WHERE project = $1 AND target = $2)`,
      [project, target],
    );
  }

  async #stale({ project, target }: TargetKey, jobs: readonly BoundJob[]): Promise<Late[]> {
    if (jobs.length === 0) return [];
    const { rows } = await this.#db.query(
      `SELECT * FROM (
         SELECT b.job, b.bound, NULL::uuid AS run, greatest(s.first_applied, r.finished_at) AS since
         FROM unnest($3::text[], $4::float8[]) AS b (job, bound)
         JOIN job_states s ON s.project = $1 AND s.target = $2 AND s.job = b.job AND s.deleted_at IS NULL
         LEFT JOIN LATERAL (
           SELECT finished_at FROM runs WHERE project = $1 AND target = $2 AND job = b.job AND state = 'succeeded'
             AND kind NOT IN ('backfill', 'replay') ORDER BY created_at DESC LIMIT 1) r ON true
         WHERE (s.paused_at IS NULL OR s.paused_until <= now())
           AND NOT EXISTS (SELECT 1 FROM alerts WHERE project = $1 AND target = $2 AND job = b.job AND kind = 'freshness')
       ) AS late WHERE since + bound * interval '1 millisecond' < now()`,
      [project, target, jobs.map(({ job }) => job), jobs.map(({ freshness_ms }) => freshness_ms)],
    );
    return rows.map((row) => ({ ...row, kind: 'freshness' }));
  }

  async #long({ project, target }: TargetKey, jobs: readonly BoundJob[]): Promise<Late[]> {
    if (jobs.length === 0) return [];
    const { rows } = await this.#db.query(
      `SELECT b.job, b.bound, r.id AS run, r.started_at AS since
       FROM unnest($3::text[], $4::float8[]) AS b (job, bound)
       JOIN runs r ON r.project = $1 AND r.target = $2 AND r.job = b.job AND r.state IN ('running', 'committing')
       WHERE r.started_at + b.bound * interval '1 millisecond' < now()
         AND NOT EXISTS (SELECT 1 FROM alerts WHERE project = $1 AND target = $2 AND job = b.job AND kind = 'duration')`,
      [project, target, jobs.map(({ job }) => job), jobs.map(({ max_duration_ms }) => max_duration_ms)],
    );
    return rows.map((row) => ({ ...row, kind: 'duration' }));
  }

  /**
   * Takes deliveries that are due, for `holdMs`: whoever dies meanwhile leaves them to others, so that a channel may be told twice and
   * never not at all.
   */
  async takeDeliveries({ project, target }: TargetKey, limit: number, holdMs: number): Promise<Delivery[]> {
    const { rows } = await this.#db.query(
      `UPDATE deliveries d SET attempts = attempts + 1, next_at = now() + $4::float8 * interval '1 millisecond' FROM (
         SELECT notification, channel, n.content FROM deliveries JOIN notifications n ON n.id = notification
         WHERE state = 'waiting' AND next_at <= now() AND n.project = $1 AND n.target = $2
         ORDER BY next_at LIMIT $3 FOR UPDATE OF deliveries SKIP LOCKED) AS next
       WHERE d.notification = next.notification AND d.channel = next.channel
       RETURNING d.notification, d.channel, d.settings, d.attempts, next.content`,
      [project, target, limit, holdMs],
    );
    return rows;
  }

  /** How a delivery went. `retryMs` null: it is not tried again. */
  async settleDelivery(
    { notification, channel }: Pick<Delivery, 'notification' | 'channel'>,
    end: 'delivered' | { error: SluiceErrorJson; retryMs: number | null },
  ): Promise<void> {
    const failed = end === 'delivered' ? null : end;
    const state = failed === null ? 'delivered' : failed.retryMs === null ? 'failed' : 'waiting';
    await this.#db.query(
      `UPDATE deliveries SET state = $3, error = $4, delivered_at = CASE WHEN $3 = 'delivered' THEN now() END,
         next_at = now() + coalesce($5::float8, 0) * interval '1 millisecond'
       WHERE notification = $1 AND channel = $2`,
      [notification, channel, state, jsonb(failed?.error), failed?.retryMs ?? null],
    );
  }

  /** Who was told what, the newest first. */
  async history(filter: TargetKey & { job?: string; limit?: number }): Promise<DeliveryRow[]> {
    const { rows } = await this.#db.query(
      `SELECT n.id AS notification, n.project, n.target, n.job, n.event, n.run, n.created_at, d.channel, d.state, d.attempts,
         CASE WHEN d.state = 'waiting' THEN d.next_at END AS next_at, d.error, d.delivered_at
       FROM notifications n JOIN deliveries d ON d.notification = n.id
       WHERE n.project = $1 AND n.target = $2 AND ($3::text IS NULL OR n.job = $3)
       ORDER BY n.created_at DESC, n.id, d.channel LIMIT $4`,
      [filter.project, filter.target, filter.job ?? null, filter.limit ?? 100],
    );
    return rows.map(isoTimes<DeliveryRow>);
  }

  /** Removes some notifications that are older, and gives how many. */
  async purge({ project, target }: TargetKey, keepMs: number, limit: number): Promise<number> {
    const { rowCount } = await this.#db.query(
      `DELETE FROM notifications WHERE id IN (
         SELECT id FROM notifications WHERE project = $1 AND target = $2
           AND created_at < now() - $3::float8 * interval '1 millisecond' ORDER BY created_at LIMIT $4)`,
      [project, target, keepMs, limit],
    );
    return rowCount ?? 0;
  }
}

function byEnd(a: EndedRun, b: EndedRun): number {
  return a.finished_at.getTime() - b.finished_at.getTime() || a.created_at.getTime() - b.created_at.getTime();
}

interface Late {
  job: string;
  kind: AlertKind;
  bound: number;
  run: string | null;
  since: Date;
}

/** Old windows and rows that were set aside say nothing of what is new: they end no alert, and whoever replays rows looks on. */
async function noticeRun(client: pg.PoolClient, run: EndedRun): Promise<void> {
  if (run.kind === 'replay') return;
  const key = [run.project, run.target, run.job];
  if (run.state === 'failed') {
    await client.query(`DELETE FROM alerts WHERE project = $1 AND target = $2 AND job = $3 AND kind = 'duration'`, key);
    const { rows } = await client.query(
      `INSERT INTO alerts (project, target, job, kind, run, since) VALUES ($1, $2, $3, 'failure', $4, $5)
       ON CONFLICT (project, target, job, kind) DO UPDATE SET repeats = alerts.repeats + 1 RETURNING repeats`,
      [...key, run.id, run.finished_at],
    );
    if (rows[0]?.repeats === 0 && !run.old) await tell(client, run, 'failure', ['failure'], run.finished_at, null);
    return;
  }
  const well = run.state === 'succeeded' && run.kind !== 'backfill';
  const over = well ? `kind IS NOT NULL` : `kind = 'duration' AND run = $4`;
  const { rows } = await client.query(
    `DELETE FROM alerts WHERE project = $1 AND target = $2 AND job = $3 AND $4::uuid IS NOT NULL AND ${over} RETURNING kind, since`,
    [...key, run.id],
  );
  if (!well || rows.length === 0 || run.old) return;
  const ended = rows as { kind: AlertKind; since: Date }[];
  const [since = run.finished_at] = ended.map((alert) => alert.since).sort((a, b) => a.getTime() - b.getTime());
  await tell(client, run, 'recovery', ended.map(({ kind }) => kind).sort(), since, null);
}

async function noticeLate(client: pg.PoolClient, key: TargetKey, late: Late): Promise<void> {
  const place = [key.project, key.target, late.job];
  const { rowCount } = await client.query(
    `INSERT INTO alerts (project, target, job, kind, run, since) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING`,
    [...place, late.kind, late.run, late.since],
  );
  if (rowCount !== 1) return;
  const { rows } = await client.query(
    'SELECT definition FROM applied_jobs WHERE project = $1 AND target = $2 AND job = $3',
    place,
  );
  const definition = rows[0]?.definition as Job | undefined;
  if (!definition) return;
  const run = {
    ...key,
    job: late.job,
    id: late.run,
    state: late.run === null ? null : 'running',
    error: null,
    definition,
  };
  await tell(client, run, 'lateness', [late.kind], late.since, late.bound);
}

type Told = Pick<EndedRun, 'project' | 'target' | 'job' | 'definition' | 'error'> & {
  id: string | null;
  state: string | null;
};

/** Writes a notification with a delivery for each channel that wants it; none where no channel does. */
async function tell(
  client: pg.PoolClient,
  run: Told,
  event: NotifyEvent,
  kinds: AlertKind[],
  since: Date,
  bound: number | null,
): Promise<void> {
  const { definition, error } = run;
  const wanted = (definition.notify ?? []).filter(({ on }) => on.includes(event));
  if (wanted.length === 0) return;
  const content: Omit<NoticeContent, 'at'> = {
    event,
    kinds,
    project: run.project,
    target: run.target,
    job: run.job,
    run_id: run.id,
    status: run.state,
    owner: definition.owner,
    error_code: error?.code ?? null,
    error_message: error?.message ?? null,
    since: since.toISOString(),
    bound_ms: bound,
  };
  const { rows } = await client.query(
    `INSERT INTO notifications (project, target, job, event, run, content)
     VALUES ($1, $2, $3, $4, $5, $6::jsonb || jsonb_build_object('at', to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')))
     RETURNING id`,
    [run.project, run.target, run.job, event, run.id, jsonb(content)],
  );
  // Named twice, a channel is told once.
  const channels = new Map(wanted.map((entry) => [entry.channel, entry]));
  for (const [channel, entry] of channels) {
    const settings: DeliverySettings = { ...entry, secret_providers: definition.secret_providers ?? {} };
    await client.query('INSERT INTO deliveries (notification, channel, settings) VALUES ($1, $2, $3)', [
      rows[0]?.id,
      channel,
      jsonb(settings as unknown as JsonObject),
    ]);
  }
}
