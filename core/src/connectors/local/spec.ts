import { afterLoad } from '../../spec/after-load.ts';
import { compression } from '../../spec/compression.ts';
import { schema } from '../../spec/schema.ts';
import { defineSpec } from '../../spec/spec.ts';
import { minAge } from '../shared/file-settings.ts';
import { FILE_TYPES, writtenFiles } from '../shared/files/settings.ts';

const NOTES = `${FILE_TYPES}
- \`path\` is a link to a version in the hidden folder \`.<name>.sluice\` beside it. Each commit is one folder below \`path\`, named by its
  number and commit id, written and made durable elsewhere and renamed into place once. Read \`path/**/*.parquet\` (\`.csv\`, \`.ndjson\`, \`.arrow\`).
- \`append\` adds a folder. \`replace\` makes a new version and swaps the link by a rename: readers see the old files or the new ones. The
  version before stays until the next commit, for readers that still have it open.
- A folder that was there before is appended to as it is; one that holds files of others cannot be replaced.
- Rows that were set aside are in \`_quarantine/*.jsonl\` of their commit's folder, and stay when the data is replaced; \`sluice quarantine\` lists and replays them.
- Checkpoint, ledger and fence lie in the hidden folder. A run that was overtaken by another cannot commit any more: what it would
  have renamed was renamed away. All runs of a path have to see the same disk.
- \`_commit\` in each folder says what it is: commit id, checkpoint, columns and counts.
- A column that comes later is missing in earlier files; read them with a union by name.`;

const localConnection = schema({
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
});

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
        description:
          'One file or a pattern: `*` within a folder, `**` across folders, `{a,b}` either. A named pipe or `/dev/stdin`: what comes through it.',
        examples: ['in/orders.csv', 'landing/**/*.parquet'],
      },
      exclude: {
        type: 'array',
        'x-shorthand': '',
        items: { type: 'string', 'x-kind': 'glob', minLength: 1 },
        description: 'Patterns of files that `path` matches and that are left out.',
      },
      min_age: minAge(
        '0s',
        'Files changed more recently wait for a later run: for files that are still being written.',
      ),
      compression,
      after_load: afterLoad,
    },
    required: ['path'],
    additionalProperties: false,
    'x-synonyms': { paths: 'path', file: 'path', files: 'path', glob: 'path', pattern: 'path' },
  }),
  connection: localConnection,
  secrets: [],
  capabilities: { yields: 'bytes', folders: true, batch: true, streaming: false, placement: 'node' },
  examples: [
    'type: local\npath: in/orders-*.csv\nmin_age: 30s\n',
    'type: local\npath: in/**/*.csv\nexclude: ["**/*.draft.csv"]\nafter_load:\n  move: done\non_no_data: warn\n',
    'type: local\npath: /dev/stdin\nformat: csv\n',
  ],
  notes: [
    '- A pipe is read by `sluice run` until it is closed, and written to the disk of the spool first. It is no file to the ledger: every run loads what comes. `/dev/stdin` is what the command is given, `cat orders.csv | sluice run orders`; a daemon gives its runs nothing.',
    '- Nothing is a failure, so that a run that is tried again after its input is gone does not succeed without rows; a named pipe waits for who writes it. What only looks (`preview`, `infer`, `doctor`) does not read a pipe.',
  ].join('\n'),
});

export const destinationSpec = defineSpec({
  kind: 'destination',
  type: 'local',
  title: 'Local files',
  text: 'Files in a folder of this machine, a folder for each commit. Paths are relative to the project folder, or to the `root` of the connection.',
  settings: schema({
    type: 'object',
    properties: {
      path: {
        type: 'string',
        'x-kind': 'path',
        minLength: 1,
        description: 'Folder of the data; made when it is not there. `${stream:name}` gives each stream its own.',
        examples: ['out/orders', 'lake/${stream:name}'],
      },
      ...writtenFiles.properties,
    },
    required: ['path'],
    additionalProperties: false,
    'x-synonyms': writtenFiles['x-synonyms'],
  }),
  connection: localConnection,
  secrets: [],
  capabilities: {
    batch: true,
    streaming: true,
    commit_class: 'directory',
    write_dispositions: ['append', 'replace'],
    holds: 'files',
    max_identifier: null,
    placement: 'node',
  },
  examples: [
    'type: local\npath: out/orders\n',
    'type: local\npath: lake/events\nformat: csv\nwrite_disposition: replace\n',
    'type: local\npath: lake/events\npartition_by: [day]\n',
  ],
  notes: NOTES,
});
