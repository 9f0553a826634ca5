import { schema } from '../../spec/schema.ts';
import { defineSpec } from '../../spec/spec.ts';

export const deriveSettings = schema({
  type: 'object',
  'x-shorthand': 'columns',
  additionalProperties: false,
  required: ['columns'],
  properties: {
    columns: {
      type: 'array',
      minItems: 1,
      title: 'New columns',
      description: 'Columns to compute, one after the other: each expression sees those before it in the list.',
      examples: [[{ name: 'full_name', expression: "first || ' ' || last" }]],
      items: {
        type: 'object',
        title: 'New column',
        description: 'A name and the expression that gives its value.',
        examples: [{ name: 'full_name', expression: "first || ' ' || last" }],
        additionalProperties: false,
        required: ['name', 'expression'],
        properties: {
          name: {
            type: 'string',
            'x-kind': 'new-column',
            minLength: 1,
            title: 'Name',
            description: 'Name of the column. A column that has this name already is replaced in its place.',
            examples: ['full_name'],
          },
          expression: {
            type: 'string',
            'x-kind': 'sql-expression',
            title: 'Expression',
            description: 'SQL that gives the value, over the columns of this step.',
            examples: ["first || ' ' || last", 'round(amount * 1.19, 2)'],
          },
        },
      },
    },
  },
});

export const deriveSpec = defineSpec({
  kind: 'transform',
  type: 'derive',
  title: 'Derive columns',
  text: 'Adds computed columns, or replaces columns by computed ones.',
  settings: deriveSettings,
  secrets: [],
  capabilities: { scope: 'sql', columns: 'add' },
  examples: [
    "derive:\n  - name: full_name\n    expression: first || ' ' || last",
    'derive:\n  - name: net\n    expression: gross / 1.19\n  - name: tax\n    expression: gross - net',
  ],
  notes:
    'The type of a new column is what the expression yields; list it under `columns` with `derived: true` to pin another. ' +
    'With a window function in one of the expressions the step runs once over all rows of the run; an aggregate needs `over ()`. ' +
    'Functions whose answer changes from call to call (`random()`, `now()`) are allowed; two runs may then differ.',
});
