import { schema } from '../../spec/schema.ts';

/** What every source of a database's tables takes beside its connection. */
export const tableSettings = {
  table: {
    type: 'string',
    minLength: 1,
    description:
      'The table or view, with its schema before a dot where that is not the default one. Names are taken as they are written; one with a dot in it stands in double quotes. With `*` or `?` it is a pattern: every table that it matches becomes a stream of its own, under `streams`.',
    examples: ['public.orders', 'public.*'],
  },
  query: {
    type: 'string',
    minLength: 1,
    description: "One SELECT in the database's own SQL, instead of a table.",
    examples: ['SELECT id, total FROM orders JOIN customers USING (customer_id)'],
  },
  where: {
    type: 'string',
    minLength: 1,
    description: "A condition in the database's own SQL: other rows are not read.",
    examples: ["status <> 'draft'"],
  },
} as const;

export const tableSynonyms = {
  tables: 'table',
  sql: 'query',
  select: 'query',
  filter: 'where',
  condition: 'where',
  partition_column: 'partition_on',
  partition_by: 'partition_on',
  split_column: 'partition_on',
} as const;

/** The settings of a source that reads a table as one part. */
export const tableSource = schema({
  type: 'object',
  properties: tableSettings,
  additionalProperties: false,
  'x-synonyms': tableSynonyms,
});

export const partitionOn = schema({
  type: 'string',
  minLength: 1,
  'x-kind': 'column',
  description:
    'A column of whole numbers or dates by whose ranges a large table is read in parts, side by side. Left out: what the system can do by itself.',
  examples: ['order_id'],
});

/** The settings of a source that can read a table in parts. */
export const partedSource = schema({
  type: 'object',
  properties: { ...tableSettings, partition_on: partitionOn },
  additionalProperties: false,
  'x-synonyms': tableSynonyms,
});

/** Settings that say what is read: a checkpoint belongs to them. */
export const tableAddress = ['url', 'host', 'port', 'database', 'path', 'table', 'query'];
