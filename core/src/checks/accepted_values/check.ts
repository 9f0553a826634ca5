import type { Check } from '../../model/component.ts';
import type { CheckStep } from '../../model/job.ts';
import { ident } from '../../model/sql.ts';
import type { Infer } from '../../spec/schema.ts';
import { checkColumns, columnNames } from '../columns.ts';
import { valueSql } from '../values.ts';
import type { acceptedValuesSettings } from './spec.ts';

/**
 * A row fails where a column holds a value outside of the list; null passes.
 * Throws `step/unknown_column`, `check/no_column`, `check/type`, `check/value`.
 */
export const acceptedValues: Check = {
  scope: () => 'row',
  failing(step, columns) {
    const tests = checkColumns(step, columns).map((column) => {
      const list = values(step).map((value) => valueSql(step, column, value));
      return `${ident(column.name)} NOT IN (${list.join(', ')})`;
    });
    return `(${tests.join(' OR ')})`;
  },
  describe: (step) => `${columnNames(step).join(', ')} is none of ${values(step).join(', ')}`,
  userSql: () => [],
};

function values(step: CheckStep): string[] {
  return (step.settings as Infer<typeof acceptedValuesSettings>).values;
}
