import { schema } from '../../spec/schema.ts';
import { defineSpec } from '../../spec/spec.ts';

export const dedupeSettings = schema({
  type: 'object',
  additionalProperties: false,
  required: ['key'],
  'x-synonyms': { columns: 'key', primary_key: 'key', unique_key: 'key', keys: 'key', order: 'order_by' },
  properties: {
    key: {
      type: 'array',
      minItems: 1,
      uniqueItems: true,
      'x-shorthand': '',
      title: 'Key',
      description: 'Rows with the same values in these columns are one. Nulls are equal to each other, as in GROUP BY.',
      examples: [['customer_id'], ['invoice_id', 'line_no']],
      items: {
        type: 'string',
        minLength: 1,
        'x-kind': 'column',
        title: 'Column',
        description: 'Name of a column as this step sees it.',
        examples: ['customer_id'],
      },
    },
    order_by: {
      type: 'string',
      'x-kind': 'sql-order',
      title: 'Order',
      description:
        'The first row of each key in this order stays. Among equals, and where this is left out, the row of the later file stays, then the later row of a file.',
      examples: ['updated_at desc', 'priority, updated_at desc'],
    },
  },
});

export const dedupeSpec = defineSpec({
  kind: 'transform',
  type: 'dedupe',
  title: 'Remove duplicates',
  text: 'Keeps one row of each key and counts the others as filtered.',
  settings: dedupeSettings,
  secrets: [],
  capabilities: { scope: 'run' },
  examples: ['dedupe:\n  key: [customer_id]\n  order_by: updated_at desc', 'dedupe:\n  key: [invoice_id, line_no]'],
  notes:
    'Runs once over all rows of the run. Nulls in `order_by` come last unless it says `nulls first`. ' +
    'An order that is no function of the row (`random()`) makes two runs differ.',
});
