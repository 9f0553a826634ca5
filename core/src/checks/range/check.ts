import type { Check } from '../../model/component.ts';
import { SluiceError } from '../../model/error.ts';
import type { CheckStep } from '../../model/job.ts';
import { ident } from '../../model/sql.ts';
import type { Column, DataType } from '../../model/type.ts';
import type { Infer } from '../../spec/schema.ts';
import { checkColumns, columnNames } from '../columns.ts';
import { unfit, valueSql } from '../values.ts';
import type { rangeSettings } from './spec.ts';

const ORDERED: ReadonlySet<DataType['kind']> = new Set([
  'int',
  'bigint',
  'decimal',
  'double',
  'date',
  'time',
  'timestamp',
  'timestamptz',
]);

/**
 * A row fails where a column's value is below `min` or above `max`; null passes. Throws `step/unknown_column`,
 * `check/no_column`, `check/bounds`, `check/type`, `check/value`.
 */
export const range: Check = {
  scope: () => 'row',
  failing(step, columns) {
    const tests = checkColumns(step, columns).flatMap((column) => outside(step, column));
    return `(${tests.join(' OR ')})`;
  },
  describe: (step) => `${columnNames(step).join(', ')} is not ${words(step)}`,
  userSql: () => [],
};

function outside(step: CheckStep, column: Column): string[] {
  const { min, max } = bounds(step);
  if (!ORDERED.has(column.type.kind)) throw unfit(step, column, 'a number, a date or a time');
  return [
    ...(min === undefined ? [] : [`${ident(column.name)} < ${valueSql(step, column, min)}`]),
    ...(max === undefined ? [] : [`${ident(column.name)} > ${valueSql(step, column, max)}`]),
  ];
}

function bounds(step: CheckStep): Infer<typeof rangeSettings> {
  const settings = step.settings as Infer<typeof rangeSettings>;
  const { min, max } = settings;
  const open = min === undefined && max === undefined;
  const crossed = min !== undefined && max !== undefined && Number(min) > Number(max);
  if (!open && !crossed) return settings;
  const what = open ? 'has neither min nor max' : `has min ${min} above max ${max}`;
  throw new SluiceError('check/bounds', 'config', `The check range ${what}`, { hint: 'Write min, max or both' });
}

function words(step: CheckStep): string {
  const { min, max } = bounds(step);
  if (min === undefined) return `at most ${max}`;
  return max === undefined ? `at least ${min}` : `between ${min} and ${max}`;
}
