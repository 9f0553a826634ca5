import { placeOrder, requireColumns } from '../../model/columns.ts';
import type { Transform } from '../../model/component.ts';
import type { JsonObject } from '../../model/json.ts';
import { ident } from '../../model/sql.ts';
import { plainSql } from '../../model/sql-wrap.ts';
import type { Infer } from '../../spec/schema.ts';
import type { dedupeSettings } from './spec.ts';

/** Keeps the first row of each key; the row's place breaks ties, so that the answer does not depend on tasks (I11). */
export const dedupe: Transform = {
  scope: () => 'run',
  sql(settings, input) {
    const { key, order_by } = read(settings);
    const partition = requireColumns(input, key, 'dedupe').map((column) => ident(column.name));
    const order = [...(order_by === undefined ? [] : [plainSql(order_by)]), ...placeOrder(input, 'DESC')];
    const orderBy = order.length > 0 ? ` ORDER BY ${order.join(', ')}` : '';
    return `SELECT * FROM "input" QUALIFY row_number() OVER (PARTITION BY ${partition.join(', ')}${orderBy}) = 1`;
  },
  userSql(settings) {
    const { order_by } = read(settings);
    return order_by === undefined ? [] : [{ sql: order_by, form: 'order' }];
  },
  partitionKey: (settings) => read(settings).key,
};

function read(settings: JsonObject): Infer<typeof dedupeSettings> {
  return settings as Infer<typeof dedupeSettings>;
}
