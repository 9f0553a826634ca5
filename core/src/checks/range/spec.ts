import { checkedColumns } from '../../spec/check-columns.ts';
import { onFailure } from '../../spec/on-failure.ts';
import { schema } from '../../spec/schema.ts';
import { defineSpec } from '../../spec/spec.ts';

export const rangeSettings = schema({
  type: 'object',
  additionalProperties: false,
  'x-synonyms': { minimum: 'min', maximum: 'max', min_value: 'min', max_value: 'max', from: 'min', to: 'max' },
  properties: {
    min: {
      type: 'string',
      minLength: 1,
      title: 'Least',
      description: 'A lesser value fails; this one passes.',
      examples: ['0', '2020-01-01'],
    },
    max: {
      type: 'string',
      minLength: 1,
      title: 'Greatest',
      description: 'A greater value fails; this one passes.',
      examples: ['100', '2030-12-31'],
    },
    columns: checkedColumns,
    on_failure: onFailure,
  },
});

export const rangeSpec = defineSpec({
  kind: 'check',
  type: 'range',
  title: 'Range',
  text: 'A row fails where the value lies outside of the bounds. Both bounds are included.',
  settings: rangeSettings,
  secrets: [],
  capabilities: { scope: 'row', column_check: true },
  examples: [
    'range: {min: 0, columns: [amount], on_failure: quarantine}',
    'range:\n  columns: [ordered_at, shipped_at]\n  min: 2024-01-01\n  max: 2030-12-31',
  ],
  notes:
    'For columns of numbers, dates and times; a text has to get such a type first. Null passes; add `not_null` to refuse it. ' +
    'A bound of a timestamptz without a zone is UTC.',
});
