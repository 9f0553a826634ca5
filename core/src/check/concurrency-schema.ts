import type { Schema } from '../spec/schema.ts';
import { child, type Node, textOf } from '../text/node.ts';
import type { Scope } from './scope.ts';

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

/**
 * The limits of sluice.yaml by the names of what they count, `tag:NAME` and `connection:NAME`. It is to be asked of a sluice.yaml
 * without errors: what is wrong is left out here.
 */
export function concurrencyLimits({ root }: Pick<Scope, 'root'>): Record<string, number> {
  const of = (kind: string, node: Node | undefined): [string, number][] => {
    const entries = node?.kind === 'map' ? node.entries : [];
    return entries.flatMap(({ key, value }) => {
      const limit = Number(textOf(value));
      return Number.isInteger(limit) && limit >= 1 ? [[`${kind}:${key.source}`, limit]] : [];
    });
  };
  const written = child(root, 'concurrency');
  return Object.fromEntries([...of('tag', child(written, 'tags')), ...of('connection', child(written, 'connections'))]);
}
