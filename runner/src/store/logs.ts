import { type Database, jsonb, plainText } from './connection.ts';
import { isoTimes } from './runs.ts';
import type { LogLevel, LogLine, LogRow } from './types.ts';

const LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];

/** Adds lines to a run's log in one statement, in their order. */
export async function appendLogs(db: Database, run: string, lines: readonly LogLine[]): Promise<void> {
  if (lines.length === 0) return;
  await db.query(
    `INSERT INTO run_logs (run, at, level, message, fields)
     SELECT $1, line.at, line.level, line.message, line.fields
     FROM unnest($2::timestamptz[], $3::text[], $4::text[], $5::jsonb[]) WITH ORDINALITY
       AS line (at, level, message, fields, number)
     ORDER BY line.number`,
    [
      run,
      lines.map((line) => line.at),
      lines.map((line) => line.level),
      lines.map((line) => plainText(line.message)),
      lines.map((line) => jsonb(line.fields ?? {})),
    ],
  );
}

/** Lines of a run's log in order: of `level` and above, after the line `after`. */
export async function readLogs(
  db: Database,
  run: string,
  options: { level?: LogLevel; after?: string; limit?: number },
): Promise<LogRow[]> {
  const levels = LEVELS.slice(LEVELS.indexOf(options.level ?? 'debug'));
  const { rows } = await db.query(
    `SELECT seq, at, level, message, fields FROM run_logs
     WHERE run::text = $1 AND seq > $2 AND level = ANY($3) ORDER BY seq LIMIT $4`,
    [run, options.after ?? '0', levels, options.limit ?? 1000],
  );
  return rows.map(isoTimes<LogRow>);
}

/** Counts lines that were left out of a run's log. */
export async function addDropped(db: Database, run: string, lines: number): Promise<void> {
  await db.query('UPDATE runs SET logs_dropped = logs_dropped + $2 WHERE id = $1', [run, lines]);
}
