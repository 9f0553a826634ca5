import { type Schema, schema } from './schema.ts';

const nothing: Schema = { type: 'object', properties: {}, additionalProperties: false };

/** What happens to a source's file once its rows are committed: one of three, of which left out is `keep`. */
export const afterLoad = schema({
  type: 'object',
  'x-step': true,
  additionalProperties: false,
  properties: {
    keep: { ...nothing, title: 'Keep', description: 'The file stays where it is.' },
    delete: { ...nothing, title: 'Delete', description: 'The file is deleted.' },
    move: {
      type: 'string',
      'x-kind': 'path',
      minLength: 1,
      title: 'Move',
      description:
        'The file goes into this folder below the root, under the folders that it had. Nothing there is overwritten: a second file of a name gets its time behind it.',
      examples: ['done'],
    },
  },
  'x-synonyms': { none: 'keep', nothing: 'keep', remove: 'delete', archive: 'move', move_to: 'move' },
  title: 'After the load',
  description:
    'What happens to a file once its rows are committed, never before. What a stopped run left undone the next one does. A file that has changed meanwhile stays; a new one of an old name wants `incremental: {type: files, on_change: reload}` to be appended. Left out: `keep`.',
  examples: ['delete', { move: 'done' }],
} as const);

export type AfterLoad = { keep: object } | { delete: object } | { move: string };
