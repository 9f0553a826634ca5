import { checkedColumns } from '../../spec/check-columns.ts';
import { onFailure } from '../../spec/on-failure.ts';
import { schema } from '../../spec/schema.ts';
import { defineSpec } from '../../spec/spec.ts';

export const acceptedValuesSettings = schema({
  type: 'object',
  'x-shorthand': 'values',
  additionalProperties: false,
  required: ['values'],
  'x-synonyms': { value_set: 'values', allowed: 'values', in: 'values' },
  properties: {
    values: {
      type: 'array',
      minItems: 1,
      uniqueItems: true,
      title: 'Values',
      description: 'The values that the column may hold.',
      examples: [['paid', 'open', 'void']],
      items: {
        type: 'string',
        title: 'Value',
        description: "A value as the column's type writes it; a text is compared letter by letter.",
        examples: ['paid'],
      },
    },
    columns: checkedColumns,
    on_failure: onFailure,
  },
});

export const acceptedValuesSpec = defineSpec({
  kind: 'check',
  type: 'accepted_values',
  title: 'Accepted values',
  text: 'A row fails where the column holds a value that is not in the list.',
  settings: acceptedValuesSettings,
  secrets: [],
  capabilities: { scope: 'row', column_check: true },
  examples: [
    'accepted_values: {values: [paid, open, void], columns: [status], on_failure: quarantine}',
    'accepted_values:\n  columns: [line_no]\n  values: [0, 1, 2]',
  ],
  notes: 'Null passes; add `not_null` to refuse it. An empty text is a value. `A` and `a` are two texts.',
});
