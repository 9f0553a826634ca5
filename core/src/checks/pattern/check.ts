import type { Check } from '../../model/component.ts';
import type { CheckStep } from '../../model/job.ts';
import { ident, literal } from '../../model/sql.ts';
import type { Infer } from '../../spec/schema.ts';
import { checkColumns, columnNames } from '../columns.ts';
import { unfit } from '../values.ts';
import type { patternSettings } from './spec.ts';

/**
 * A row fails where the expression is found nowhere in a column's value; null passes.
 * Throws `step/unknown_column`, `check/no_column`, `check/type`.
 */
export const pattern: Check = {
  scope: () => 'row',
  failing(step, columns) {
    const tests = checkColumns(step, columns).map((column) => {
      if (column.type.kind === 'binary') throw unfit(step, column, 'a text');
      return `NOT regexp_matches(${ident(column.name)}::VARCHAR, ${literal(regex(step))})`;
    });
    return `(${tests.join(' OR ')})`;
  },
  describe: (step) => `${columnNames(step).join(', ')} does not match ${regex(step)}`,
  userSql: () => [],
};

function regex(step: CheckStep): string {
  return (step.settings as Infer<typeof patternSettings>).regex;
}
