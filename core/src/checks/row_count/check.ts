import type { Check } from '../../model/component.ts';
import { SluiceError } from '../../model/error.ts';
import type { CheckStep } from '../../model/job.ts';
import type { Infer } from '../../spec/schema.ts';
import type { rowCountSettings } from './spec.ts';

/** The number of rows against its bounds. Throws `check/bounds` where there is none or they exclude every number. */
export const rowCount: Check = {
  scope: () => 'run',
  verdict(step) {
    const { min, max } = bounds(step);
    const tests = [
      ...(min === undefined ? [] : [`count(*) < ${min}`]),
      ...(max === undefined ? [] : [`count(*) > ${max}`]),
    ];
    return `SELECT ${tests.join(' OR ')} AS failed, count(*) || ' rows, expected ${words(step)}' AS detail FROM "input"`;
  },
  byCount(step, rows) {
    const { min, max } = bounds(step);
    const failed = (min !== undefined && rows < min) || (max !== undefined && rows > max);
    return { failed, detail: `${rows} rows, expected ${words(step)}` };
  },
  describe: (step) => `the number of rows is not ${words(step)}`,
  userSql: () => [],
  partitionKey: () => null,
};

function bounds(step: CheckStep): { min?: number; max?: number } {
  const { min, max } = step.settings as Infer<typeof rowCountSettings>;
  const open = min === undefined && max === undefined;
  if (open || (min !== undefined && max !== undefined && min > max)) {
    const what = open ? 'has neither min nor max' : `has min ${min} above max ${max}`;
    throw new SluiceError('check/bounds', 'config', `The check row_count ${what}`, { hint: 'Write min, max or both' });
  }
  for (const bound of [min, max]) {
    if (bound === undefined || Number.isSafeInteger(bound)) continue;
    throw new SluiceError('check/bounds', 'config', 'A bound of row_count is not a whole number', {
      hint: 'Write it in digits',
    });
  }
  return { ...(min === undefined ? {} : { min }), ...(max === undefined ? {} : { max }) };
}

function words(step: CheckStep): string {
  const { min, max } = bounds(step);
  if (min === undefined) return `at most ${max}`;
  return max === undefined ? `at least ${min}` : `between ${min} and ${max}`;
}
