import type { Schema } from '../spec/schema.ts';
import * as specs from '../specs.ts';
import { access, api } from './access-schema.ts';
import { channels } from './channel-schema.ts';
import { connectionSchema } from './component-schemas.ts';
import { concurrency } from './concurrency-schema.ts';
import { PARTIAL_SCHEMAS, RUNTIME_SCHEMAS } from './host.ts';
import { jobSchema, limits } from './job-schema.ts';
import { jobMatch } from './match-schema.ts';
import { secrets } from './secrets-schema.ts';

const variable: Schema = {
  type: 'object',
  additionalProperties: false,
  properties: {
    default: { type: 'string', description: 'Value where neither the target nor `--var` gives one.' },
    description: { type: 'string' },
  },
};

const set: Schema = {
  ...jobSchema,
  title: 'Job defaults',
  description: 'Keys of a job; what the job says itself wins.',
  properties: Object.fromEntries(
    Object.entries(jobSchema.properties ?? {}).filter(
      ([key]) => key !== 'name' && key !== 'renamed_from' && key !== 'streams',
    ),
  ),
  required: [],
};

PARTIAL_SCHEMAS.add(set);

/** Where job files are when sluice.yaml does not say. */
export const JOB_PATTERNS: readonly string[] = ['jobs/**/*.{yaml,yml}', '**/*.sluice.yaml'];

const stateStore: Schema = {
  type: 'string',
  'x-kind': 'secret',
  description: 'URL of the Postgres that holds the state. Empty or left out: DATABASE_URL, else an embedded server.',
};
RUNTIME_SCHEMAS.add(stateStore);

const maskingKey: Schema = {
  type: 'string',
  'x-kind': 'secret',
  minLength: 1,
  description: 'Secret under which `mask: hash` hashes. Another key gives other hashes.',
};
RUNTIME_SCHEMAS.add(maskingKey);

/** Every key of sluice.yaml. */
export const projectSchema: Schema = {
  type: 'object',
  title: 'Sluice project',
  description: 'A project: connections, targets and defaults of the jobs of a repository.',
  additionalProperties: false,
  required: ['version', 'name'],
  'x-synonyms': {
    job: 'jobs',
    models: 'jobs',
    paths: 'jobs',
    vars: 'variables',
    environments: 'targets',
    profiles: 'targets',
    database: 'state_store',
    state: 'state_store',
    default: 'defaults',
    notifications: 'channels',
    alerts: 'channels',
    permissions: 'access',
    auth: 'access',
    server: 'api',
    secret_backends: 'secrets',
    vault: 'secrets',
    pools: 'concurrency',
    max_concurrency: 'concurrency',
    parallelism: 'concurrency',
  },
  properties: {
    version: { type: 'integer', enum: [1], description: 'Version of the job language.' },
    name: {
      type: 'string',
      pattern: '^[a-z][a-z0-9_-]{0,62}$',
      description: 'Lower-case letters, digits, `_` and `-`; at most 63. State belongs to this name.',
    },
    requires: {
      type: 'string',
      minLength: 1,
      description: 'Versions of Sluice that this project runs with, such as `>=0.1 <1`.',
    },
    jobs: {
      type: 'array',
      items: { type: 'string', 'x-kind': 'glob', minLength: 1 },
      minItems: 1,
      'x-shorthand': '',
      default: JOB_PATTERNS,
      description: 'Where the job files are.',
    },
    state_store: stateStore,
    variables: { type: 'object', additionalProperties: variable, description: 'Values for `${var:name}`.' },
    connections: { type: 'object', additionalProperties: connectionSchema(specs), description: 'Systems by name.' },
    targets: {
      type: 'object',
      description: 'Environments by name.',
      additionalProperties: {
        type: 'object',
        additionalProperties: false,
        properties: {
          default: { type: 'boolean', default: false, description: 'The target where none is named.' },
          variables: {
            type: 'object',
            additionalProperties: { type: 'string' },
            description: 'Values over those of `variables`.',
          },
        },
      },
    },
    defaults: {
      type: 'array',
      description: 'Laid under the jobs, in order.',
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['set'],
        properties: {
          match: jobMatch,
          set,
        },
      },
    },
    masking: {
      type: 'object',
      additionalProperties: false,
      required: ['key'],
      properties: { key: maskingKey },
      description: 'How columns are masked.',
    },
    limits,
    concurrency,
    channels,
    secrets,
    access,
    api,
  },
};
