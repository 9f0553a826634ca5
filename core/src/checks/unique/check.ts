import { placeOrder } from '../../model/columns.ts';
import type { Check } from '../../model/component.ts';
import { ident } from '../../model/sql.ts';
import { checkColumns, columnNames } from '../columns.ts';

/**
 * Every row after the first of its key fails, the place deciding which is first (I11); nulls are not compared.
 * Throws `step/unknown_column`, `check/no_column`.
 */
export const unique: Check = {
  scope: () => 'run',
  failing(step, columns) {
    const key = checkColumns(step, columns).map((column) => ident(column.name));
    const order = placeOrder(columns, 'ASC');
    const orderBy = order.length > 0 ? ` ORDER BY ${order.join(', ')}` : '';
    const known = key.map((name) => `${name} IS NOT NULL`).join(' AND ');
    return `(${known} AND row_number() OVER (PARTITION BY ${key.join(', ')}${orderBy}) > 1)`;
  },
  describe: (step) => `the values of ${columnNames(step).join(', ')} stand in an earlier row`,
  userSql: () => [],
  partitionKey: (step) => columnNames(step),
};
