import { afterLoad } from '../../spec/after-load.ts';
import { compression } from '../../spec/compression.ts';
import { schema } from '../../spec/schema.ts';

/** Keys that every source of remote files has; `min_age` differs in its default. */
export const filePath = schema({
  type: 'string',
  'x-kind': 'glob',
  minLength: 1,
  description: 'One file or a pattern: `*` within a folder, `**` across folders, `{a,b}` either.',
  examples: ['exports/orders.csv', 'landing/**/*.csv'],
});

export const fileExclude = schema({
  type: 'array',
  'x-shorthand': '',
  items: { type: 'string', 'x-kind': 'glob', minLength: 1 },
  description: 'Patterns of files that `path` matches and that are left out.',
});

export const fileRegex = schema({
  type: 'string',
  'x-kind': 'regex',
  minLength: 1,
  description: 'Of the files that `path` matches, only those in whose whole path this is found.',
  examples: ['^logs/[0-9]{4}/'],
});

export const FILE_SYNONYMS = { paths: 'path', file: 'path', files: 'path', glob: 'path', pattern: 'path', key: 'path' };

/** How old a file has to be; `why` says what for. */
export function minAge(least: string, why: string) {
  return { type: 'string', 'x-kind': 'duration', default: least, description: why } as const;
}

/** Folder that a file server's paths start from. */
export const serverRoot = schema({
  type: 'string',
  minLength: 1,
  description: 'Folder of the server that paths start from. Left out: the one of the login.',
  examples: ['/exports'],
});

/** What a source of a file server's folders takes beside its connection. */
export const serverFiles = schema({
  type: 'object',
  properties: {
    path: filePath,
    exclude: fileExclude,
    regex: fileRegex,
    min_age: minAge('30s', 'Files changed more recently wait for a later run: they may still be written.'),
    compression,
    after_load: afterLoad,
  },
  required: ['path'],
  additionalProperties: false,
  'x-synonyms': FILE_SYNONYMS,
});
