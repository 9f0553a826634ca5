import { schema } from '../../spec/schema.ts';
import { defineSpec } from '../../spec/spec.ts';

export const selectSettings = schema({
  type: 'object',
  'x-shorthand': 'columns',
  additionalProperties: false,
  required: ['columns'],
  properties: {
    columns: {
      type: 'array',
      minItems: 1,
      uniqueItems: true,
      title: 'Columns',
      description: 'The columns to keep, in the order in which they are to stand.',
      examples: [['customer_id', 'email']],
      items: {
        type: 'string',
        minLength: 1,
        'x-kind': 'column',
        title: 'Column',
        description: 'Name of a column as this step sees it.',
        examples: ['customer_id'],
      },
    },
  },
});

export const selectSpec = defineSpec({
  kind: 'transform',
  type: 'select',
  title: 'Keep columns',
  text: 'Keeps the listed columns, in the order of the list, and drops the others.',
  settings: selectSettings,
  secrets: [],
  capabilities: { scope: 'row', columns: 'keep' },
  examples: ['select: [customer_id, email]', 'select:\n  - customer_id\n  - email'],
  notes: 'A name that is no column of this step is an error. Names that differ only in case are the same column.',
});
