import { schema } from '../../spec/schema.ts';
import { defineSpec } from '../../spec/spec.ts';

export const sqlSettings = schema({
  type: 'object',
  'x-shorthand': 'query',
  additionalProperties: false,
  required: ['query'],
  properties: {
    query: {
      type: 'string',
      'x-kind': 'sql-query',
      title: 'Query',
      description: 'One SELECT over the relation `input`. Its columns and rows are what the next step sees.',
      examples: ['select country, count(*) as customers from input group by country'],
    },
  },
});

export const sqlSpec = defineSpec({
  kind: 'transform',
  type: 'sql',
  title: 'SQL query',
  text: 'Replaces the relation by the answer of one SELECT over `input`.',
  settings: sqlSettings,
  secrets: [],
  capabilities: { scope: 'run', columns: 'replace' },
  examples: [
    'sql: select country, count(*) as customers from input group by country',
    'sql: |-\n  with latest as (\n    select id, max(updated_at) as updated_at from input group by id\n  )\n  select input.* from input join latest using (id, updated_at)',
  ],
  notes:
    'Runs once over all rows of the run, and needs memory for what the query itself needs. It reads `input` and its own WITH names, nothing else: ' +
    'no files, no other tables, no settings. The rows that come out are new rows: they no longer know the file and row they came from. ' +
    'Of two columns with one name the second is renamed `name_1`; name it by AS.',
});
