import type { TaskLog } from '../../model/component.ts';

/** Says how many rows a range leaves out since they have no value in its column: such rows are never new. */
export function tellNulls(log: TaskLog, column: string, rows: number): void {
  if (rows === 0) return;
  const message = `${rows} rows have no value in ${column} and are left out: only the first load takes them`;
  log('warn', message, { column, rows });
}
