import type { Check, Destination, FormatReader, FormatWriter, Source, Transform } from './model/component.ts';

/** Every component's implementation by kind and type; each is loaded when it is first used. */
export const sources: Readonly<Record<string, { load: () => Promise<Source> }>> = {
  local: { load: async () => (await import('./connectors/local/source.ts')).source },
  s3: { load: async () => (await import('./connectors/s3/source.ts')).source },
  duckdb: { load: async () => (await import('./connectors/duckdb/source.ts')).source },
  postgres: { load: async () => (await import('./connectors/postgres/source.ts')).source },
  sqlite: { load: async () => (await import('./connectors/sqlite/source.ts')).source },
  gdrive: { load: async () => (await import('./connectors/gdrive/source.ts')).source },
  ftp: { load: async () => (await import('./connectors/ftp/source.ts')).source },
  sftp: { load: async () => (await import('./connectors/sftp/source.ts')).source },
  mysql: { load: async () => (await import('./connectors/mysql/source.ts')).source },
  sqlserver: { load: async () => (await import('./connectors/sqlserver/source.ts')).source },
  oracle: { load: async () => (await import('./connectors/oracle/source.ts')).source },
  http: { load: async () => (await import('./connectors/http/source.ts')).source },
};
export const destinations: Readonly<Record<string, { load: () => Promise<Destination> }>> = {
  duckdb: { load: async () => (await import('./connectors/duckdb/destination.ts')).duckdb },
  postgres: { load: async () => (await import('./connectors/postgres/destination.ts')).postgres },
  local: { load: async () => (await import('./connectors/local/destination.ts')).localDestination(writers) },
  s3: { load: async () => (await import('./connectors/s3/destination.ts')).s3Destination(writers) },
  sftp: { load: async () => (await import('./connectors/sftp/destination.ts')).sftpDestination(writers) },
  sqlite: { load: async () => (await import('./connectors/sqlite/destination.ts')).sqlite },
  mysql: { load: async () => (await import('./connectors/mysql/destination.ts')).mysql },
  delta: { load: async () => (await import('./connectors/delta/destination.ts')).delta },
};
export const formats: Readonly<Record<string, { load: () => Promise<FormatReader> }>> = {
  csv: { load: async () => (await import('./formats/csv/reader.ts')).csv },
  json: { load: async () => (await import('./formats/json/reader.ts')).json },
  parquet: { load: async () => (await import('./formats/parquet/reader.ts')).parquet },
  text: { load: async () => (await import('./formats/text/reader.ts')).text },
  fixed_width: { load: async () => (await import('./formats/fixed_width/reader.ts')).fixedWidth },
  sheets: { load: async () => (await import('./formats/sheets/reader.ts')).sheets },
  avro: { load: async () => (await import('./formats/avro/reader.ts')).avro },
  xml: { load: async () => (await import('./formats/xml/reader.ts')).xml },
  delta: { load: async () => (await import('./formats/delta/reader.ts')).delta },
  arrow: { load: async () => (await import('./formats/arrow/reader.ts')).arrow },
};
export const writers: Readonly<Record<string, { load: () => Promise<FormatWriter> }>> = {
  csv: { load: async () => (await import('./formats/csv/writer.ts')).csvWriter },
  json: { load: async () => (await import('./formats/json/writer.ts')).jsonWriter },
  parquet: { load: async () => (await import('./formats/parquet/writer.ts')).parquetWriter },
  arrow: { load: async () => (await import('./formats/arrow/writer.ts')).arrowWriter },
};
export const transforms: Readonly<Record<string, { load: () => Promise<Transform> }>> = {
  filter: { load: async () => (await import('./transforms/filter/transform.ts')).filter },
  select: { load: async () => (await import('./transforms/select/transform.ts')).select },
  drop: { load: async () => (await import('./transforms/drop/transform.ts')).drop },
  derive: { load: async () => (await import('./transforms/derive/transform.ts')).derive },
  flatten: { load: async () => (await import('./transforms/flatten/transform.ts')).flatten },
  explode: { load: async () => (await import('./transforms/explode/transform.ts')).explode },
  dedupe: { load: async () => (await import('./transforms/dedupe/transform.ts')).dedupe },
  sql: { load: async () => (await import('./transforms/sql/transform.ts')).sql },
};
export const checks: Readonly<Record<string, { load: () => Promise<Check> }>> = {
  not_null: { load: async () => (await import('./checks/not_null/check.ts')).notNull },
  unique: { load: async () => (await import('./checks/unique/check.ts')).unique },
  expression: { load: async () => (await import('./checks/expression/check.ts')).expression },
  accepted_values: { load: async () => (await import('./checks/accepted_values/check.ts')).acceptedValues },
  range: { load: async () => (await import('./checks/range/check.ts')).range },
  pattern: { load: async () => (await import('./checks/pattern/check.ts')).pattern },
  row_count: { load: async () => (await import('./checks/row_count/check.ts')).rowCount },
  freshness: { load: async () => (await import('./checks/freshness/check.ts')).freshness },
};
