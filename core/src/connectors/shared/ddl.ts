import type { EpochCommit } from '../../model/component.ts';
import { SluiceError } from '../../model/error.ts';
import { ident } from '../../model/sql.ts';
import type { Column } from '../../model/type.ts';
import { type Dialect, SOFT_DELETE_COLUMN, type TableShape } from './tables.ts';

/** A CREATE TABLE; `name` is quoted already. */
export function createTable(name: string, shape: Omit<TableShape, 'name'>, dialect: Dialect, prefix = 'TABLE'): string {
  const columns = shape.columns.map((c) => `${ident(c.name)} ${dialect.type(c.type, c.native)}`);
  const key =
    dialect.keys && shape.primaryKey.length > 0
      ? [`PRIMARY KEY (${shape.primaryKey.map((n) => ident(n)).join(', ')})`]
      : [];
  return `CREATE ${prefix} ${name} (${[...columns, ...key].join(', ')})`;
}

/** Columns that a destination table has to have after an epoch: those of its rows, and the soft delete mark where asked for. */
export function wantedColumns(epoch: EpochCommit): Column[] {
  return epoch.deletes === 'soft' ? [...epoch.columns, SOFT_DELETE_COLUMN] : [...epoch.columns];
}

export interface TablePlan {
  /** Columns of a new table; null where the table stands. */
  create: Column[] | null;
  add: Column[];
  alter: Column[];
}

/**
 * What has to be done to the destination table before an epoch's rows fit. `same` compares names by the system's own rule.
 * Steps that were done already are left out, so that a repeated epoch plans nothing twice.
 */
export function planTable(
  existing: readonly Column[] | null,
  epoch: EpochCommit,
  same: (a: string, b: string) => boolean,
): TablePlan {
  if (existing === null) return { create: wantedColumns(epoch), add: [], alter: [] };
  const find = (name: string) => existing.find((c) => same(c.name, name));
  const mark = epoch.deletes === 'soft' ? [SOFT_DELETE_COLUMN] : [];
  return {
    create: null,
    add: [...epoch.addColumns, ...mark].filter((c) => !find(c.name)),
    alter: epoch.alterColumns.filter((c) => find(c.name)),
  };
}

/** Refuses names that the system would cut off (two long names would then meet) and names that meet by its own rule. */
export function checkNames(
  names: { kind: string; name: string }[],
  limits: { bytes: number | null; fold: (name: string) => string },
): void {
  const seen = new Map<string, string>();
  for (const { kind, name } of names) {
    const bytes = new TextEncoder().encode(name).length;
    if (limits.bytes !== null && bytes > limits.bytes)
      throw new SluiceError(
        'destination/name-too-long',
        'config',
        `The ${kind} name "${name}" has ${bytes} bytes; the destination keeps ${limits.bytes}.`,
        { hint: `Give the ${kind} a shorter name.` },
      );
    if (kind !== 'column') continue;
    const folded = limits.fold(name);
    const other = seen.get(folded);
    if (other !== undefined)
      throw new SluiceError(
        'destination/duplicate-column',
        'config',
        `The columns "${other}" and "${name}" are the same to the destination.`,
        { hint: 'Rename one of them under `columns`.', where: { column: name } },
      );
    seen.set(folded, name);
  }
}
