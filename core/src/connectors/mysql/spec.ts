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

export const mysqlConnection = schema({
  type: 'object',
  properties: {
    url: serverUrl(
      '`mysql://user:password@host:port/database` or `mariadb://…`, also with `jdbc:` before it.',
      '${env:SHOP_URL}',
    ),
    host: { type: 'string', minLength: 1, description: 'Name or address, or the path of a socket (localhost).' },
    port: serverPort('3306'),
    database: { type: 'string', minLength: 1, description: 'Database.' },
    user: { type: 'string', minLength: 1, description: 'User (root).' },
    password: serverPassword('${env:SHOP_PASSWORD}'),
    ssl: sslMode,
    ssl_ca: sslAuthorities,
    options: sessionOptions('Variables of the session, as after SET.', { innodb_lock_wait_timeout: '120' }),
  },
  additionalProperties: false,
});

export const sourceSpec = defineSpec({
  kind: 'source',
  type: 'mysql',
  title: 'MySQL and MariaDB',
  text: 'A table, view or query of a MySQL or MariaDB database, read by one statement in one snapshot, or in parts side by side.',
  settings: partedSource,
  connection: mysqlConnection,
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
    'type: mysql\nurl: ${env:SHOP_URL}\ntable: orders\npartition_on: order_id\n',
    'type: mysql\nhost: db.internal\ndatabase: shop\nuser: reader\npassword: ${env:SHOP_PASSWORD}\nquery: SELECT * FROM orders WHERE total > 0\n',
  ],
  notes: `Rows stream from the server as it sends them. The session is in UTC and reads only; the SQL of \`query\` and \`where\` has the usual quotes.
With \`partition_on\`, and \`incremental: {type: none}\`, a large table is read in parts by ranges of that column, as many at once as the job
has workers, in sessions that see one moment: \`LOCK TABLES … READ\` keeps writers out for the fraction of a second in which they begin. Where
the user has no right to it (LOCK TABLES), a writer does not finish within 5 seconds, or rows come from a query or a table without
transactions, one statement reads everything, and the log says why. Any other load is one statement.
A table of another database is \`database.table\`; patterns go over the tables of the connection's database.

| MySQL, MariaDB | type | |
|---|---|---|
| tinyint, smallint, mediumint, int, year, signed or not | int | also tinyint(1), which is what BOOLEAN is |
| int unsigned | bigint | |
| bigint; bigint unsigned | bigint; decimal(20,0) | |
| decimal(p,s) | decimal(p,s) | with p above 38 decimal(38,s), guarded: where a value does not fit the column becomes text |
| float, double | double | a float is the exact value that the server holds |
| bit(1); bit(n) | boolean; text of n digits | |
| date, datetime | date, timestamp | with microseconds; a date whose day or month is zero is read as null, and a warning says how many |
| timestamp | timestamptz | it is an instant |
| time | time, guarded | a time beyond a day makes the column text |
| char, varchar, text, enum, set, uuid, inet | text | |
| binary, varbinary, blob | binary | |
| json | json | MariaDB's is text |
| geometry | text | as WKT |

A cursor of a number, date or timestamp is asked of the server, of any other type the engine picks the rows. Rows without a cursor
value are loaded by the first run, and in a merge by each; where they are left out a warning says how many.`,
});

export const destinationSpec = defineSpec({
  kind: 'destination',
  type: 'mysql',
  title: 'MySQL and MariaDB',
  text: 'Tables in a MySQL (8 or newer) or MariaDB (10.6 or newer) database. Rows and state are committed in one transaction.',
  settings: schema({ type: 'object', properties: {}, additionalProperties: false }),
  connection: mysqlConnection,
  secrets: ['url', 'password'],
  capabilities: {
    batch: true,
    streaming: true,
    commit_class: 'transactional_no_ddl',
    write_dispositions: ['append', 'replace', 'merge'],
    holds: 'tables',
    max_identifier: 64,
    placement: 'any',
  },
  examples: [
    'type: mysql\nurl: ${env:SHOP_URL}\ntable: orders\n',
    'type: mysql\nurl: ${env:SHOP_URL}\ntable: orders\nwrite_disposition: merge\nprimary_key: [order_id]\n',
  ],
  notes: `| type | column of a new table | |
|---|---|---|
| boolean | tinyint(1) | |
| int, bigint | int, bigint | |
| double | double | infinity and NaN are refused: the load fails and names row and column |
| decimal(p,s) | decimal(p,s) | with more than 30 digits behind the point: varchar(45) |
| text | longtext | compared byte by byte, spaces at the end too; U+0000 is kept |
| binary | longblob | |
| date | date | before year 1, after 9999 and infinite ones are refused, as above |
| time | time(6) | |
| timestamp | datetime(6) | as date |
| timestamptz | datetime(6) | in UTC: the system's own timestamp ends in 2038 |
| uuid | char(36) | |
| json, list<…>, struct<…> | longtext | JSON text, all digits kept; the system's JSON type would round numbers |

Which of the language's types a column has is kept beside the state, so that the next run knows a datetime in UTC from another.

- The system commits a transaction when a table is changed. So tables are made and columns added or widened before the transaction: a run
  that dies in between leaves an empty table or column, never rows, and the next run goes on from there.
- \`replace\` deletes the rows and inserts the new ones in one transaction: readers see the old rows until the commit. Columns that the new
  rows lack stay, as null. A column whose type cannot be widened to the new one is refused.
- \`merge\` updates by key and inserts the rest. A table that it makes gets the key as its primary key, or where that holds text or bytes an
  index that begins with it.
- \`deletes: soft\` keeps the row and sets \`_sluice_deleted\`; its other columns stay as they were.
- Sessions of an older run of the same stream that still write are ended when the next one opens.
- Tables have to be of the engine InnoDB, which has transactions.`,
});
