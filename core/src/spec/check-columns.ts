import { schema } from './schema.ts';

/** The columns that a check of values is about. */
export const checkedColumns = schema({
  type: 'array',
  minItems: 1,
  uniqueItems: true,
  title: 'Columns',
  description: 'The columns to look at. Left out under a column: that column.',
  examples: [['price', 'discount']],
  items: {
    type: 'string',
    minLength: 1,
    'x-kind': 'column',
    title: 'Column',
    description: 'Name of a column after the transforms.',
    examples: ['price'],
  },
});
