import { SluiceError } from '@sluice/core';
import type pg from 'pg';
import { type Database, jsonb } from './connection.ts';
import { processPlace } from './place.ts';
import { endAttempts, isGone, type LeaseKey, OWN_LEASE } from './runs.ts';
import type { SluiceErrorJson } from './types.ts';

/** A run that kills its daemons is not handed on for ever. */
const MOST_HANDOVERS = 10;

/** Gives up runs of the queue whose lease has expired or whose owner is seen to be gone: back into the queue. */
export function reap(db: Database): Promise<string[]> {
  return db.transaction(async (client) => {
    const { rows } = await client.query(
      `SELECT run, owner, place, expires_at < clock_timestamp() AS expired FROM leases
       WHERE expires_at < clock_timestamp() OR place = $1`,
      [processPlace()],
    );
    const lost = rows.filter((row) => row.expired || isGone(row as { owner: string; place: string | null }));
    // Only these are locked: whoever stops in the middle would keep the others from being given up.
    const { rows: dead } = await client.query(
      `SELECT l.run FROM leases l JOIN unnest($1::uuid[], $2::text[], $3::boolean[]) AS d (run, owner, expired)
         ON d.run = l.run AND d.owner = l.owner
       WHERE NOT d.expired OR l.expires_at < clock_timestamp() FOR UPDATE OF l SKIP LOCKED`,
      [lost.map(({ run }) => run), lost.map(({ owner }) => owner), lost.map(({ expired }) => expired)],
    );
    for (const { run } of dead) await giveUp(client, String(run));
    return dead.map(({ run }) => String(run));
  });
}

/** Hands a run of this owner back, so that another daemon goes on with it. false: it was lost already. */
export function handOver(db: Database, { run, owner, attempt }: LeaseKey): Promise<boolean> {
  return db.transaction(async (client) => {
    const { rowCount } = await client.query(`SELECT 1 FROM leases WHERE ${OWN_LEASE} FOR UPDATE`, [
      run,
      owner,
      attempt ?? null,
    ]);
    if (rowCount === 0) return false;
    await giveUp(client, run, 0);
    return true;
  });
}

/**
 * Its owner is gone: a run of the queue goes back there as long as it was not handed on too often and nobody wants it stopped;
 * any other has failed.
 */
async function giveUp(client: pg.PoolClient, run: string, counted = 1): Promise<void> {
  const lost = new SluiceError('run/lease-lost', 'transient', 'The process of this run ended without a word').toJSON();
  await client.query('DELETE FROM leases WHERE run = $1', [run]);
  await endAttempts(client, run, lost);
  const again = await client.query(
    `UPDATE runs SET state = 'queued', owner = NULL, host = NULL, pid = NULL, handovers = handovers + $2
     WHERE id = $1 AND state IN ('running', 'committing') AND queued_at IS NOT NULL AND stop_requested_at IS NULL
       AND handovers < ${MOST_HANDOVERS}`,
    [run, counted],
  );
  if (again.rowCount === 1) return;
  await client.query(
    `UPDATE runs SET state = CASE WHEN stop_requested_at IS NULL THEN 'failed' ELSE 'cancelled' END,
       error = CASE WHEN stop_requested_at IS NULL THEN $2::jsonb ELSE $3::jsonb END, finished_at = now()
     WHERE id = $1 AND state IN ('running', 'committing')`,
    [run, jsonb(lost), jsonb(stoppedError(null))],
  );
}

/** How a run ends that somebody stopped; null: it is not known who. */
export function stoppedError(by: string | null): SluiceErrorJson {
  return new SluiceError('run/cancelled', 'terminal', `The run was stopped${by === null ? '' : ` by ${by}`}`).toJSON();
}
