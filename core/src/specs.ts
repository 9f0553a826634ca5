import { acceptedValuesSpec } from './checks/accepted_values/spec.ts';
import { expressionSpec } from './checks/expression/spec.ts';
import { freshnessSpec } from './checks/freshness/spec.ts';
import { notNullSpec } from './checks/not_null/spec.ts';
import { patternSpec } from './checks/pattern/spec.ts';
import { rangeSpec } from './checks/range/spec.ts';
import { rowCountSpec } from './checks/row_count/spec.ts';
import { uniqueSpec } from './checks/unique/spec.ts';
import { destinationSpec as deltaDestination } from './connectors/delta/spec.ts';
import { destinationSpec as duckdbDestination, sourceSpec as duckdbSource } from './connectors/duckdb/spec.ts';
import { sourceSpec as ftpSource } from './connectors/ftp/spec.ts';
import { sourceSpec as gdriveSource } from './connectors/gdrive/spec.ts';
import { sourceSpec as httpSource } from './connectors/http/spec.ts';
import { destinationSpec as localDestination, sourceSpec as localSource } from './connectors/local/spec.ts';
import { destinationSpec as mysqlDestination, sourceSpec as mysqlSource } from './connectors/mysql/spec.ts';
import { sourceSpec as oracleSource } from './connectors/oracle/spec.ts';
import { destinationSpec as postgresDestination, sourceSpec as postgresSource } from './connectors/postgres/spec.ts';
import { destinationSpec as s3Destination, sourceSpec as s3Source } from './connectors/s3/spec.ts';
import { destinationSpec as sftpDestination, sourceSpec as sftpSource } from './connectors/sftp/spec.ts';
import { destinationSpec as sqliteDestination, sourceSpec as sqliteSource } from './connectors/sqlite/spec.ts';
import { sourceSpec as sqlserverSource } from './connectors/sqlserver/spec.ts';
import { arrowSpec } from './formats/arrow/spec.ts';
import { avroSpec } from './formats/avro/spec.ts';
import { csvSpec } from './formats/csv/spec.ts';
import { deltaSpec } from './formats/delta/spec.ts';
import { fixedWidthSpec } from './formats/fixed_width/spec.ts';
import { jsonSpec } from './formats/json/spec.ts';
import { parquetSpec } from './formats/parquet/spec.ts';
import { sheetsSpec } from './formats/sheets/spec.ts';
import { textSpec } from './formats/text/spec.ts';
import { xmlSpec } from './formats/xml/spec.ts';
import type { Spec } from './model/component.ts';
import { dedupeSpec } from './transforms/dedupe/spec.ts';
import { deriveSpec } from './transforms/derive/spec.ts';
import { dropSpec } from './transforms/drop/spec.ts';
import { explodeSpec } from './transforms/explode/spec.ts';
import { filterSpec } from './transforms/filter/spec.ts';
import { flattenSpec } from './transforms/flatten/spec.ts';
import { selectSpec } from './transforms/select/spec.ts';
import { sqlSpec } from './transforms/sql/spec.ts';

/** Every component by kind and type, as data: no SDK and no native module is loaded by this file. */
export const sources: Readonly<Record<string, Spec>> = {
  local: localSource,
  s3: s3Source,
  http: httpSource,
  sftp: sftpSource,
  ftp: ftpSource,
  gdrive: gdriveSource,
  duckdb: duckdbSource,
  postgres: postgresSource,
  sqlite: sqliteSource,
  mysql: mysqlSource,
  sqlserver: sqlserverSource,
  oracle: oracleSource,
};
export const destinations: Readonly<Record<string, Spec>> = {
  duckdb: duckdbDestination,
  postgres: postgresDestination,
  local: localDestination,
  s3: s3Destination,
  sftp: sftpDestination,
  sqlite: sqliteDestination,
  mysql: mysqlDestination,
  delta: deltaDestination,
};
export const formats: Readonly<Record<string, Spec>> = {
  csv: csvSpec,
  json: jsonSpec,
  parquet: parquetSpec,
  text: textSpec,
  fixed_width: fixedWidthSpec,
  sheets: sheetsSpec,
  avro: avroSpec,
  xml: xmlSpec,
  arrow: arrowSpec,
  delta: deltaSpec,
};
export const transforms: Readonly<Record<string, Spec>> = {
  filter: filterSpec,
  select: selectSpec,
  drop: dropSpec,
  derive: deriveSpec,
  flatten: flattenSpec,
  explode: explodeSpec,
  dedupe: dedupeSpec,
  sql: sqlSpec,
};
export const checks: Readonly<Record<string, Spec>> = {
  not_null: notNullSpec,
  unique: uniqueSpec,
  expression: expressionSpec,
  accepted_values: acceptedValuesSpec,
  range: rangeSpec,
  pattern: patternSpec,
  row_count: rowCountSpec,
  freshness: freshnessSpec,
};

export type { Spec };
