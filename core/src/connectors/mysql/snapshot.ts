import { messageOf, SluiceError } from '../../model/error.ts';
import type { MyDb } from './connection.ts';
import { isServerError } from './errors.ts';

/** Seconds that writers of the table may have to wait, and that a writer may keep us waiting. */
const PATIENCE = 5;

/**
 * Sessions that see one moment of a table: each begins its snapshot while a lock keeps writers out, which is then given back.
 * `table` is quoted. Where that cannot be: the reason, as the end of a sentence.
 */
export async function sameMoment(
  begin: () => Promise<MyDb>,
  table: string,
  count: number,
): Promise<{ sessions: MyDb[] } | { reason: string }> {
  const gate = await begin();
  const sessions: MyDb[] = [];
  try {
    // Without a transaction of ours the lock would wait for no writer that has yet to commit: it has to be InnoDB's own.
    await gate.run('ROLLBACK');
    await gate.run(
      `SET SESSION autocommit = 0, lock_wait_timeout = ${PATIENCE}, innodb_lock_wait_timeout = ${PATIENCE}`,
    );
    await gate.run(`LOCK TABLES ${table} READ`);
    const opened = await Promise.allSettled(Array.from({ length: count }, begin));
    for (const result of opened) if (result.status === 'fulfilled') sessions.push(result.value);
    const failed = opened.find((result) => result.status === 'rejected');
    if (failed) throw failed.reason;
    return { sessions };
  } catch (error) {
    for (const db of sessions) await db.end();
    return { reason: why(error) };
  } finally {
    // Its end gives the lock back.
    await gate.end();
  }
}

function why(error: unknown): string {
  const cause = error instanceof SluiceError ? (error.cause ?? error) : error;
  if (!isServerError(cause)) throw error;
  if (/DENIED/.test(cause.code)) return 'the user has no right to lock it (GRANT LOCK TABLES)';
  if (/LOCK_WAIT_TIMEOUT|LOCK_ABORTED/.test(cause.code)) return `others held it for ${PATIENCE} seconds`;
  return `it cannot be locked: ${messageOf(cause)}`;
}
