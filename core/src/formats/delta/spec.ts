import { schema } from '../../spec/schema.ts';
import { defineSpec } from '../../spec/spec.ts';

export const deltaSpec = defineSpec({
  kind: 'format',
  type: 'delta',
  title: 'Delta Lake',
  text: 'A Delta table: `path` names its folder, and its log says which files it has.',
  settings: schema({
    type: 'object',
    properties: {
      version: {
        type: 'integer',
        minimum: 0,
        description: 'Version of the table to read. Left out: the newest one. Not for an incremental load.',
        examples: [12],
      },
    },
    additionalProperties: false,
    'x-synonyms': { version_as_of: 'version', versionasof: 'version' },
  }),
  secrets: [],
  capabilities: { batch: true, lists_files: true },
  examples: ['type: delta\n', 'type: delta\nversion: 12\n'],
  notes: `| Delta | type |
|---|---|
| boolean, string, binary, date, decimal(p,s) | boolean, text, binary, date, decimal(p,s) |
| byte, short, integer | int |
| long | bigint |
| float, double | double |
| timestamp | timestamptz |
| timestamp_ntz | timestamp |
| array, struct, map | list, struct, json |
| any other, such as variant | refused by name |

A column that the destination \`delta\` wrote as time, uuid or json is of that type again.

- Read are checkpoints of both versions and in parts, partition values, column mapping by name, deletion vectors, widened types and files
  without columns that came later. A table that uses another feature of its readers, or column mapping by id, is refused by name.
- With \`incremental: {type: files}\` the log is followed: the first run loads the table as it stands, each later one what was added since by
  commits that change data. Compaction is not mistaken for new rows. Rows that went or changed since are found in the log too:
  \`on_change: fail\` (for an append) ends the run and names the version, \`ignore\` passes over such commits, \`reload\` (for a merge) loads the rows
  that they wrote; rows that they only took away stay, and the run warns.
- With \`incremental: {type: none}\` each run loads the whole table, for a \`replace\`.
- \`metadata: path\` is the data file's path, \`row_number\` its number in that file.
- Where the log has been cleaned up past the last run's version, the run says so: load anew with --full-refresh.`,
});
