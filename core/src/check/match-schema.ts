import type { Schema } from '../spec/schema.ts';
import { object } from './object-schema.ts';

/** Which jobs an entry of sluice.yaml is about. */
export const jobMatch: Schema = {
  ...object('Which jobs. Left out: all of them.', {
    path: {
      type: 'array',
      items: { type: 'string', 'x-kind': 'glob' },
      'x-shorthand': '',
      description: 'Patterns of the job file, from the project folder.',
    },
    tags: {
      type: 'array',
      items: { type: 'string' },
      'x-shorthand': '',
      description: 'Jobs that carry all of these.',
    },
  }),
  minProperties: 1,
};
