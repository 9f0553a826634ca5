import type { StreamKey } from '../../model/run.ts';
import { literal } from '../../model/sql.ts';
import type { Db, Place } from './tables.ts';

/** SQL over the `_sluice_*` tables that every destination of tables shares. The caller owns the transaction. */
export interface StateDoor {
  db: Db;
  place: Place;
  key: StreamKey;
}

export function keyIs(key: StreamKey): string {
  const [project, target, job, stream] = keyValues(key);
  return `project = ${project} AND target = ${target} AND job = ${job} AND stream = ${stream}`;
}

export function keyValues(key: StreamKey): string[] {
  return [key.project, key.target, key.job, key.stream].map(literal);
}
