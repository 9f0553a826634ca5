import type { Spec } from '../model/component.ts';
import { type Schema, schema } from '../spec/schema.ts';
import * as specs from '../specs.ts';
import { notify, sla } from './channel-schema.ts';
import { componentSchemas } from './component-schemas.ts';
import { PARTIAL_SCHEMAS } from './host.ts';
import { incremental } from './incremental-schema.ts';
import { object } from './object-schema.ts';
import { retries, schedule } from './schedule-schema.ts';
import { CHECK_WORDS, COLUMN_WORDS, JOB_WORDS, TRANSFORM_WORDS } from './words.ts';

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
function stepSchema(components: Readonly<Record<string, Spec>>, synonyms: Readonly<Record<string, string>>): Schema {
  const properties = Object.fromEntries(
    Object.entries(components).map(([type, spec]): [string, Schema] => {
      const settings: Schema = spec.settings;
      return [type, { ...settings, title: spec.title, description: spec.text }];
    }),
  );
  return { type: 'object', 'x-step': true, additionalProperties: false, properties, 'x-synonyms': synonyms };
}

const columnChecks = Object.fromEntries(
  Object.entries(specs.checks).filter(([, spec]) => spec.capabilities.column_check === true),
);

const checks: Schema = {
  type: 'array',
  items: stepSchema(specs.checks, CHECK_WORDS),
  description:
    'Rules for the rows of a run, after `transform`. They see the rows of the run, not those already loaded.',
};

const column = schema({
  type: 'object',
  additionalProperties: false,
  required: ['name'],
  'x-synonyms': COLUMN_WORDS,
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
      items: stepSchema(columnChecks, CHECK_WORDS),
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
  items: stepSchema(specs.transforms, TRANSFORM_WORDS),
  description: 'Steps that change rows, in order. They speak the names of `columns`.',
};

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

const { source, destination } = componentSchemas(specs);

const enabled: Schema = {
  type: 'boolean',
  default: true,
  description: 'false: it stays in the project and does not run.',
};

/** The parts of a job that a stream may say for itself. */
const streamed = { source, columns, transform, checks, incremental, destination };

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
          'Tables that `source.table` matches and that are left out: names or patterns; without a schema, of the schema that `source.table` names. Tables with an entry of their own are left out anyway.',
        examples: [['public.audit_*']],
      },
      ...streamed,
    },
    [],
  ),
  'x-synonyms': JOB_WORDS,
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
      notify,
      sla,
    },
    ['name', 'source'],
  ),
  title: 'Sluice job',
  'x-synonyms': JOB_WORDS,
};
