import { createHash } from 'node:crypto';
import type { SourceTable } from '../../model/component.ts';
import { SluiceError } from '../../model/error.ts';

/** A short name for a table's columns, by which a task knows that they are still those that the run was planned with. */
export function shapeOf({ columns }: SourceTable): string {
  return createHash('sha256').update(JSON.stringify(columns)).digest('hex').slice(0, 16);
}

/** Throws `source/changed` (transient) where the columns are no longer those that were planned. */
export function requireShape(table: SourceTable, planned: unknown): void {
  if (shapeOf(table) === planned) return;
  throw new SluiceError('source/changed', 'transient', 'The columns of the source changed while it was read', {
    hint: 'Run again; `retries` does so by itself.',
  });
}
