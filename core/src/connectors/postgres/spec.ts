import { schema } from '../../spec/schema.ts';
import { defineSpec } from '../../spec/spec.ts';
import {
  serverPassword,
  serverPort,
  serverUrl,
  sessionOptions,
  sslAuthorities,
  sslMode,
} from '../shared/server-settings.ts';
import { partedSource, tableAddress } from '../shared/table-settings.ts';

export const postgresConnection = schema({
  type: 'object',
  properties: {
    url: serverUrl(
      '`postgres://user:password@host:port/database`, also with `jdbc:` before it.',
      '${env:WAREHOUSE_URL}',
    ),
    host: { type: 'string', minLength: 1, description: 'Name or address, or the folder of a socket (localhost).' },
    port: serverPort('5432'),
    database: { type: 'string', minLength: 1, description: 'Database (the name of the user).' },
    user: { type: 'string', minLength: 1, description: 'User (postgres).' },
    password: serverPassword('${env:WAREHOUSE_PASSWORD}'),
    ssl: sslMode,
    ssl_ca: sslAuthorities,
    options: sessionOptions('Settings of the session, as after SET.', { statement_timeout: '30min' }),
  },
  additionalProperties: false,
});

export const sourceSpec = defineSpec({
  kind: 'source',
  type: 'postgres',
  title: 'PostgreSQL',
  text: 'A table, view or query of a PostgreSQL database (13 or newer), read by COPY in one snapshot.',
  settings: partedSource,
  connection: postgresConnection,
  secrets: ['url', 'password'],
  address: tableAddress,
  capabilities: {
    yields: 'columns',
    batch: true,
    streaming: false,
    placement: 'any',
    table_patterns: true,
    default_schema: 'public',
    native: 'postgres',
  },
  examples: [
    'type: postgres\nconnection: pg\ntable: public.orders\n',
    "type: postgres\nurl: ${env:CRM_URL}\nquery: SELECT * FROM orders WHERE region = 'north'\n",
  ],
  notes: `Everything is read in one snapshot, also where several workers read parts of a table side by side: by the rows' places
(\`ctid\`; PostgreSQL 14 and newer), or by ranges of \`partition_on\`, which also serves views and queries. The session is in UTC and read only.

| PostgreSQL | type | |
|---|---|---|
| boolean, smallint, integer, bigint, date, time, timestamp, timestamptz, uuid, bytea, json, jsonb | the same; smallint is int | infinity and years before 1 are kept |
| oid | bigint | |
| real, double precision | double | Infinity and NaN are kept |
| numeric(p,s) with p up to 38 | decimal(p,s) | NaN fails the stream and names the column |
| other numeric | decimal(38,10) | guarded: where a value does not fit, such as NaN, the column becomes text |
| money | decimal(19,s), s as the server's currency | |
| arrays | list of the item's type | a table's column declared with more than one dimension (\`integer[][]\`) is json, of text a list of texts; where a view or query gives such an array, make it text, or take \`to_json(…)\` of it in a \`query\` |
| composite types | json | |
| char, varchar, text, enums, and every other type | text, as the server prints it | interval as ISO 8601: \`P1DT2H\` |

To a PostgreSQL destination, where the job has no steps and no checks, columns of the last row but char, varchar, text and enums (interval,
inet, bit, timetz, ranges …), json and numeric without precision keep their own type, and every value as it is.

A cursor of a number, date or timestamp is asked of the server, of any other type the engine picks the rows. Rows without a cursor value
are loaded by the first run, and in a merge by each; where they are left out a warning says how many. A transaction that commits late
may write a cursor that is older than the last one read: \`lookback\` reads that far back again.`,
});

export const destinationSpec = defineSpec({
  kind: 'destination',
  type: 'postgres',
  title: 'PostgreSQL',
  text: 'Tables in a PostgreSQL database (13 or newer), written by COPY in one transaction.',
  settings: schema({ type: 'object', properties: {}, additionalProperties: false }),
  connection: postgresConnection,
  secrets: ['url', 'password'],
  capabilities: {
    batch: true,
    streaming: true,
    commit_class: 'transactional',
    write_dispositions: ['append', 'replace', 'merge'],
    holds: 'tables',
    default_schema: 'public',
    native: 'postgres',
    max_identifier: 63,
    placement: 'any',
  },
  examples: [
    'type: postgres\nconnection: warehouse\nschema: analytics\ntable: orders\n',
    'type: postgres\nurl: ${env:WAREHOUSE_URL}\ntable: orders\nwrite_disposition: merge\nprimary_key: [order_id]\n',
  ],
  notes: `| type | column of a new table | |
|---|---|---|
| boolean, int, bigint | boolean, integer, bigint | |
| double | double precision | Infinity and NaN are kept |
| decimal(p,s) | numeric(p,s) | |
| text | text | empty text and null stay apart; U+0000, which PostgreSQL cannot hold, makes the row a bad row: the load fails and names row and column |
| binary | bytea | |
| date, time, timestamp, timestamptz | the same | infinity and dates before year 1 are kept; the session is in UTC |
| uuid | uuid | |
| json, struct<…> | jsonb | numbers keep all digits; \`\\u0000\` is refused as above |
| list<…> | an array of the item's type | a list of lists, structs or json: jsonb |

A column that is there already keeps its type: text goes into varchar, enum, inet and the like as PostgreSQL reads it.
A numeric column without precision takes every number with the digits that it has.

- \`append\` with one task copies straight into the table, inside the commit's transaction.
- \`replace\` loads a new table and puts it in the old one's place; owner, grants and comments are carried over. Where the old table has
  views on it, indexes, constraints, triggers, defaults, policies, column grants or a publication, or belongs to another role, its rows
  are deleted and the new ones inserted instead, in the same transaction: all of that stays. Readers see the old rows until the commit.
- \`merge\` updates by key and inserts the rest; only the columns of the rows are touched. It needs no unique index. A table that
  it makes gets the key as its primary key. Other writers of the table wait until the commit, readers do not.
- \`deletes: soft\` keeps the row and sets \`_sluice_deleted\`; its other columns stay as they were.
- \`open\` ends sessions of an older run of the same stream that are still there, so that a run that hangs cannot hold its locks.
- Names longer than 63 bytes are refused, because PostgreSQL would cut them.`,
});
