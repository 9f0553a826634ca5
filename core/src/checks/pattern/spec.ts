import { checkedColumns } from '../../spec/check-columns.ts';
import { onFailure } from '../../spec/on-failure.ts';
import { schema } from '../../spec/schema.ts';
import { defineSpec } from '../../spec/spec.ts';

export const patternSettings = schema({
  type: 'object',
  'x-shorthand': 'regex',
  additionalProperties: false,
  required: ['regex'],
  'x-synonyms': { pattern: 'regex', regexp: 'regex', matches: 'regex' },
  properties: {
    regex: {
      type: 'string',
      minLength: 1,
      'x-kind': 'regex',
      title: 'Regular expression',
      description: 'A row fails where it is found nowhere in the value. Write `^…$` for the whole value.',
      examples: ['^[A-Z]{2}[0-9]{6}$'],
    },
    columns: checkedColumns,
    on_failure: onFailure,
  },
});

export const patternSpec = defineSpec({
  kind: 'check',
  type: 'pattern',
  title: 'Pattern',
  text: 'A row fails where a regular expression is not found in the value.',
  settings: patternSettings,
  secrets: [],
  capabilities: { scope: 'row', column_check: true },
  examples: [
    "pattern: {regex: '^[^@ ]+@[^@ ]+$', columns: [email], on_failure: quarantine}",
    "pattern:\n  columns: [country]\n  regex: '^[A-Z]{2}$'",
  ],
  notes:
    'The expression is RE2: without look-around and without back references. `(?i)` at its beginning takes upper and lower case for the same. ' +
    'Null passes; add `not_null` to refuse it. The values of other types are looked at as text.',
});
