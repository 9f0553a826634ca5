import type { Check } from '../../model/component.ts';
import { SluiceError } from '../../model/error.ts';
import type { CheckStep } from '../../model/job.ts';
import { sqlScope, sqlShape } from '../../model/sql-scope.ts';
import { wrapExpression } from '../../model/sql-wrap.ts';
import type { Infer } from '../../spec/schema.ts';
import type { expressionSettings } from './spec.ts';

/**
 * A condition of the user's. In row scope it judges each row (`failing`); with an aggregate or window function it judges all
 * rows at once (`verdict`). Null passes. `verdict` throws `check/on_failure` where single rows would have to be set aside.
 */
export const expression: Check & Required<Pick<Check, 'failing' | 'verdict'>> = {
  scope: (step) => sqlScope(text(step)),
  failing: (step) => (sqlScope(text(step)) === 'run' ? 'false' : `(${wrapExpression(text(step))} IS FALSE)`),
  verdict(step) {
    if (step.on_failure === 'discard' || step.on_failure === 'quarantine') {
      throw new SluiceError(
        'check/on_failure',
        'config',
        `The check expression judges all rows at once, so on_failure cannot be ${step.on_failure}`,
        { hint: 'Use fail or warn; to set rows aside, derive a column first and check that' },
      );
    }
    const broken = `${wrapExpression(text(step))} IS FALSE`;
    if (sqlShape(text(step)).aggregate) {
      return `SELECT ${broken} AS failed, 'false over all rows' AS detail FROM "input"`;
    }
    return `SELECT count(*) > 0 AS failed, 'false for ' || count(*) || ' rows' AS detail FROM (SELECT ${broken} AS broken FROM "input") WHERE broken`;
  },
  describe: (step) => `the condition is false: ${text(step).trim()}`,
  userSql: (step) => [{ sql: text(step), form: 'expression' }],
  partitionKey: () => null,
};

function text(step: CheckStep): string {
  return (step.settings as Infer<typeof expressionSettings>).sql;
}
