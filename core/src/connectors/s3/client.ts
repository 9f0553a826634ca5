import { S3Client, type S3ClientConfig, S3ServiceException } from '@aws-sdk/client-s3';
import { type ErrorPlace, SluiceError } from '../../model/error.ts';
import type { Infer } from '../../spec/schema.ts';
import { networkError } from '../shared/network.ts';
import type { sourceSpec } from './spec.ts';

export type S3Settings = Infer<typeof sourceSpec.settings> & {
  bucket?: string;
  region?: string;
  endpoint?: string;
  path_style?: boolean;
  access_key_id?: string;
  secret_access_key?: string;
  session_token?: string;
  profile?: string;
  anonymous?: boolean;
  requester_pays?: boolean;
};

/** Requests at a time of one client. */
const SOCKETS = 32;
/** Tries of one request: the SDK waits longer each time, and repeats only what may pass. */
const TRIES = 5;

/** A client for the settings. Throws `source/settings` where they contradict each other. */
export function openClient(settings: S3Settings): S3Client {
  const { access_key_id: id, secret_access_key: secret, session_token: token } = settings;
  if ((id === undefined) !== (secret === undefined)) {
    throw new SluiceError('source/settings', 'config', '`access_key_id` and `secret_access_key` go together', {
      hint: "Give both, or neither: the machine's own AWS credentials are used then.",
    });
  }
  if (settings.endpoint !== undefined && !URL.canParse(settings.endpoint)) {
    throw new SluiceError('source/settings', 'config', `\`endpoint\` is no address: ${settings.endpoint}`, {
      hint: 'Write scheme and host, such as https://minio.example.com:9000.',
    });
  }
  // The SDK would say on stderr which of its later versions want a newer Node.
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true';
  const config: S3ClientConfig = {
    maxAttempts: TRIES,
    followRegionRedirects: true,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: {
      connectionTimeout: 10_000,
      requestTimeout: 60_000,
      httpsAgent: { maxSockets: SOCKETS },
      httpAgent: { maxSockets: SOCKETS },
    },
  };
  const region = settings.region ?? process.env.AWS_REGION ?? process.env.AWS_DEFAULT_REGION;
  if (region !== undefined) config.region = region;
  else if (settings.profile === undefined) config.region = 'us-east-1';
  if (settings.endpoint !== undefined) config.endpoint = settings.endpoint;
  config.forcePathStyle = settings.path_style ?? settings.endpoint !== undefined;
  if (settings.profile !== undefined) config.profile = settings.profile;
  if (id !== undefined && secret !== undefined) {
    config.credentials = { accessKeyId: id, secretAccessKey: secret, ...(token ? { sessionToken: token } : {}) };
  }
  if (settings.anonymous) {
    config.signer = { sign: async (request) => request };
    config.credentials = { accessKeyId: '', secretAccessKey: '' };
  }
  return new S3Client(config);
}

/** Name of the bucket. Throws where there is none. */
export function bucketOf(settings: S3Settings): string {
  if (settings.bucket) return settings.bucket;
  throw new SluiceError('source/settings', 'config', 'The connection names no bucket', {
    hint: 'Write `bucket:` beside the other keys of the connection.',
  });
}

interface Told {
  code: string;
  kind: 'config' | 'transient';
  message: string;
  hint: string;
}

/** What an error of the store says to the user, without anything of the request. */
export function explainS3(error: unknown, settings: S3Settings, key?: string): Error {
  if (error instanceof SluiceError) return error;
  const host = settings.endpoint === undefined ? 'Amazon S3' : new URL(settings.endpoint).host;
  const network = networkError(error, host);
  if (network) return network;
  const name = error instanceof Error ? error.name : '';
  const status = error instanceof S3ServiceException ? (error.$metadata.httpStatusCode ?? 0) : 0;
  const where: ErrorPlace = key === undefined ? {} : { path: key };
  const { code, kind, message, hint } = told(name, status, settings.bucket ?? '', key, error);
  return new SluiceError(code, kind, message, { where, hint, cause: error });
}

const CHECK_KEYS = 'Check `access_key_id` and `secret_access_key`, or the credentials of this machine.';

function told(name: string, status: number, bucket: string, key: string | undefined, error: unknown): Told {
  const object = key === undefined ? `bucket ${bucket}` : `${key} in bucket ${bucket}`;
  const config = (code: string, message: string, hint: string): Told => ({ code, kind: 'config', message, hint });
  const passing = (code: string, message: string, hint: string): Told => ({ code, kind: 'transient', message, hint });
  switch (name) {
    case 'NoSuchBucket':
      return config('source/missing', `There is no bucket ${bucket}`, 'Check its name, its region and the endpoint.');
    case 'InvalidAccessKeyId':
      return config('source/auth', 'The store does not know the access key', CHECK_KEYS);
    case 'SignatureDoesNotMatch':
      return config('source/auth', 'The secret does not belong to the access key', CHECK_KEYS);
    case 'ExpiredToken':
    case 'InvalidToken':
    case 'TokenRefreshRequired':
      return config('source/auth', 'The session token has expired or is not valid', 'Get new temporary credentials.');
    case 'CredentialsProviderError':
    case 'TokenProviderError':
      return config('source/auth', `No AWS credentials were found: ${firstLine(error)}`, CHECK_KEYS);
    case 'PermanentRedirect':
    case 'AuthorizationHeaderMalformed':
    case 'IllegalLocationConstraintException':
      return config('source/region', `Bucket ${bucket} is in another region`, 'Write its region into the connection.');
    case 'InvalidObjectState':
      return config(
        'source/archived',
        `${object} is archived and cannot be read`,
        'Restore it first, or leave it out with `exclude`.',
      );
    case 'RequestTimeTooSkewed':
      return config('source/auth', "This machine's clock differs too much from the store's", 'Set the clock.');
    case 'PreconditionFailed':
      return passing(
        'source/changed',
        `${object} changed while it was read`,
        'Run again; `min_age` holds back what is being written.',
      );
    case 'NoSuchKey':
      return passing('source/gone', `${object} was there when files were listed and is gone now`, 'Run again.');
  }
  if (status === 412) return told('PreconditionFailed', 0, bucket, key, error);
  if (status === 404) return told(key === undefined ? 'NoSuchBucket' : 'NoSuchKey', 0, bucket, key, error);
  if (status === 301 || status === 307) return told('PermanentRedirect', 0, bucket, key, error);
  if (status === 401 || status === 403) {
    const right = key === undefined ? 's3:ListBucket' : 's3:GetObject';
    return config(
      'source/permission',
      `No right to read ${object}`,
      `Give the account ${right}; check bucket and keys too.`,
    );
  }
  if (status === 429 || status >= 500)
    return passing('source/unavailable', `The store answers ${status} (${name}) for ${object}`, 'Run again later.');
  return config(
    'source/failed',
    `${object} cannot be read: ${name} ${firstLine(error)}`,
    'Check the settings of the connection.',
  );
}

function firstLine(error: unknown): string {
  return error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
}
