import { schema } from '../../spec/schema.ts';
import { defineSpec } from '../../spec/spec.ts';

export const flattenSettings = schema({
  type: 'object',
  'x-shorthand': 'column',
  additionalProperties: false,
  required: ['column'],
  'x-synonyms': { field: 'column', keys: 'fields', separator: 'prefix' },
  properties: {
    column: {
      type: 'string',
      minLength: 1,
      'x-kind': 'column',
      title: 'Column',
      description: 'The struct or json column that its fields replace.',
      examples: ['address'],
    },
    prefix: {
      type: 'string',
      title: 'Prefix',
      description: "Stands before the fields' names. Left out: the column's name and `_`; empty: nothing.",
      examples: ['address_', ''],
    },
    fields: {
      type: 'array',
      minItems: 1,
      uniqueItems: true,
      title: 'Fields',
      description: 'The fields to take. Left out: all those of a struct; a json column has to name them.',
      examples: [['street', 'city']],
      items: {
        type: 'string',
        minLength: 1,
        title: 'Field',
        description: 'Name of a field of the column.',
        examples: ['city'],
      },
    },
  },
});

export const flattenSpec = defineSpec({
  kind: 'transform',
  type: 'flatten',
  title: 'Flatten',
  text: 'Replaces a column of objects by a column for each of their fields.',
  settings: flattenSettings,
  secrets: [],
  capabilities: { scope: 'row', columns: 'replace' },
  examples: ['flatten: {column: address}', "flatten:\n  column: address\n  prefix: ''\n  fields: [city]"],
  notes:
    "The new columns stand in the old one's place; a name that another column has is an error. One level is taken: flatten again for the next. " +
    'The fields of a struct keep their types, those of a json column are text, and json text where they are objects or lists; a number with a fraction is printed as a double. ' +
    'Declare the column as `struct<…>` to give them types. Where the value is null, so are all fields; a json value that is no object ends the run.',
});
