import type { Schema } from '../spec/schema.ts';

const runs: Schema = { type: 'integer', minimum: 1, maximum: 100_000 };

/** `concurrency` of sluice.yaml. */
export const concurrency: Schema = {
  type: 'object',
  title: 'Concurrency',
  description: 'How many runs of some jobs may go on at a time, over all daemons. A run beyond waits in the queue.',
  additionalProperties: false,
  minProperties: 1,
  properties: {
    tags: {
      type: 'object',
      minProperties: 1,
      additionalProperties: { ...runs, description: 'Runs of jobs with this tag at a time.' },
      description: 'By tag of the jobs.',
      examples: [{ heavy: 2 }],
    },
    connections: {
      type: 'object',
      minProperties: 1,
      additionalProperties: {
        ...runs,
        description: 'Runs of jobs that read or write through this connection at a time.',
      },
      description: 'By connection that a source or destination names.',
      examples: [{ crm: 1 }],
    },
  },
  'x-synonyms': { tag: 'tags', connection: 'connections', pools: 'tags', pool: 'tags' },
};
