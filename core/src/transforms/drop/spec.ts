import { schema } from '../../spec/schema.ts';
import { defineSpec } from '../../spec/spec.ts';

export const dropSettings = schema({
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
      description: 'The columns to drop. The others keep their order.',
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

export const dropSpec = defineSpec({
  kind: 'transform',
  type: 'drop',
  title: 'Drop columns',
  text: 'Drops the listed columns and keeps the others.',
  settings: dropSettings,
  secrets: [],
  capabilities: { scope: 'row', columns: 'drop' },
  examples: ['drop: [customer_id, email]', 'drop:\n  - customer_id\n  - email'],
  notes: 'A name that is no column of this step is an error. Names that differ only in case are the same column.',
});
