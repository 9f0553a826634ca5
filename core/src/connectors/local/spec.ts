import { compression } from '../../spec/compression.ts';
import { schema } from '../../spec/schema.ts';
import { defineSpec } from '../../spec/spec.ts';

export const sourceSpec = defineSpec({
  kind: 'source',
  type: 'local',
  title: 'Local files',
  text: 'Files of a folder on this machine. Paths are relative to the project folder, or to the `root` of the connection.',
  settings: schema({
    type: 'object',
    properties: {
      path: {
        type: 'string',
        'x-kind': 'glob',
        minLength: 1,
        description: 'One file or a pattern: `*` within a folder, `**` across folders, `{a,b}` either.',
        examples: ['in/orders.csv', 'landing/**/*.parquet'],
      },
      exclude: {
        type: 'array',
        'x-shorthand': '',
        items: { type: 'string', 'x-kind': 'glob', minLength: 1 },
        description: 'Patterns of files that `path` matches and that are left out.',
      },
      min_age: {
        type: 'string',
        'x-kind': 'duration',
        default: '0s',
        description: 'Files changed more recently wait for a later run: for files that are still being written.',
      },
      compression,
      after_load: {
        type: 'string',
        enum: ['keep'],
        'x-enum-text': ['The file stays where it is.'],
        default: 'keep',
        description: 'What happens to a file once its rows are committed.',
      },
    },
    required: ['path'],
    additionalProperties: false,
    'x-synonyms': { paths: 'path', file: 'path', files: 'path', glob: 'path', pattern: 'path' },
  }),
  connection: schema({
    type: 'object',
    properties: {
      root: {
        type: 'string',
        'x-kind': 'path',
        description: 'Folder that paths start from; relative to the project folder.',
        examples: ['/srv/landing'],
      },
    },
    additionalProperties: false,
    'x-synonyms': { base_path: 'root', directory: 'root' },
  }),
  secrets: [],
  capabilities: { yields: 'bytes', batch: true, streaming: false, placement: 'node' },
  examples: ['type: local\npath: in/orders-*.csv\nmin_age: 30s\n'],
});
