import type { Spec } from '../model/component.ts';
import { type Schema, schema } from '../spec/schema.ts';
import * as specs from '../specs.ts';
import { componentSchemas } from './component-schemas.ts';
import { PARTIAL_SCHEMAS } from './host.ts';

const NAME = '^[a-z][a-z0-9_]{0,62}$';

const name = schema({
  type: 'string',
  pattern: NAME,
  description: 'Lower-case letters, digits and `_`; at most 63. Unique in the project.',
});

const metadata = schema({
  type: 'string',
  enum: ['path', 'modified_at', 'row_number', 'loaded_at', 'run_id', 'window_start'],
  'x-enum-text': [
    "The file, under the source's own name (text).",
    'When the file was last changed (timestamptz).',
    "The row's number in its file, from 1, the header not counted (bigint).",
    'When the run began (timestamptz).',
    'The run that loaded the row (text).',
    "Where the run's window begins (timestamptz); null where the stream has no windows.",
  ],
  description: 'Fills the column with what is known about the row instead of a value of the source.',
});

/** A step of `transform` or `checks`: one key, named after the component. */
function stepSchema(components: Readonly<Record<string, Spec>>): Schema {
  const properties = Object.fromEntries(
    Object.entries(components).map(([type, spec]): [string, Schema] => {
      const settings: Schema = spec.settings;
      return [type, { ...settings, title: spec.title, description: spec.text }];
    }),
  );
  return { type: 'object', 'x-step': true, additionalProperties: false, properties };
}

const columnChecks = Object.fromEntries(
  Object.entries(specs.checks).filter(([, spec]) => spec.capabilities.column_check === true),
);

const checks: Schema = {
  type: 'array',
  items: stepSchema(specs.checks),
  description:
    'Rules for the rows of a run, after `transform`. They see the rows of the run, not those already loaded.',
};

const column = schema({
  type: 'object',
  additionalProperties: false,
  required: ['name'],
  'x-synonyms': {
    column: 'name',
    source: 'from',
    source_name: 'from',
    rename_from: 'from',
    data_type: 'type',
    dtype: 'type',
    pattern: 'format',
    date_format: 'format',
    not_null: 'nullable',
    pk: 'primary_key',
    tests: 'checks',
  },
  properties: {
    name: {
      type: 'string',
      'x-kind': 'new-column',
      minLength: 1,
      description: 'Name in everything after `columns`: transforms, checks, destination.',
    },
    from: {
      type: 'string',
      'x-kind': 'source-column',
      minLength: 1,
      description: 'Name in the source, where it differs.',
    },
    type: {
      type: 'string',
      'x-kind': 'type',
      description:
        'boolean, int, bigint, double, decimal(p,s), text, binary, date, time, timestamp, timestamptz, uuid, json, list<t>, struct<name: t, …>. Left out: the type of the destination, else inferred from the rows.',
    },
    format: {
      type: 'string',
      'x-kind': 'strftime',
      description: 'How dates or times are written in the source, as strftime.',
    },
    decimal: { type: 'string', minLength: 1, maxLength: 1, description: 'Decimal mark of numbers in this column.' },
    thousands: { type: 'string', minLength: 1, maxLength: 1, description: 'Mark between groups of three digits.' },
    scale: {
      type: 'integer',
      minimum: 1,
      maximum: 38,
      description: 'Digits behind a point that is not written: 2 reads `12345` as 123.45.',
    },
    nullable: { type: 'boolean', default: true, description: 'false: a row without a value is a bad row.' },
    primary_key: { type: 'boolean', default: false, description: "Part of the stream's key." },
    mask: {
      type: 'string',
      enum: ['hash', 'redact', 'partial'],
      'x-enum-text': [
        'HMAC-SHA-256 in hexadecimal under `masking.key` of sluice.yaml: equal values stay equal.',
        '`***` for a text, null for other types.',
        '`****`, and behind it the last 4 characters of values that have at least 8.',
      ],
      'x-value-synonyms': { hmac: 'hash', sha256: 'hash', hide: 'redact', remove: 'redact', last4: 'partial' },
      description:
        'Hides the values after transforms and checks, in the destination, in rows set aside and in previews. It follows the name: a column that a step copies the values to has to be masked as well. Null stays null; `hash` and `partial` make the column text.',
    },
    metadata,
    derived: {
      type: 'boolean',
      default: false,
      description: 'A transform makes this column; it is listed to give it a type or checks.',
    },
    description: { type: 'string' },
    checks: {
      type: 'array',
      items: stepSchema(columnChecks),
      description: 'Rules for this column.',
    },
  },
} as const);

const columns: Schema = {
  type: 'array',
  items: column,
  description: 'Pins names, types and rules of columns. It does not select: other columns pass with inferred types.',
};

const transform: Schema = {
  type: 'array',
  items: stepSchema(specs.transforms),
  description: 'Steps that change rows, in order. They speak the names of `columns`.',
};

const incremental: Schema = {
  type: 'object',
  description: 'What a run reads. Left out: `files` for files that are appended or merged, else `none`.',
  'x-union': {
    key: 'type',
    of: {
      none: object('Everything, every time.', {}),
      files: object('Files that were not loaded before.', {
        on_change: {
          type: 'string',
          enum: ['reload', 'ignore', 'fail'],
          'x-enum-text': ['It is loaded again.', 'It is passed over.', 'The stream fails.'],
          description: 'A file that was loaded and then changed. Left out: `reload` for merge, `fail` for append.',
        },
      }),
      cursor: object(
        'Rows whose cursor is beyond the greatest one that was loaded.',
        {
          column: {
            type: 'string',
            minLength: 1,
            'x-kind': 'source-column',
            description: "The cursor's name in the source.",
          },
          initial_value: {
            type: 'string',
            minLength: 1,
            description:
              "The first run reads rows from this value on, as the cursor's type writes it: `2025-01-31`, `2025-01-31T06:00:00Z`, `1000`.",
          },
          lookback: {
            type: 'string',
            'x-kind': 'duration',
            default: '0s',
            description: 'How far before the cursor each run reads again.',
          },
        },
        ['column'],
      ),
      window: object(
        "One stretch of time a run, begun and ended by the clock of the schedule's zone. The finished ones are the checkpoint. `${window:start}` and `${window:end}`, with a strftime pattern after `|`, stand under `source`.",
        {
          column: {
            type: 'string',
            minLength: 1,
            'x-kind': 'source-column',
            description:
              "The rows' time, by its name in the source; a date or timestamp. Rows beyond the window are left out, and `replace` deletes the window's rows by it.",
          },
          every: {
            type: 'string',
            enum: ['hour', 'day', 'week', 'month'],
            'x-enum-text': [
              'From a full hour.',
              'From midnight.',
              'From Monday, midnight.',
              'From the first, midnight.',
            ],
            'x-value-synonyms': {
              hourly: 'hour',
              '1h': 'hour',
              daily: 'day',
              '1d': 'day',
              '24h': 'day',
              weekly: 'week',
              '7d': 'week',
              monthly: 'month',
            },
            description: 'How long a window is.',
          },
          lookback: {
            type: 'integer',
            minimum: 0,
            maximum: 1000,
            default: 0,
            description: 'How many finished windows are loaded once more each time, for rows that come late.',
          },
        },
        ['column', 'every'],
      ),
    },
  },
  'x-synonyms': {
    incremental_key: 'column',
    cursor_field: 'column',
    update_key: 'column',
    replication_key: 'column',
    time_column: 'column',
    event_time: 'column',
    partition_by: 'column',
    interval: 'every',
    granularity: 'every',
    batch_size: 'every',
    window_size: 'every',
    lag: 'lookback',
    initial: 'initial_value',
    start: 'initial_value',
    start_date: 'initial_value',
    begin: 'initial_value',
    cursor_start: 'initial_value',
  },
  'x-value-synonyms': {
    microbatch: 'window',
    time_interval: 'window',
    interval: 'window',
    timestamp: 'cursor',
    incremental: 'cursor',
    append: 'cursor',
    full: 'none',
    full_refresh: 'none',
    file: 'files',
  },
};

function object(
  description: string,
  properties: Readonly<Record<string, Schema>>,
  required: readonly string[] = [],
): Schema {
  return { type: 'object', description, properties, required, additionalProperties: false };
}

const maxRejected: Schema = {
  ...object('More rejected rows than this fail the stream, which then commits nothing.', {
    rows: { type: 'integer', minimum: 0, description: 'Most rows of one run.' },
    ratio: { type: 'number', minimum: 0, maximum: 1, description: 'Greatest part of the rows read, 0 to 1.' },
  }),
  minProperties: 1,
};

export const limits: Schema = object('Where a run stops.', { max_rejected: maxRejected });

const compute: Schema = {
  ...object('Threads and memory of a run.', {
    preset: {
      type: 'string',
      enum: ['small-batch', 'medium-batch', 'large-batch', 'streaming'],
      'x-enum-text': ['1 worker, 1GB', '2 to 10 workers, 4GB', '5 to 50 workers, 16GB', '3 to 20 workers, 4GB'],
      default: 'small-batch',
      description: 'Workers and memory in one word; own keys win over it.',
    },
    workers: object('Worker threads of the run; between the two they follow the backlog.', {
      min: { type: 'integer', minimum: 1, maximum: 1000 },
      max: { type: 'integer', minimum: 1, maximum: 1000 },
    }),
    memory: { type: 'string', 'x-kind': 'size', description: 'Memory of the whole run: `2GB`, `512MiB`.' },
  }),
  'x-synonyms': { resources: 'preset', size: 'preset', threads: 'workers', parallelism: 'workers', ram: 'memory' },
};

const schedule: Schema = {
  ...object(
    'When the daemon runs the job. A text alone is the cron.',
    {
      cron: {
        type: 'string',
        'x-kind': 'cron',
        description: 'Five fields (minute hour day month weekday), or `@daily` and the like.',
      },
      timezone: {
        type: 'string',
        'x-kind': 'timezone',
        default: 'UTC',
        description: 'IANA zone in which the cron is read.',
      },
      start: { type: 'string', 'x-kind': 'timestamp', description: 'No run is due before.' },
      end: { type: 'string', 'x-kind': 'timestamp', description: 'No run is due from here on.' },
      overlap_policy: {
        type: 'string',
        enum: ['skip', 'queue', 'cancel'],
        'x-enum-text': ['The new run is skipped.', 'The new run waits.', 'The running one is cancelled.'],
        default: 'skip',
        description: 'A run is due while one is still going.',
      },
      catchup: {
        type: 'string',
        enum: ['none', 'latest', 'all'],
        'x-enum-text': [
          'Missed runs are dropped.',
          'The last missed one is run.',
          'All missed ones are run, oldest first.',
        ],
        default: 'latest',
        description: 'Runs that were missed while no daemon was there.',
      },
    },
    ['cron'],
  ),
  'x-shorthand': 'cron',
  'x-synonyms': {
    cron_expression: 'cron',
    schedule_interval: 'cron',
    tz: 'timezone',
    time_zone: 'timezone',
    start_date: 'start',
    end_date: 'end',
    overlap: 'overlap_policy',
    catch_up: 'catchup',
  },
};

const retries: Schema = {
  ...object('Attempts after one that failed for a passing reason.', {
    max: { type: 'integer', minimum: 0, maximum: 100, default: 0, description: 'Retries after the first attempt.' },
    delay: { type: 'string', 'x-kind': 'duration', default: '30s', description: 'Wait before the first retry.' },
    backoff: {
      type: 'string',
      enum: ['fixed', 'exponential'],
      'x-enum-text': ['The same wait each time.', 'Twice the wait each time.'],
      default: 'exponential',
    },
  }),
  'x-synonyms': { count: 'max', attempts: 'max', max_retries: 'max', retry_delay: 'delay' },
};

const { source, destination } = componentSchemas(specs);

const enabled: Schema = {
  type: 'boolean',
  default: true,
  description: 'false: it stays in the project and does not run.',
};

/** The parts of a job that a stream may say for itself. */
const streamed = { source, columns, transform, checks, incremental, destination };

const synonyms = {
  target: 'destination',
  sink: 'destination',
  to: 'destination',
  from: 'source',
  input: 'source',
  fields: 'columns',
  schema: 'columns',
  transforms: 'transform',
  transformations: 'transform',
  steps: 'transform',
  tests: 'checks',
  quality: 'checks',
  expectations: 'checks',
  cron: 'schedule',
  retry: 'retries',
  resources: 'compute',
  tables: 'streams',
  dependencies: 'depends_on',
  needs: 'depends_on',
  labels: 'tags',
  id: 'name',
  job: 'name',
  active: 'enabled',
};

const stream: Schema = {
  ...object(
    'A partial job, laid over the job.',
    {
      name: {
        ...name,
        description:
          'Unique in the job; also the table where none is named. Left out where `source.table` is a pattern: each table gives its own.',
      },
      enabled,
      exclude: {
        type: 'array',
        items: { type: 'string', minLength: 1 },
        'x-shorthand': '',
        description:
          'Tables that `source.table` matches and that are left out: names or patterns. Tables with an entry of their own are left out anyway.',
        examples: [['public.audit_*']],
      },
      ...streamed,
    },
    [],
  ),
  'x-synonyms': synonyms,
};

PARTIAL_SCHEMAS.add(stream);

/** Every key of a job file. `streams` items and `defaults` are partial: what is required is asked of the merged whole. */
export const jobSchema: Schema = {
  ...object(
    'A job: from source over transforms and checks to destination.',
    {
      name,
      renamed_from: {
        type: 'array',
        items: name,
        'x-shorthand': '',
        description: 'Earlier names: state and history are carried over.',
      },
      enabled,
      description: { type: 'string' },
      owner: { type: 'string', minLength: 1 },
      tags: { type: 'array', items: { type: 'string', minLength: 1 }, uniqueItems: true, 'x-shorthand': '' },
      depends_on: {
        type: 'array',
        items: { type: 'string', 'x-kind': 'job' },
        uniqueItems: true,
        'x-shorthand': '',
        description: 'Jobs that must have succeeded before.',
      },
      ...streamed,
      streams: {
        type: 'array',
        items: stream,
        minItems: 1,
        description:
          'Several tables in one job: each entry is laid over the job. Where the table of a source is a pattern, each table that it matches when a run starts is a stream.',
      },
      limits,
      compute,
      schedule,
      retries,
      timeout: { type: 'string', 'x-kind': 'duration', description: 'Longest time of one attempt.' },
    },
    ['name', 'source'],
  ),
  title: 'Sluice job',
  'x-synonyms': synonyms,
};
