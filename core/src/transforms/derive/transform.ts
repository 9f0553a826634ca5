import { findColumn, hiddenColumns, refuseHidden, userColumns } from '../../model/columns.ts';
import type { Transform } from '../../model/component.ts';
import { SluiceError } from '../../model/error.ts';
import type { JsonObject } from '../../model/json.ts';
import { ident } from '../../model/sql.ts';
import { sqlScope, sqlShape } from '../../model/sql-scope.ts';
import { wrapExpression } from '../../model/sql-wrap.ts';
import type { Infer } from '../../spec/schema.ts';
import type { deriveSettings } from './spec.ts';

type Item = Infer<typeof deriveSettings>['columns'][number];

/**
 * Adds or replaces columns. Each expression stands in a SELECT of its own over the one before, so that a name means the
 * latest column of that name. Throws `step/reserved_name`, `sql/aggregate`.
 */
export const derive: Transform = {
  scope: (settings) => (items(settings).some((item) => sqlScope(item.expression) === 'run') ? 'run' : 'row'),
  keepsRows: true,
  sql(settings, input) {
    let columns = userColumns(input);
    const hidden = hiddenColumns(input).map((column) => ident(column.name));
    let from = '"input"';
    let sql = 'SELECT * FROM "input"';
    for (const item of items(settings)) {
      refuse(item);
      const value = `${wrapExpression(item.expression)} AS ${ident(item.name)}`;
      const replaced = findColumn(columns, item.name);
      const list = columns.map((column) => (column === replaced ? value : ident(column.name)));
      if (!replaced) list.push(value);
      sql = `SELECT ${[...list, ...hidden].join(', ')} FROM ${from}`;
      from = `(${sql}) AS "input"`;
      const made = { name: item.name, type: { kind: 'text' } } as const;
      columns = replaced ? columns.map((column) => (column === replaced ? made : column)) : [...columns, made];
    }
    return sql;
  },
  userSql: (settings) => items(settings).map((item) => ({ sql: item.expression, form: 'expression' })),
};

function items(settings: JsonObject): Item[] {
  return (settings as Infer<typeof deriveSettings>).columns;
}

function refuse(item: Item): void {
  refuseHidden(item.name, 'derive');
  if (!sqlShape(item.expression).aggregate) return;
  throw new SluiceError('sql/aggregate', 'config', `derive ${item.name}: an aggregate has one answer for all rows`, {
    where: { column: item.name },
    hint: 'Write it over the rows: max(amount) over ()',
  });
}
