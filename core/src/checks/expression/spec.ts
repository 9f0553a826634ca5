import { onFailure } from '../../spec/on-failure.ts';
import { schema } from '../../spec/schema.ts';
import { defineSpec } from '../../spec/spec.ts';

export const expressionSettings = schema({
  type: 'object',
  'x-shorthand': 'sql',
  additionalProperties: false,
  required: ['sql'],
  'x-synonyms': { expression: 'sql', condition: 'sql' },
  properties: {
    sql: {
      type: 'string',
      'x-kind': 'sql-expression',
      title: 'Condition',
      description: 'A row fails for which this is false. Null passes, as with CHECK in SQL.',
      examples: ['amount >= 0', 'count(distinct country) > 1'],
    },
    on_failure: onFailure,
  },
});

export const expressionSpec = defineSpec({
  kind: 'check',
  type: 'expression',
  title: 'SQL condition',
  text: 'A row fails for which the condition is false.',
  settings: expressionSettings,
  secrets: [],
  capabilities: { scope: 'sql' },
  examples: ['expression: {sql: amount >= 0, on_failure: quarantine}', 'expression: shipped_at >= ordered_at'],
  notes:
    'Null passes, as with CHECK in SQL: write `amount is not null and amount >= 0` to refuse it. ' +
    'With an aggregate (`sum(amount) > 0`) or a window function the condition is about all rows of the run at once and can only fail or warn; ' +
    'over no rows an aggregate but `count` is null, and passes.',
});
