import type { KnownState } from '@sluice/core';
import type { Database } from './connection.ts';
import type { TargetKey } from './types.ts';

/** What a plan tells of these jobs beside their definitions: runs that have not ended, pauses, the last commit of each stream. */
export async function knownState(
  db: Database,
  { project, target }: TargetKey,
  jobs: readonly string[],
): Promise<KnownState> {
  if (jobs.length === 0) return { runs: [], paused: [], commits: [] };
  const values = [project, target, jobs];
  const mine = 'project = $1 AND target = $2 AND job = ANY ($3::text[])';
  const runs = await db.query(
    `SELECT job, id, state FROM runs WHERE ${mine} AND state IN ('queued', 'running', 'committing') ORDER BY job, created_at`,
    values,
  );
  const paused = await db.query(
    `SELECT job, paused_at AS at, paused_by AS by FROM job_states
     WHERE ${mine} AND deleted_at IS NULL AND paused_at IS NOT NULL AND paused_until > clock_timestamp()`,
    values,
  );
  const commits = await db.query(
    `SELECT DISTINCT ON (job, stream) job, stream, seq, committed_at FROM checkpoints WHERE ${mine}
     ORDER BY job, stream, seq DESC, committed_at DESC`,
    values,
  );
  return {
    runs: runs.rows.map(({ job, id, state }) => ({ job, id: String(id), state })),
    paused: paused.rows.map(({ job, at, by }) => ({ job, at: (at as Date).toISOString(), by })),
    commits: commits.rows.map(({ job, stream, seq, committed_at }) => {
      return { job, stream, seq: Number(seq), committed_at: (committed_at as Date).toISOString() };
    }),
  };
}
