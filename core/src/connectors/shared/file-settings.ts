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
