import type { Check } from '../../model/component.ts';
import { ident } from '../../model/sql.ts';
import { checkColumns, columnNames } from '../columns.ts';

/** A row fails where one of the columns is null. Throws `step/unknown_column`, `check/no_column`. */
export const notNull: Check = {
  scope: () => 'row',
  failing(step, columns) {
    const names = checkColumns(step, columns).map((column) => `${ident(column.name)} IS NULL`);
    return `(${names.join(' OR ')})`;
  },
  describe: (step) => `null in ${columnNames(step).join(', ')}`,
  userSql: () => [],
};
