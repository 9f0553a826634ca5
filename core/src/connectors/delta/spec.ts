import { schema } from '../../spec/schema.ts';
import { defineSpec } from '../../spec/spec.ts';
import { s3Connection } from '../shared/s3/settings.ts';

const NOTES = `| type | in the table's schema | in the files |
|---|---|---|
| boolean, int, bigint, double | boolean, integer, long, double | BOOLEAN, INT32, INT64, DOUBLE |
| decimal(p,s) | decimal(p,s) | DECIMAL(p,s) |
| text, binary | string, binary | UTF8, BYTE_ARRAY |
| date | date | DATE |
| timestamp | timestamp_ntz | TIMESTAMP(micros, local) |
| timestamptz | timestamp | TIMESTAMP(micros, UTC) |
| time, uuid, json | string | text: \`23:59:59.999999\`, lower case with hyphens, JSON as it came |
| list, struct | array, struct | LIST, group |

The schema notes beside time, uuid and json columns which type they are (\`sluice.type\`), so that they are known again. Infinite dates and
times are refused by row and column: Parquet has none. A table is of reader version 1 and writer version 2; with a timestamp column of versions 3
and 7 with the feature \`timestampNtz\`. A table that uses other features is written where they are kept right, else refused by their names.

- Each commit is one file of \`_delta_log\`, made only where none of its number is there: by a hard link on a disk, by \`If-None-Match\` in a
  store, which has to support conditional writes. Where another writer was faster the commit is worked out anew against its version.
- \`append\` adds files, \`replace\` removes all files of the version before and adds new ones, \`merge\` writes the files anew that hold a key of
  the rows. Old files stay for readers of older versions until VACUUM takes them.
- Two \`txn\` actions of each commit carry the number of the stream's commits and its fence. Checkpoint, ledger, counts and rows that
  were set aside lie in \`_sluice\` below the table, written before the commit, and count once the log names their number: readers and VACUUM pass
  over that folder. Restore it with the table.
- A run that was overtaken by another cannot commit any more: it finds a newer fence, or the number of the other's commit.
- Files have statistics: rows, and of the first 32 plain columns the least and greatest value and the number of nulls. Every 20 commits a checkpoint is written.
- A column that comes later is added to the schema. A column whose type becomes wider (\`data_type: evolve\`) has all files written anew.
- \`partition_by\` divides the files by values; they stand in the log, and in the files as well. An empty text is refused as such a value, because Delta reads it as null.
- Spark wants column mapping for names with spaces or any of \`,;{}()=\`; other readers take them as they are here.
- All runs of a table on a disk have to see the same disk. \`sluice sql\` and a merge fetch the files of a table in a store.`;

const connection = schema({
  type: 'object',
  properties: {
    root: {
      type: 'string',
      'x-kind': 'path',
      description: 'Folder of this machine that paths start from; relative to the project folder.',
      examples: ['/srv/lake'],
    },
    ...s3Connection.properties,
  },
  additionalProperties: false,
  'x-synonyms': { base_path: 'root', directory: 'root', ...s3Connection['x-synonyms'] },
});

export const destinationSpec = defineSpec({
  kind: 'destination',
  type: 'delta',
  title: 'Delta Lake',
  text: 'A Delta table in a folder of this machine, or with `bucket` in a store that speaks S3.',
  settings: schema({
    type: 'object',
    properties: {
      path: {
        type: 'string',
        'x-kind': 'path',
        minLength: 1,
        description: 'Folder of the table; made when it is not there. `${stream:name}` gives each stream its own.',
        examples: ['lake/orders', 'lake/${stream:name}'],
      },
      partition_by: {
        type: 'array',
        'x-shorthand': '',
        items: { type: 'string', minLength: 1, 'x-kind': 'column' },
        minItems: 1,
        uniqueItems: true,
        description: 'Columns by whose values the files are divided. Left out: as the table is.',
      },
      target_file_size: {
        type: 'string',
        'x-kind': 'size',
        description:
          'A file ends at about this size and the next one begins. Left out: a file per task. Not with `partition_by`.',
        examples: ['256MB'],
      },
    },
    required: ['path'],
    additionalProperties: false,
    'x-synonyms': {
      folder: 'path',
      directory: 'path',
      partition: 'partition_by',
      partitions: 'partition_by',
      partition_columns: 'partition_by',
      file_size: 'target_file_size',
    },
  }),
  connection,
  secrets: ['secret_access_key', 'session_token'],
  capabilities: {
    batch: true,
    streaming: true,
    commit_class: 'log',
    write_dispositions: ['append', 'replace', 'merge'],
    holds: 'files',
    max_identifier: null,
    placement: 'any',
  },
  examples: [
    'type: delta\npath: lake/orders\npartition_by: [region]\n',
    'type: delta\npath: lake/customers\nwrite_disposition: merge\nprimary_key: [customer_id]\n',
    'type: delta\nbucket: acme-lake\nregion: eu-central-1\npath: bronze/events\n',
  ],
  notes: NOTES,
});
