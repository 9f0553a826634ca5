import { schema } from '../../spec/schema.ts';
import { defineSpec } from '../../spec/spec.ts';
import { tableAddress, tableSource } from '../shared/table-settings.ts';

export const duckdbConnection = schema({
  type: 'object',
  properties: {
    path: {
      type: 'string',
      'x-kind': 'path',
      minLength: 1,
      default: '.sluice/warehouse.duckdb',
      description: 'The database file, relative to the project folder; made when it is not there.',
      examples: ['.sluice/warehouse.duckdb', 'data/warehouse.duckdb'],
    },
  },
  additionalProperties: false,
});

export const sourceSpec = defineSpec({
  kind: 'source',
  type: 'duckdb',
  title: 'DuckDB',
  text: 'A table, view or query of a DuckDB file.',
  settings: tableSource,
  connection: duckdbConnection,
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
    'type: duckdb\npath: data/warehouse.duckdb\ntable: raw.orders\n',
    'type: duckdb\npath: data/warehouse.duckdb\nquery: SELECT * FROM raw.orders WHERE total > 0\n',
  ],
  notes: `A query sees the file and nothing else: no other file, no extension, no network.

| DuckDB | type |
|---|---|
| types that the job language has | the same |
| TINYINT, SMALLINT, UTINYINT, USMALLINT | int |
| UINTEGER | bigint |
| UBIGINT | decimal(20,0) |
| HUGEINT, UHUGEINT | decimal(38,0); a longer number fails the stream |
| FLOAT | double |
| ENUM, INTERVAL, BIT, TIMETZ, BIGNUM | text, as DuckDB prints it |
| MAP, UNION | json |
| TIMESTAMP_S, TIMESTAMP_MS, TIMESTAMP_NS | timestamp, to the microsecond |

A table is read by all threads of the task at once, in one snapshot: there is nothing to divide. The file must not be held open for
writing by another process meanwhile.`,
});

export const destinationSpec = defineSpec({
  kind: 'destination',
  type: 'duckdb',
  title: 'DuckDB',
  text: 'Tables in a DuckDB file. Without a connection: the embedded warehouse at `.sluice/warehouse.duckdb`.',
  settings: schema({ type: 'object', properties: {}, additionalProperties: false }),
  connection: duckdbConnection,
  secrets: [],
  capabilities: {
    batch: true,
    streaming: true,
    commit_class: 'transactional',
    write_dispositions: ['append', 'replace', 'merge'],
    holds: 'tables',
    default_schema: 'main',
    max_identifier: null,
    placement: 'node',
    parallel: 'engine',
  },
  examples: ['type: duckdb\n', 'type: duckdb\npath: data/warehouse.duckdb\nschema: raw\ntable: orders\n'],
  notes: `Every type of the job language has its own type in DuckDB; nothing is rounded or cut.

- One process at a time can hold the file. Runs take turns and keep it only while they commit; a reader that holds it
  makes them wait and is named in the message.
- Tables get no primary key or unique index. \`merge\` matches by the key's values, and works on tables that have one.
- \`replace\` puts a new table in the old one's place in the commit's transaction. Indexes that were made on the old one go with it; views stay.
- \`deletes: soft\` keeps the row and sets \`_sluice_deleted\`; its other columns stay as they were.
- Column and table names that differ only in case are the same name.`,
});
