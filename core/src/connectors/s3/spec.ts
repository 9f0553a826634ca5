import { compression } from '../../spec/compression.ts';
import { schema } from '../../spec/schema.ts';
import { defineSpec } from '../../spec/spec.ts';
import { FILE_SYNONYMS, fileExclude, filePath, fileRegex, minAge } from '../shared/file-settings.ts';

const s3Connection = schema({
  type: 'object',
  properties: {
    bucket: { type: 'string', minLength: 1, description: 'Name of the bucket.', examples: ['acme-lake'] },
    region: {
      type: 'string',
      minLength: 1,
      description: "Region of the bucket. Left out: the one of the machine's AWS settings, else us-east-1.",
      examples: ['eu-central-1'],
    },
    endpoint: {
      type: 'string',
      'x-kind': 'url',
      minLength: 1,
      description: 'Address of a store that speaks S3 and is not AWS.',
      examples: ['https://minio.example.com:9000'],
    },
    path_style: {
      type: 'boolean',
      description:
        'The bucket stands in the path of the address, not in its host name. Left out: where `endpoint` is given.',
    },
    access_key_id: {
      type: 'string',
      minLength: 1,
      description:
        'Key of the account. Without it: the environment, the shared files, the role of the machine, as every AWS tool looks for them.',
      examples: ['${env:LAKE_KEY}'],
    },
    secret_access_key: {
      type: 'string',
      'x-kind': 'secret',
      description: 'Secret of the key.',
      examples: ['${env:LAKE_SECRET}'],
    },
    session_token: { type: 'string', 'x-kind': 'secret', description: 'Token of temporary credentials.' },
    profile: { type: 'string', minLength: 1, description: 'Profile of the shared AWS files to take credentials from.' },
    anonymous: { type: 'boolean', description: 'Requests are not signed: for public buckets.' },
    requester_pays: {
      type: 'boolean',
      description: 'The account of the key pays for the transfer, as some buckets want.',
    },
  },
  additionalProperties: false,
  'x-synonyms': {
    aws_access_key_id: 'access_key_id',
    access_key: 'access_key_id',
    aws_secret_access_key: 'secret_access_key',
    secret_key: 'secret_access_key',
    aws_session_token: 'session_token',
    region_name: 'region',
    aws_region: 'region',
    endpoint_url: 'endpoint',
    bucket_name: 'bucket',
    force_path_style: 'path_style',
  },
});

export const sourceSpec = defineSpec({
  kind: 'source',
  type: 's3',
  title: 'S3',
  text: 'Objects of a bucket in Amazon S3 or a store that speaks its protocol. Paths are keys.',
  settings: schema({
    type: 'object',
    properties: {
      path: {
        ...filePath,
        description: 'One key or a pattern of keys: `*` between slashes, `**` across them, `{a,b}` either.',
      },
      exclude: fileExclude,
      regex: fileRegex,
      min_age: minAge('0s', 'Objects written more recently wait for a later run.'),
      compression,
    },
    required: ['path'],
    additionalProperties: false,
    'x-synonyms': FILE_SYNONYMS,
  }),
  connection: s3Connection,
  secrets: ['secret_access_key', 'session_token'],
  address: ['bucket', 'endpoint'],
  capabilities: { yields: 'bytes', batch: true, streaming: false, placement: 'any' },
  examples: [
    'type: s3\nbucket: acme-lake\nregion: eu-central-1\npath: orders/**/*.csv\n',
    'type: s3\nbucket: acme-lake\nendpoint: http://127.0.0.1:9000\naccess_key_id: ${env:LAKE_KEY}\nsecret_access_key: ${env:LAKE_SECRET}\npath: events/*.parquet\n',
  ],
  notes: [
    '- A key is taken as it is, whatever characters it holds. Only what a pattern may match is listed: everything before its first wildcard is asked for as a prefix. Keys that end in `/` are marks of folders and left out.',
    '- What was loaded is known by key, size, ETag and time together, and each run compares the whole listing: an object that becomes visible late, or has the same or an older time than those before it, is loaded all the same. There is no look-back window that it could miss.',
    '- Large objects come in parts of 8 MiB, several at a time; a broken transfer goes on where it stopped, and only if the object is still the same (ETag).',
    '- Of a Parquet object the footer is read first, then the columns that the job uses; a sample reads the footer alone.',
    '- Rights: `s3:GetObject`, and for patterns `s3:ListBucket`.',
  ].join('\n'),
});
