import type { Spec } from '../model/component.ts';
import { onFailure } from '../spec/on-failure.ts';
import { type Schema, schema } from '../spec/schema.ts';
import { RUNTIME_SCHEMAS } from './host.ts';

/** The components that a language is made of. */
export interface Components {
  sources: Readonly<Record<string, Spec>>;
  destinations: Readonly<Record<string, Spec>>;
  formats: Readonly<Record<string, Spec>>;
}

const contractMode = schema({
  type: 'string',
  enum: ['evolve', 'freeze', 'discard_row', 'discard_value', 'quarantine'],
  'x-enum-text': [
    'The table follows the rows.',
    'The stream fails before it commits.',
    'The row is left out.',
    'The value is left out, the row is kept.',
    'The row is set aside.',
  ],
  'x-value-synonyms': {
    append_new_columns: 'evolve',
    sync_all_columns: 'evolve',
    add: 'evolve',
    allow: 'evolve',
    merge_schema: 'evolve',
    strict: 'freeze',
    fail: 'freeze',
    error: 'freeze',
    ignore: 'discard_value',
    drop: 'discard_row',
  },
});

const disposition = schema({
  type: 'string',
  enum: ['append', 'replace', 'merge'],
  'x-enum-text': [
    'Rows are added.',
    'The table is swapped for the new rows once they are all there.',
    'Rows are inserted or updated by key.',
  ],
  'x-value-synonyms': {
    upsert: 'merge',
    dedup: 'merge',
    append_dedup: 'merge',
    append_deduped: 'merge',
    incremental_append_deduped: 'merge',
    incremental_deduped_history: 'merge',
    incremental_append_dedup: 'merge',
    merge_into: 'merge',
    insert_update: 'merge',
    incremental_append: 'append',
    append_only: 'append',
    insert_only: 'append',
    full_refresh_append: 'append',
    full_refresh_overwrite: 'replace',
    'create+replace': 'replace',
    'truncate+insert': 'replace',
    'delete+insert': 'replace',
    insert_overwrite: 'replace',
    overwrite_table: 'replace',
    snapshot: 'append',
    table: 'replace',
    update: 'merge',
    incremental: 'append',
    insert: 'append',
    full_refresh: 'replace',
    overwrite: 'replace',
    truncate: 'replace',
    full: 'replace',
    scd2: 'merge',
  },
  default: 'append',
  description: 'What happens to the rows that are already there.',
});

const TYPE_SYNONYMS = {
  postgresql: 'postgres',
  redshift: 'postgres',
  aurora: 'postgres',
  cockroachdb: 'postgres',
  sql_server: 'sqlserver',
  azure_sql: 'sqlserver',
  oracledb: 'oracle',
  motherduck: 'duckdb',
  deltalake: 'delta',
  delta_lake: 'delta',
  local_file: 'local',
  localfs: 'local',
  disk: 'local',
  https: 'http',
  web: 'http',
  gsheet: 'gdrive',
  gsheets: 'gdrive',
  drive: 'gdrive',
  minio: 's3',
  r2: 's3',
  ssh: 'sftp',
  ftps: 'ftp',
  parquet: 'local',
  csv: 'local',
  json: 'local',
  pg: 'postgres',
  mssql: 'sqlserver',
  mariadb: 'mysql',
  filesystem: 'local',
  file: 'local',
  files: 'local',
  fs: 'local',
  rest_api: 'http',
  rest: 'http',
  api: 'http',
  google_sheets: 'gdrive',
  google_drive: 'gdrive',
  sqlite3: 'sqlite',
  duck: 'duckdb',
  aws_s3: 's3',
};

const FORMAT_SYNONYMS = {
  tsv: 'csv',
  delimited: 'csv',
  txt: 'csv',
  json_lines: 'json',
  jsonlines: 'json',
  fixed: 'fixed_width',
  fwf: 'fixed_width',
  jsonl: 'json',
  ndjson: 'json',
  excel: 'sheets',
  xlsx: 'sheets',
  pq: 'parquet',
  deltalake: 'delta',
  delta_lake: 'delta',
};

const connection: Schema = {
  type: 'string',
  'x-kind': 'connection',
  minLength: 1,
  description: 'Name of a connection of sluice.yaml.',
};

const onNoData: Schema = {
  type: 'string',
  enum: ['succeed', 'warn', 'fail'],
  'x-enum-text': ['The run succeeds and commits nothing.', 'The same, with a warning.', 'The stream fails.'],
  default: 'succeed',
  description: 'There is no file to load. A table that would be replaced stays as it is.',
};

const onBadRow: Schema = {
  ...onFailure,
  title: 'On a bad row',
  description: 'What happens to a row that cannot be read, or whose value breaks a declared type.',
};

/** Keys that every destination of tables has beside its own. */
const tableKeys = schema({
  type: 'object',
  properties: {
    schema: { type: 'string', minLength: 1, description: "Schema of the table. Left out: the system's own default." },
    table: { type: 'string', minLength: 1, description: "Left out: the stream's name." },
    primary_key: {
      type: 'array',
      'x-shorthand': '',
      items: { type: 'string', minLength: 1, 'x-kind': 'column' },
      minItems: 1,
      uniqueItems: true,
      description: 'Columns that tell rows apart, by their names after `columns`.',
    },
    deletes: {
      type: 'object',
      additionalProperties: false,
      required: ['when'],
      properties: {
        when: {
          type: 'string',
          'x-kind': 'sql-expression',
          description:
            'True for a row that says its key was deleted; null is false. It sees the rows after the checks, unmasked.',
        },
        mode: {
          type: 'string',
          enum: ['hard', 'soft'],
          'x-enum-text': ['The row is deleted.', 'The row stays, and `_sluice_deleted` is set to true.'],
          default: 'hard',
          description: 'What happens to the row of that key.',
        },
      },
      'x-synonyms': { condition: 'when', hard_delete: 'when' },
      description: 'With `merge`: rows that delete instead of being written.',
    },
    naming: {
      type: 'string',
      enum: ['as_is', 'snake_case'],
      'x-enum-text': ['As the source writes them.', '`orderId` and `Kunden-Nr.` become order_id and kunden_nr.'],
      'x-value-synonyms': { direct: 'as_is', none: 'as_is', source: 'as_is', preserve: 'as_is', snake: 'snake_case' },
      default: 'as_is',
      description:
        'Names of the columns that are not listed under `columns`: those of the source are renamed before the transforms, which speak the new names, and those that transforms make behind them. Words begin at a capital and at whatever is no letter or digit; accents are taken off. Two columns that come to one name are an error.',
    },
    schema_contract: {
      type: 'object',
      additionalProperties: false,
      properties: {
        columns: { ...contractMode, default: 'evolve', description: 'The rows have a column that the table lacks.' },
        data_type: {
          ...contractMode,
          default: 'freeze',
          description: "The rows need another type than the table's column has.",
        },
      },
      description: 'Whether the table may change; for files, whether later ones may differ from earlier ones.',
    },
  },
} as const).properties;

const SYNONYMS = {
  kind: 'type',
  conn: 'connection',
  connection_id: 'connection',
  credentials: 'connection',
  sync_mode: 'write_disposition',
  destination_sync_mode: 'write_disposition',
  strategy: 'write_disposition',
  save_mode: 'write_disposition',
  if_exists: 'write_disposition',
  object: 'table',
  target_table: 'table',
  destination_table: 'table',
  dest_table: 'table',
  dataset_name: 'schema',
  target_schema: 'schema',
  dest_schema: 'schema',
  namespace: 'schema',
  id_columns: 'primary_key',
  pk: 'primary_key',
  primarykey: 'primary_key',
  schema_evolution: 'schema_contract',
  on_schema_change: 'schema_contract',
  hard_delete: 'deletes',
  write_mode: 'write_disposition',
  mode: 'write_disposition',
  load_mode: 'write_disposition',
  update_strategy: 'write_disposition',
  materialized: 'write_disposition',
  unique_key: 'primary_key',
  key: 'primary_key',
  keys: 'primary_key',
  merge_key: 'primary_key',
  table_name: 'table',
  dataset: 'schema',
  contract: 'schema_contract',
  naming_convention: 'naming',
  column_casing: 'naming',
};

/** Schemas of `source` and `destination`: one closed object for each component that there is. */
export function componentSchemas(components: Components): { source: Schema; destination: Schema } {
  const format = formatSchema(components);
  const fileKeys = (spec: Spec) => (spec.capabilities.yields === 'bytes' ? { format, on_no_data: onNoData } : {});
  const text = 'Where rows go. Left out: DuckDB at `.sluice/warehouse.duckdb`.';
  return {
    source: union(components.sources, 'Where rows come from.', fileKeys, {
      kind: 'type',
      conn: 'connection',
      connection_id: 'connection',
      credentials: 'connection',
      source_connection: 'connection',
      file_type: 'format',
      file_format: 'format',
      source_table: 'table',
      stream: 'table',
      object: 'table',
      custom_sql: 'query',
      statement: 'query',
      files: 'path',
      file_path: 'path',
      bucket_url: 'path',
      file_glob: 'path',
      empty: 'on_no_data',
      if_empty: 'on_no_data',
    }),
    destination: union(components.destinations, text, destinationKeys, SYNONYMS),
  };
}

function destinationKeys(spec: Spec): Readonly<Record<string, Schema>> {
  const known = spec.capabilities.write_dispositions ?? disposition.enum;
  const texts = disposition.enum.flatMap((value, i) => (known.includes(value) ? [disposition['x-enum-text'][i]!] : []));
  const { schema: place, ...others } = tableKeys;
  const { table: _, ...ofFiles } = others;
  const files = known.includes('merge') ? ofFiles : { schema_contract: tableKeys.schema_contract };
  const own = spec.capabilities.default_schema === undefined ? others : { schema: place, ...others };
  return {
    ...(spec.capabilities.holds === 'files' ? files : own),
    write_disposition: {
      ...disposition,
      enum: disposition.enum.filter((value) => known.includes(value)),
      'x-enum-text': texts,
    },
  };
}

function union(
  specs: Readonly<Record<string, Spec>>,
  description: string,
  keys: (spec: Spec) => Readonly<Record<string, Schema>>,
  synonyms: Readonly<Record<string, string>>,
): Schema {
  const of: Record<string, Schema> = {};
  for (const [type, spec] of Object.entries(specs)) {
    const settings: Schema = spec.settings;
    of[type] = {
      type: 'object',
      title: spec.title,
      description: spec.text,
      properties: { connection, ...keys(spec), ...spec.connection?.properties, ...settings.properties },
      required: settings.required ?? [],
      additionalProperties: false,
      'x-synonyms': { ...synonyms, ...spec.connection?.['x-synonyms'], ...settings['x-synonyms'] },
    };
  }
  const result: Schema = {
    type: 'object',
    description,
    'x-union': { key: 'type', of },
    'x-value-synonyms': TYPE_SYNONYMS,
    'x-synonyms': synonyms,
  };
  RUNTIME_SCHEMAS.add(result);
  return result;
}

function formatSchema(components: Components): Schema {
  const of: Record<string, Schema> = {};
  for (const [type, spec] of Object.entries(components.formats)) {
    const settings: Schema = spec.settings;
    const properties = { on_bad_row: onBadRow, ...settings.properties };
    of[type] = { ...settings, title: spec.title, description: spec.text, properties };
  }
  return {
    type: 'object',
    description: 'How the files are written. Left out: told by the name and content of the files, and said.',
    'x-union': { key: 'type', of },
    'x-shorthand': 'type',
    'x-value-synonyms': FORMAT_SYNONYMS,
  };
}

/** Schema of one entry of `connections` in sluice.yaml: the connection keys of every system. */
export function connectionSchema(components: Components): Schema {
  const of: Record<string, Schema> = {};
  for (const specs of [components.sources, components.destinations]) {
    for (const [type, spec] of Object.entries(specs)) {
      const own: Schema = spec.connection ?? { type: 'object', properties: {}, additionalProperties: false };
      const earlier = of[type];
      of[type] = {
        ...own,
        title: spec.title,
        properties: { ...earlier?.properties, ...own.properties },
        required: [...new Set([...(earlier?.required ?? []), ...(own.required ?? [])])],
        'x-synonyms': { ...earlier?.['x-synonyms'], ...own['x-synonyms'] },
      };
    }
  }
  const result: Schema = {
    type: 'object',
    description: 'A system and how to reach it.',
    'x-union': { key: 'type', of },
    'x-value-synonyms': TYPE_SYNONYMS,
  };
  RUNTIME_SCHEMAS.add(result);
  return result;
}
