import type { Database } from './connection.ts';

/** Tables that have a part for each day. */
const DAILY = ['run_logs', 'run_metrics'] as const;
const DAY_MS = 86_400_000;
/** Rows that one statement deletes, so that it holds no lock for long. */
const BATCH = 5000;

/** A part that anyone reads or writes is left for the next time. */
const PATIENCE = `SET LOCAL lock_timeout = '2s'`;

/**
 * Makes the parts of today and the days to come (UTC), so that rows do not fall into the part that holds the rest. One whose rows lie
 * there already cannot be made any more, which harms nothing.
 */
export async function makeDays(db: Database, now: number, ahead = 2): Promise<void> {
  for (const table of DAILY) {
    for (let day = 0; day <= ahead; day++) {
      const from = startOfDay(now + day * DAY_MS);
      const name = `${table}_${from.slice(0, 10).replaceAll('-', '')}`;
      const { rows } = await db.query('SELECT to_regclass($1) AS found', [`sluice.${name}`]);
      if (rows[0]?.found !== null) continue;
      await db
        .transaction(async (client) => {
          await client.query(PATIENCE);
          await client.query(
            `CREATE TABLE IF NOT EXISTS ${name} PARTITION OF ${table} FOR VALUES FROM ('${from}') TO ('${startOfDay(now + (day + 1) * DAY_MS)}')`,
          );
        })
        .catch(unlessTaken);
    }
  }
}

/**
 * Removes logs and metrics older than `keepMs`: whole days at once, what lies in the part of the rest in small batches, and events of
 * that age. Gives the number of days and rows that went.
 */
export async function purgeDays(db: Database, now: number, keepMs: number): Promise<{ days: number; rows: number }> {
  const gone = { days: 0, rows: 0 };
  const before = new Date(now - keepMs).toISOString();
  const last = startOfDay(now - keepMs - DAY_MS)
    .slice(0, 10)
    .replaceAll('-', '');
  for (const table of DAILY) {
    const { rows } = await db.query(
      `SELECT c.relname AS name FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
       WHERE i.inhparent = $1::regclass AND c.relname ~ '_[0-9]{8}$' AND right(c.relname, 8) <= $2`,
      [`sluice.${table}`, last],
    );
    for (const { name } of rows) {
      const done = await db
        .transaction(async (client) => {
          await client.query(PATIENCE);
          await client.query(`DROP TABLE IF EXISTS ${name}`);
          return true;
        })
        .catch(unlessTaken);
      if (done) gone.days++;
    }
    gone.rows += await deleteInBatches(db, `${table}_rest`, before);
  }
  gone.rows += await deleteInBatches(db, 'events', before);
  return gone;
}

async function deleteInBatches(db: Database, table: string, before: string): Promise<number> {
  for (let gone = 0; ; ) {
    const { rowCount } = await db.query(
      `DELETE FROM ${table} WHERE ctid = ANY (ARRAY(SELECT ctid FROM ${table} WHERE at < $1 LIMIT ${BATCH}))`,
      [before],
    );
    gone += rowCount ?? 0;
    if ((rowCount ?? 0) < BATCH) return gone;
  }
}

/** Locks that were not to be had, rows that lie in the way, or another process that did it meanwhile. */
function unlessTaken(error: unknown): false {
  const code = (error as { code?: unknown }).code;
  if (typeof code === 'string' && ['55P03', '40P01', '23514', '42P07', '23505', '42501'].includes(code)) return false;
  throw error;
}

function startOfDay(at: number): string {
  return new Date(Math.floor(at / DAY_MS) * DAY_MS).toISOString();
}
