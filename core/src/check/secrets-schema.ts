import { type Schema, schema } from '../spec/schema.ts';
import { RUNTIME_SCHEMAS } from './host.ts';

/** Providers that every project has without naming them. */
export const BUILT_IN_PROVIDERS = ['store', 'file', 'env'] as const;

/** What each type of provider that is declared in sluice.yaml is told. */
export const providerTypes = {
  vault: schema({
    type: 'object',
    title: 'HashiCorp Vault',
    description:
      'The key-value engine of Vault, version 1 or 2, by its HTTP API. `${secret:NAME/path#key}`: the path below the mount, and the key of the secret.',
    additionalProperties: false,
    required: ['address'],
    'x-synonyms': { url: 'address', addr: 'address', vault_addr: 'address', engine: 'mount', kv_version: 'version' },
    properties: {
      address: {
        type: 'string',
        'x-kind': 'url',
        minLength: 1,
        description: 'Address of the server: `https://vault.example.com:8200`.',
      },
      token: {
        type: 'string',
        'x-kind': 'secret',
        minLength: 1,
        description: 'A token. Or `role_id` and `secret_id`.',
      },
      role_id: { type: 'string', minLength: 1, description: 'Role of an AppRole login.' },
      secret_id: { type: 'string', 'x-kind': 'secret', minLength: 1, description: 'Secret of an AppRole login.' },
      auth_mount: { type: 'string', minLength: 1, default: 'approle', description: 'Where AppRole is mounted.' },
      namespace: { type: 'string', minLength: 1, description: 'Namespace, in the editions that have them.' },
      mount: { type: 'string', minLength: 1, default: 'secret', description: 'Where the key-value engine is mounted.' },
      version: { type: 'integer', enum: [1, 2], default: 2, description: 'Version of the key-value engine.' },
    },
  } as const),
  aws: schema({
    type: 'object',
    title: 'AWS Secrets Manager',
    description:
      '`${secret:NAME/id#key}`: name or ARN of the secret, and the key in its JSON; without a key the whole text. Credentials are found as the AWS command line finds them where none are given.',
    additionalProperties: false,
    'x-synonyms': { access_key: 'access_key_id', secret_key: 'secret_access_key', endpoint_url: 'endpoint' },
    properties: {
      region: {
        type: 'string',
        minLength: 1,
        description: 'Region of the secrets. Left out: as the AWS command line finds it.',
      },
      endpoint: {
        type: 'string',
        'x-kind': 'url',
        minLength: 1,
        description: 'Address of a server that speaks the same API.',
      },
      access_key_id: { type: 'string', 'x-kind': 'secret', minLength: 1, description: 'Access key.' },
      secret_access_key: { type: 'string', 'x-kind': 'secret', minLength: 1, description: "The access key's secret." },
      session_token: {
        type: 'string',
        'x-kind': 'secret',
        minLength: 1,
        description: 'Token of temporary credentials.',
      },
    },
  } as const),
  file: schema({
    type: 'object',
    title: 'Files',
    description: 'Mounted files. `${secret:NAME/path}`: a file below `folder`; with `#key` it holds JSON.',
    additionalProperties: false,
    required: ['folder'],
    'x-synonyms': { path: 'folder', dir: 'folder', directory: 'folder', root: 'folder' },
    properties: {
      folder: {
        type: 'string',
        'x-kind': 'path',
        minLength: 1,
        description: 'Folder of the files: absolute, or below the project folder.',
        examples: ['/run/secrets'],
      },
    },
  } as const),
  env: schema({
    type: 'object',
    title: 'Environment',
    description: 'Environment variables. `${secret:NAME/VARIABLE}`; with `#key` it holds JSON.',
    additionalProperties: false,
    properties: {
      prefix: { type: 'string', description: 'Put before each name.', examples: ['SLUICE_SECRET_'] },
    },
  } as const),
} as const satisfies Readonly<Record<string, Schema>>;

const provider: Schema = {
  type: 'object',
  description: 'A system that keeps secrets.',
  'x-union': { key: 'type', of: providerTypes },
  'x-value-synonyms': {
    hashicorp_vault: 'vault',
    hashicorp: 'vault',
    openbao: 'vault',
    aws_secrets_manager: 'aws',
    secretsmanager: 'aws',
    files: 'file',
    environment: 'env',
  },
};
RUNTIME_SCHEMAS.add(provider);

/** `secrets` of sluice.yaml. */
export const secrets: Schema = {
  type: 'object',
  additionalProperties: provider,
  description:
    'Where `${secret:NAME/path#key}` finds its values, by name. `store` (encrypted in the state store), `file` (/run/secrets) and `env` are there without being named.',
};
