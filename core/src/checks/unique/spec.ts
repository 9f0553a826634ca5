import { onFailure } from '../../spec/on-failure.ts';
import { schema } from '../../spec/schema.ts';
import { defineSpec } from '../../spec/spec.ts';

export const uniqueSettings = schema({
  type: 'object',
  'x-shorthand': 'columns',
  additionalProperties: false,
  'x-synonyms': { key: 'columns', combination_of_columns: 'columns' },
  properties: {
    columns: {
      type: 'array',
      minItems: 1,
      uniqueItems: true,
      title: 'Columns',
      description: 'Columns whose values together may stand in one row only. Left out under a column: that column.',
      examples: [['invoice_id', 'line_no']],
      items: {
        type: 'string',
        minLength: 1,
        'x-kind': 'column',
        title: 'Column',
        description: 'Name of a column after the transforms.',
        examples: ['invoice_id'],
      },
    },
    on_failure: onFailure,
  },
});

export const uniqueSpec = defineSpec({
  kind: 'check',
  type: 'unique',
  title: 'Unique',
  text: 'Every row after the first with the same values fails.',
  settings: uniqueSettings,
  secrets: [],
  capabilities: { scope: 'run', column_check: true, sees_through: ['hash'] },
  examples: ['unique: [invoice_id, line_no]', 'unique: {columns: [email], on_failure: warn}'],
  notes:
    'Looks at the rows of the run, not at rows that are in the destination already. The first row is that of the earliest file, then the earliest row. ' +
    'A row with a null in one of the columns never fails, as with UNIQUE in SQL; add `not_null` to refuse nulls.',
});
