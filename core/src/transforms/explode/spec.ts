import { schema } from '../../spec/schema.ts';
import { defineSpec } from '../../spec/spec.ts';

export const explodeSettings = schema({
  type: 'object',
  'x-shorthand': 'column',
  additionalProperties: false,
  required: ['column'],
  'x-synonyms': { field: 'column' },
  properties: {
    column: {
      type: 'string',
      minLength: 1,
      'x-kind': 'column',
      title: 'Column',
      description: 'The list, or json column of lists, whose items become rows.',
      examples: ['tags'],
    },
  },
});

export const explodeSpec = defineSpec({
  kind: 'transform',
  type: 'explode',
  title: 'Explode',
  text: 'Yields a row for each item of a list; the column then holds the item.',
  settings: explodeSettings,
  secrets: [],
  capabilities: { scope: 'row' },
  examples: ['explode: {column: tags}', 'explode:\n  column: items'],
  notes:
    'The other columns are repeated. A row whose list is empty or null yields no row; derive `coalesce(tags, [null])` first to keep it. ' +
    'An item that is null yields a row. Where more rows come out than went in the difference counts as rows added, else as filtered. ' +
    'Items that are objects are structs: `flatten` them next. A json value that is no list ends the run.',
});
