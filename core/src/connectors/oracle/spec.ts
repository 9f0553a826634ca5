import { schema } from '../../spec/schema.ts';
import { defineSpec } from '../../spec/spec.ts';
import { serverPassword, serverPort, serverUrl, sessionOptions } from '../shared/server-settings.ts';
import { partedSource, tableAddress } from '../shared/table-settings.ts';

export const oracleConnection = schema({
  type: 'object',
  properties: {
    url: serverUrl(
      '`oracle://user:password@host:port/service`, `jdbc:oracle:thin:user/password@//host:port/service`, or the driver’s own `host:port/service`.',
      '${env:LEDGER_URL}',
    ),
    host: { type: 'string', minLength: 1, description: 'Name or address (localhost).' },
    port: serverPort('1521'),
    database: { type: 'string', minLength: 1, description: 'Name of the service.' },
    user: { type: 'string', minLength: 1, description: 'User.' },
    password: serverPassword('${env:LEDGER_PASSWORD}'),
    options: sessionOptions('Settings of the session, as after ALTER SESSION SET.', { CURRENT_SCHEMA: 'LEDGER' }),
  },
  additionalProperties: false,
});

export const sourceSpec = defineSpec({
  kind: 'source',
  type: 'oracle',
  title: 'Oracle Database',
  text: 'A table, view or query of an Oracle database (12.1 or newer), read by one statement in a read-only transaction, or in parts. Needs no client library.',
  settings: partedSource,
  connection: oracleConnection,
  secrets: ['url', 'password'],
  address: tableAddress,
  capabilities: {
    yields: 'columns',
    batch: true,
    streaming: false,
    placement: 'any',
    table_patterns: true,
    parts_of_full_loads: true,
  },
  examples: [
    'type: oracle\nurl: ${env:LEDGER_URL}\ntable: ledger.entries\n',
    'type: oracle\nhost: ledger.internal\ndatabase: LEDGERPDB\nuser: reader\npassword: ${env:LEDGER_PASSWORD}\nquery: SELECT * FROM ledger.entries WHERE amount > 0\n',
  ],
  notes: `**Not verified against a real server**: written by the driver's and the server's documentation, tested without one.

The server writes each value as text with all its digits, and rows stream as it sends them. A name without double quotes is upper case, as
everywhere in Oracle; columns are called as the server calls them. Patterns go over the tables of the user.

| Oracle | type | |
|---|---|---|
| NUMBER(p,0) with p up to 9, up to 18, beyond | int, bigint, decimal(p,0) | |
| NUMBER(p,s) | decimal(p,s) | |
| NUMBER, FLOAT | decimal(38,10) | guarded: where a value does not fit the column becomes text |
| BINARY_FLOAT, BINARY_DOUBLE | double | Infinity and NaN are kept |
| DATE, TIMESTAMP | timestamp | to the microsecond; a year before 1 fails the stream and names the column |
| TIMESTAMP WITH (LOCAL) TIME ZONE | timestamptz | the instant; its zone is left out |
| RAW, LONG RAW, BLOB | binary | |
| JSON | json | |
| CHAR, VARCHAR2, NCHAR, NVARCHAR2, CLOB, NCLOB, LONG, ROWID, INTERVAL, BOOLEAN | text | an empty text is null in Oracle |

With \`partition_on\`, and \`incremental: {type: none}\`, a large table is read in parts by ranges of that column, as many at once as the job has
workers, all of them as of one moment (\`AS OF SCN\`, which wants the right FLASHBACK on the tables of others). Where the user may not,
and of a query, one connection reads the whole, and says so.

A cursor of a number, date or timestamp is asked of the server, of any other type the engine picks the rows.`,
});
