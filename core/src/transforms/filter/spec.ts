import { schema } from '../../spec/schema.ts';
import { defineSpec } from '../../spec/spec.ts';

export const filterSettings = schema({
  type: 'object',
  'x-shorthand': 'expression',
  additionalProperties: false,
  required: ['expression'],
  properties: {
    expression: {
      type: 'string',
      'x-kind': 'sql-expression',
      title: 'Condition',
      description:
        'Rows for which this is true stay. Rows for which it is false or null go, and are counted as filtered.',
      examples: ["country <> 'XX'", 'amount > 0 and email is not null'],
    },
  },
});

export const filterSpec = defineSpec({
  kind: 'transform',
  type: 'filter',
  title: 'Filter rows',
  text: 'Keeps the rows for which a condition is true.',
  settings: filterSettings,
  secrets: [],
  capabilities: { scope: 'sql' },
  examples: ["filter: country <> 'XX'", "filter: |-\n  status in ('paid', 'open')\n  and amount > 0"],
  notes:
    'The condition is DuckDB SQL over the columns of this step. Without window functions it runs on each part of the input by itself. ' +
    'With one, as in `row_number() over (partition by id order by updated_at desc) = 1`, it runs once over all rows of the run. ' +
    'An aggregate needs `over ()`. Functions whose answer changes from call to call (`random()`, `now()`) are allowed; two runs may then differ.',
});
