import type { Transform } from '../../model/component.ts';
import { SluiceError } from '../../model/error.ts';
import type { JsonObject } from '../../model/json.ts';
import { sqlScope, sqlShape } from '../../model/sql-scope.ts';
import { wrapExpression } from '../../model/sql-wrap.ts';
import type { Infer } from '../../spec/schema.ts';
import type { filterSettings } from './spec.ts';

type Settings = Infer<typeof filterSettings>;

/** Keeps the rows for which the condition is true. Throws `sql/aggregate` for an aggregate without OVER. */
export const filter: Transform = {
  scope: (settings) => sqlScope(read(settings).expression),
  sql(settings) {
    const { expression } = read(settings);
    const shape = sqlShape(expression);
    if (shape.aggregate) {
      throw new SluiceError('sql/aggregate', 'config', 'filter: an aggregate has one answer for all rows', {
        hint: 'Write it over the rows: max(amount) over ()',
      });
    }
    return `SELECT * FROM "input" ${shape.window ? 'QUALIFY' : 'WHERE'} ${wrapExpression(expression)}`;
  },
  condition: (settings) => (sqlScope(read(settings).expression) === 'row' ? read(settings).expression : null),
  userSql: (settings) => [{ sql: read(settings).expression, form: 'expression' }],
};

function read(settings: JsonObject): Settings {
  return settings as Settings;
}
