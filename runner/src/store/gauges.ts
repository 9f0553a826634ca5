import type { Database } from './connection.ts';
import type { TargetKey } from './types.ts';

/** What the state of a project in a target comes to at one moment, for those who watch it. Times are seconds. */
export interface Gauges {
  runs: Record<'queued' | 'running' | 'committing', number>;
  queue_ready: number;
  queue_oldest_s: number;
  jobs: Record<'applied' | 'paused' | 'problem', number>;
  /** Daemons; silent ones have not been heard of for a while. */
  nodes: Record<'serving' | 'draining' | 'silent', number>;
  leases: number;
  /** Of the lease that ends first; below 0: it has lapsed. null: there is none. */
  lease_remaining_s: number | null;
  /** The greatest lateness of a due time that was dealt with in the last five minutes. */
  lateness_s: number;
  /** How long the oldest due time waits to be dealt with. */
  overdue_s: number;
  alerts: Record<'failure' | 'freshness' | 'duration', number>;
  deliveries_waiting: number;
  /** null: no daemon follows a checkout. */
  reconcile: { age_s: number; problem: boolean } | null;
}

/** A daemon that was not heard of for this long is silent. */
const SILENT = `interval '15 seconds'`;

const SINGLE = `SELECT
  (SELECT count(*) FROM runs WHERE project = $1 AND target = $2 AND state = 'queued') AS queued,
  (SELECT count(*) FROM runs WHERE project = $1 AND target = $2 AND state = 'running') AS running,
  (SELECT count(*) FROM runs WHERE project = $1 AND target = $2 AND state = 'committing') AS committing,
  (SELECT count(*) FROM runs WHERE project = $1 AND target = $2 AND state = 'queued' AND ready AND not_before <= now()) AS ready,
  (SELECT extract(epoch FROM now() - min(not_before)) FROM runs
    WHERE project = $1 AND target = $2 AND state = 'queued' AND ready) AS oldest,
  (SELECT count(*) FROM applied_jobs WHERE project = $1 AND target = $2) AS applied,
  (SELECT count(*) FROM applied_jobs WHERE project = $1 AND target = $2 AND problem IS NOT NULL) AS problem,
  (SELECT count(*) FROM job_states WHERE project = $1 AND target = $2 AND paused_at IS NOT NULL AND paused_until > now()) AS paused,
  (SELECT count(*) FROM nodes WHERE project = $1 AND target = $2 AND beat_at > now() - ${SILENT} AND NOT draining) AS serving,
  (SELECT count(*) FROM nodes WHERE project = $1 AND target = $2 AND beat_at > now() - ${SILENT} AND draining) AS draining,
  (SELECT count(*) FROM nodes WHERE project = $1 AND target = $2 AND beat_at <= now() - ${SILENT}) AS silent,
  (SELECT count(*) FROM leases WHERE project = $1 AND target = $2) AS leases,
  (SELECT extract(epoch FROM min(expires_at) - now()) FROM leases WHERE project = $1 AND target = $2) AS lease_remaining,
  (SELECT max(lateness_ms) FROM job_states WHERE project = $1 AND target = $2
    AND handled_until > now() - interval '5 minutes') AS lateness_ms,
  (SELECT extract(epoch FROM now() - min(wake_at)) FROM job_states
    WHERE project = $1 AND target = $2 AND wake_at IS NOT NULL) AS overdue,
  (SELECT count(*) FROM alerts WHERE project = $1 AND target = $2 AND kind = 'failure') AS failure,
  (SELECT count(*) FROM alerts WHERE project = $1 AND target = $2 AND kind = 'freshness') AS freshness,
  (SELECT count(*) FROM alerts WHERE project = $1 AND target = $2 AND kind = 'duration') AS duration,
  (SELECT count(*) FROM deliveries d JOIN notifications n ON n.id = d.notification
    WHERE d.state = 'waiting' AND n.project = $1 AND n.target = $2) AS waiting,
  (SELECT extract(epoch FROM now() - checked_at) FROM reconcilers
    WHERE project = $1 AND target = $2 AND expires_at > now()) AS reconcile_age,
  (SELECT problem IS NOT NULL FROM reconcilers WHERE project = $1 AND target = $2) AS reconcile_problem`;

/** Reads all of it in one statement, by indexes. */
export async function gauges(db: Database, { project, target }: TargetKey): Promise<Gauges> {
  const { rows } = await db.query(SINGLE, [project, target]);
  const row = (rows[0] ?? {}) as Readonly<Record<string, unknown>>;
  const number = (name: string): number => Number(row[name] ?? 0);
  const past = (name: string): number => Math.max(0, number(name));
  const known = (name: string): boolean => row[name] !== null && row[name] !== undefined;
  return {
    runs: { queued: number('queued'), running: number('running'), committing: number('committing') },
    queue_ready: number('ready'),
    queue_oldest_s: past('oldest'),
    jobs: { applied: number('applied'), paused: number('paused'), problem: number('problem') },
    nodes: { serving: number('serving'), draining: number('draining'), silent: number('silent') },
    leases: number('leases'),
    lease_remaining_s: known('lease_remaining') ? number('lease_remaining') : null,
    lateness_s: past('lateness_ms') / 1000,
    overdue_s: past('overdue'),
    alerts: { failure: number('failure'), freshness: number('freshness'), duration: number('duration') },
    deliveries_waiting: number('waiting'),
    reconcile: known('reconcile_age')
      ? { age_s: past('reconcile_age'), problem: row.reconcile_problem === true }
      : null,
  };
}
