import { schema } from '../../../spec/schema.ts';

/** The connection of everything that speaks to a store by S3's protocol. */
export const s3Connection = schema({
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
