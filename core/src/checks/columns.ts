import { requireColumns } from '../model/columns.ts';
import { SluiceError } from '../model/error.ts';
import type { CheckStep } from '../model/job.ts';
import type { Column } from '../model/type.ts';

/** Names of the columns that a check is about: its own list, else the column that it stands under. Throws `check/no_column`. */
export function columnNames(step: CheckStep): string[] {
  const { columns } = step.settings as { columns?: string[] };
  const names = columns ?? (step.column === null ? [] : [step.column]);
  if (names.length > 0) return names;
  throw new SluiceError('check/no_column', 'config', `The check ${step.type} names no column`, {
    hint: `Write \`columns\` in it, or put it under the column's own \`checks\``,
  });
}

/** The columns that a check is about, as the relation has them. Throws `step/unknown_column` too. */
export function checkColumns(step: CheckStep, columns: readonly Column[]): Column[] {
  return requireColumns(columns, columnNames(step), `checks/${step.type}`);
}
