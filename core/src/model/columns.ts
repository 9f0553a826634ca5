import { SluiceError } from './error.ts';
import { ident } from './sql.ts';
import type { Column } from './type.ts';

/** Columns whose names begin so belong to the engine: they travel with a row and are never written as data. */
export const HIDDEN_PREFIX = '_sluice_';

export function isHidden(name: string): boolean {
  return name.toLowerCase().startsWith(HIDDEN_PREFIX);
}

export function userColumns(columns: readonly Column[]): Column[] {
  return columns.filter((column) => !isHidden(column.name));
}

export function hiddenColumns(columns: readonly Column[]): Column[] {
  return columns.filter((column) => isHidden(column.name));
}

/** Numbers of the items that an exploded row was made of, outermost first (a list of BIGINT). */
export const ITEM_COLUMN = '_sluice_item';

/** Names that say where a row came from, most significant first: file, row of it, item of an exploded row. */
const PLACE_COLUMNS = ['_sluice_file', '_sluice_row', ITEM_COLUMN];

/**
 * Order of rows by where they came from, for ORDER BY: with it an answer does not depend on the number of tasks (I11).
 * Empty where the relation has none of these columns.
 */
export function placeOrder(columns: readonly Column[], direction: 'ASC' | 'DESC'): string[] {
  const names = new Set(columns.map((column) => column.name));
  return PLACE_COLUMNS.filter((name) => names.has(name)).map((name) => `${ident(name)} ${direction}`);
}

/** The column by its name; names that differ only in case are one name, as in the engine. */
export function findColumn(columns: readonly Column[], name: string): Column | undefined {
  const lower = name.toLowerCase();
  return (
    columns.find((column) => column.name === name) ?? columns.find((column) => column.name.toLowerCase() === lower)
  );
}

/**
 * The columns by their names as a step's settings give them.
 * Throws `step/unknown_column` or `step/reserved_name`; `step` names the step in the message.
 */
export function requireColumns(columns: readonly Column[], names: readonly string[], step: string): Column[] {
  return names.map((name) => {
    refuseHidden(name, step);
    const found = findColumn(columns, name);
    if (found) return found;
    const known = userColumns(columns).map((column) => column.name);
    throw new SluiceError('step/unknown_column', 'config', `${step}: there is no column "${name}" here`, {
      where: { column: name },
      hint: known.length > 0 ? `The columns at this step are: ${known.join(', ')}` : 'No column is left at this step',
    });
  });
}

/** Throws `step/reserved_name` where a name belongs to the engine. */
export function refuseHidden(name: string, step: string): void {
  if (!isHidden(name)) return;
  throw new SluiceError('step/reserved_name', 'config', `${step}: the name "${name}" is reserved`, {
    where: { column: name },
    hint: `Names that begin with ${HIDDEN_PREFIX} belong to Sluice; use another name`,
  });
}
