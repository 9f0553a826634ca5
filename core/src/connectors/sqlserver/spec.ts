import { schema } from '../../spec/schema.ts';
import { defineSpec } from '../../spec/spec.ts';
import { serverPassword, serverPort, serverUrl, sessionOptions } from '../shared/server-settings.ts';
import { partedSource, tableAddress } from '../shared/table-settings.ts';

export const sqlserverConnection = schema({
  type: 'object',
  properties: {
    url: serverUrl(
      '`sqlserver://user:password@host:port/database`, or `jdbc:sqlserver://host:port;databaseName=…;user=…;password=…`.',
      '${env:ERP_URL}',
    ),
    host: { type: 'string', minLength: 1, description: 'Name or address (localhost).' },
    port: serverPort('1433'),
    database: { type: 'string', minLength: 1, description: 'Database (the default one of the user).' },
    user: { type: 'string', minLength: 1, description: 'User (sa).' },
    password: serverPassword('${env:ERP_PASSWORD}'),
    encrypt: { type: 'boolean', description: 'Whether the connection is encrypted (true).' },
    trust_server_certificate: {
      type: 'boolean',
      description: 'Whether a certificate that no known authority signed is taken (false).',
    },
    options: sessionOptions('Settings of the session, as after SET.', { LOCK_TIMEOUT: '60000' }),
  },
  additionalProperties: false,
});

export const sourceSpec = defineSpec({
  kind: 'source',
  type: 'sqlserver',
  title: 'SQL Server',
  text: 'A table, view or query of a Microsoft SQL Server or Azure SQL database, read by one statement, or in parts.',
  settings: partedSource,
  connection: sqlserverConnection,
  secrets: ['url', 'password'],
  address: tableAddress,
  capabilities: {
    yields: 'columns',
    batch: true,
    streaming: false,
    placement: 'any',
    table_patterns: true,
    parts_of_full_loads: true,
    default_schema: 'dbo',
  },
  examples: [
    'type: sqlserver\nurl: ${env:ERP_URL}\ntable: dbo.orders\n',
    'type: sqlserver\nhost: erp.internal\ndatabase: erp\nuser: reader\npassword: ${env:ERP_PASSWORD}\nquery: SELECT * FROM dbo.orders WHERE total > 0\n',
  ],
  notes: `**Not verified against a real server**: written by the driver's and the server's documentation, tested without one.

The server writes each value as text with all its digits, and rows stream as it sends them. Where the database allows snapshot isolation
the statement reads in it; else it reads committed rows, as they are when it comes to them.

| SQL Server | type | |
|---|---|---|
| bit | boolean | |
| tinyint, smallint, int | int | |
| bigint | bigint | |
| decimal(p,s), numeric(p,s) | decimal(p,s) | |
| money, smallmoney | decimal(19,4), decimal(10,4) | |
| real, float | double | |
| date | date | |
| time, datetime, smalldatetime, datetime2 | time, timestamp | to the microsecond: a seventh digit is cut off |
| datetimeoffset | timestamptz | the instant; its offset is left out |
| uniqueidentifier | uuid | |
| binary, varbinary, image, rowversion | binary | |
| char, varchar, text, nchar, nvarchar, ntext, xml, sql_variant, hierarchyid | text | |
| geometry, geography | text | as WKT |

With \`partition_on\`, and \`incremental: {type: none}\`, a large table is read in parts by ranges of that column, as many at once as the job has
workers, where its database cannot be written to: it is read only, or a snapshot (\`CREATE DATABASE … AS SNAPSHOT OF …\`). Of any other one
connection reads the whole, and says so: sessions of SQL Server share no moment, and parts would not be of one state of the table.

A cursor of a number, date or time is asked of the server, of any other type the engine picks the rows.`,
});
