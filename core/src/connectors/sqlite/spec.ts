import { schema } from '../../spec/schema.ts';
import { defineSpec } from '../../spec/spec.ts';
import { partedSource, tableAddress } from '../shared/table-settings.ts';

export const sqliteConnection = schema({
  type: 'object',
  properties: {
    path: {
      type: 'string',
      'x-kind': 'path',
      minLength: 1,
      description: 'The database file, relative to the project folder.',
      examples: ['data/app.sqlite'],
    },
  },
  required: ['path'],
  additionalProperties: false,
  'x-synonyms': { file: 'path', database: 'path', filename: 'path' },
});

export const sourceSpec = defineSpec({
  kind: 'source',
  type: 'sqlite',
  title: 'SQLite',
  text: 'A table, view or query of an SQLite file, read by one statement, or in parts side by side.',
  settings: partedSource,
  connection: sqliteConnection,
  secrets: [],
  address: tableAddress,
  capabilities: {
    yields: 'columns',
    batch: true,
    streaming: false,
    placement: 'node',
    table_patterns: true,
    default_schema: 'main',
  },
  examples: [
    'type: sqlite\npath: data/app.sqlite\ntable: orders\n',
    'type: sqlite\npath: data/app.sqlite\ntable: orders\npartition_on: order_id\n',
    'type: sqlite\npath: data/app.sqlite\nquery: SELECT * FROM orders WHERE total > 0\n',
  ],
  notes: `SQLite keeps values, not columns, by type: a column's declared type says what its values mostly are, and each value is held to
it. Where one does not fit, the column becomes wider, at last text, and nothing is lost or rewritten.

| declared type | type |
|---|---|
| INTEGER PRIMARY KEY, INT and INTEGER of a STRICT table | bigint |
| with INT in it | bigint, guarded |
| DECIMAL(p,s), NUMERIC(p,s) | decimal(p,s), guarded |
| with REAL, FLOA or DOUB in it | double, guarded |
| BOOLEAN | boolean where the values are 0 and 1 |
| DATE, TIME, DATETIME, TIMESTAMP, TIMESTAMPTZ | the same where the values are ISO 8601 text; numbers stay what they are |
| UUID, JSON | the same, guarded |
| with BLOB in it | binary; a text or number in it is its bytes |
| others | text; bytes as \`X'00FF'\` |
| an expression of a query | what its first 1,000 values are: bigint, double, binary or text, guarded |

With \`partition_on\`, a column of whole numbers, a large file is read in parts by ranges of it, as many at once as the job has workers. All of
them have to find the file as it was when they were listed, so that they are one snapshot: where another program writes meanwhile the run
fails with \`source/changed\`, and \`retries\` tries again.

A cursor of whole numbers is asked of the file, of any other type the engine picks the rows.`,
});

export const destinationSpec = defineSpec({
  kind: 'destination',
  type: 'sqlite',
  title: 'SQLite',
  text: 'Tables in an SQLite file, written in one transaction. The file is made when it is not there.',
  settings: schema({ type: 'object', properties: {}, additionalProperties: false }),
  connection: sqliteConnection,
  secrets: [],
  capabilities: {
    batch: true,
    streaming: true,
    commit_class: 'transactional',
    write_dispositions: ['append', 'replace', 'merge'],
    holds: 'tables',
    max_identifier: null,
    placement: 'node',
  },
  examples: [
    'type: sqlite\npath: data/app.sqlite\n',
    'type: sqlite\npath: data/app.sqlite\ntable: orders\nwrite_disposition: merge\nprimary_key: [order_id]\n',
  ],
  notes: `| type | declared type of a new column | how it is stored |
|---|---|---|
| boolean | BOOLEAN | 1 and 0 |
| int, bigint | INTEGER, BIGINT | whole number of 64 bits |
| double | DOUBLE | REAL; infinity is kept, negative zero becomes zero, NaN, which SQLite stores as NULL, is refused: the load fails and names row and column |
| decimal(p,s), p up to 15 | DECIMAL(p,s) | a number; SQLite keeps 15 digits exactly |
| decimal(p,s), p above 15 | DECIMAL_TEXT(p,s) | text with all digits |
| text | TEXT | U+0000 is kept, though SQLite's own functions stop at it |
| binary | BLOB | |
| date, time | DATE, TIME | ISO 8601 text |
| timestamp | TIMESTAMP | text \`2026-01-02 03:04:05.000000\` |
| timestamptz | TIMESTAMPTZ | the same in UTC with \`Z\` behind it |
| uuid | UUID | text |
| json, list<…>, struct<…> | JSON_TEXT | JSON text, all digits kept |

Infinite dates are the text \`infinity\`, and years before 1 \`0044-03-15 (BC)\`.

- \`replace\` puts a new table in the old one's place; where the old one has indexes or triggers its rows are deleted and the new ones
  inserted instead. Both happen in the commit's transaction: readers see the old rows until it ends.
- \`merge\` updates by key and inserts the rest. A table that it makes gets the key as its primary key; one that has no index that begins
  with the key gets one for the time of the commit.
- A column that is widened makes the table be written anew, with its indexes and triggers.
- \`deletes: soft\` keeps the row and sets \`_sluice_deleted\`; its other columns stay as they were.
- One writer at a time can hold the file. Runs take turns; another program that holds it for more than a minute fails the attempt.
- Column and table names that differ only in the case of A to Z are the same name.`,
});
