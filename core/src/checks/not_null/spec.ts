import { onFailure } from '../../spec/on-failure.ts';
import { schema } from '../../spec/schema.ts';
import { defineSpec } from '../../spec/spec.ts';

export const notNullSettings = schema({
  type: 'object',
  'x-shorthand': 'columns',
  additionalProperties: false,
  properties: {
    columns: {
      type: 'array',
      minItems: 1,
      uniqueItems: true,
      title: 'Columns',
      description: 'The columns that have to hold a value. Left out under a column: that column.',
      examples: [['customer_id', 'email']],
      items: {
        type: 'string',
        minLength: 1,
        'x-kind': 'column',
        title: 'Column',
        description: 'Name of a column after the transforms.',
        examples: ['customer_id'],
      },
    },
    on_failure: onFailure,
  },
});

export const notNullSpec = defineSpec({
  kind: 'check',
  type: 'not_null',
  title: 'Not null',
  text: 'A row fails where the column is null. An empty text is a value.',
  settings: notNullSettings,
  secrets: [],
  capabilities: { scope: 'row', column_check: true, sees_through: ['hash', 'partial'] },
  examples: ['not_null: {on_failure: quarantine}', 'not_null: [customer_id, email]'],
});
