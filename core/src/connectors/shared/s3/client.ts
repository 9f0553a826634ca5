import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';
import { type ErrorPlace, SluiceError } from '../../../model/error.ts';
import type { Infer } from '../../../spec/schema.ts';
import { ofDestination } from '../errors.ts';
import { networkError } from '../network.ts';
import type { s3Connection } from './settings.ts';

export type S3Settings = Infer<typeof s3Connection>;
/** Which side of a job speaks: their errors have codes of their own, and rights that they want. */
export type Side = 'source' | 'destination';

/** Requests at a time of one client. */
const SOCKETS = 32;
/** Tries of one request: the SDK waits longer each time, and repeats only what may pass. */
const TRIES = 5;

/** A client for the settings. Throws `source/settings` or `destination/settings` where they contradict each other. */
export function openClient(settings: S3Settings, side: Side = 'source'): S3Client {
  const { access_key_id: id, secret_access_key: secret, session_token: token } = settings;
  if ((id === undefined) !== (secret === undefined)) {
    throw new SluiceError(`${side}/settings`, 'config', '`access_key_id` and `secret_access_key` go together', {
      hint: "Give both, or neither: the machine's own AWS credentials are used then.",
    });
  }
  if (settings.endpoint !== undefined && !URL.canParse(settings.endpoint)) {
    throw new SluiceError(`${side}/settings`, 'config', `\`endpoint\` is no address: ${settings.endpoint}`, {
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
export function bucketOf(settings: S3Settings, side: Side = 'source'): string {
  if (settings.bucket) return settings.bucket;
  throw new SluiceError(`${side}/settings`, 'config', 'The connection names no bucket', {
    hint: 'Write `bucket:` beside the other keys of the connection.',
  });
}

interface Told {
  code: string;
  kind: 'config' | 'transient';
  message: string;
  hint: string;
}

/** What is spoken of where a request fails. */
interface About {
  bucket: string;
  key: string | undefined;
  side: Side;
}

/** What an error of the store says to the user, without anything of the request. */
export function explainS3(error: unknown, settings: S3Settings, key?: string, side: Side = 'source'): Error {
  if (error instanceof SluiceError) return error;
  const host = settings.endpoint === undefined ? 'Amazon S3' : new URL(settings.endpoint).host;
  const network = networkError(error, host);
  if (network) return side === 'source' ? network : ofDestination(network);
  const name = error instanceof Error ? error.name : '';
  const status = statusOf(error);
  const where: ErrorPlace = key === undefined ? {} : { path: key };
  const { code, kind, message, hint } = told(name, status, { bucket: settings.bucket ?? '', key, side }, error);
  return new SluiceError(`${side}/${code}`, kind, message, { where, hint, cause: error });
}

/** Status of the store's answer; 0 where there was none. */
export function statusOf(error: unknown): number {
  const { $metadata } = (error ?? {}) as { $metadata?: { httpStatusCode?: number } };
  return $metadata?.httpStatusCode ?? 0;
}

/** Codes of what is not there; the answer to HEAD has none of its own. */
const ABSENT: ReadonlySet<string> = new Set(['NoSuchKey', 'NoSuchUpload', 'NotFound', 'UnknownError', 'Error', '']);

/** Whether an answer says that the object or upload is not there; other answers of that status are about something else. */
export function isAbsent(error: unknown): boolean {
  return statusOf(error) === 404 && ABSENT.has((error as Error).name);
}

/** The tag without its quotes; null where the store gives none. */
export function plainTag(tag: string | undefined): string | null {
  return tag === undefined ? null : tag.replace(/^"(.*)"$/, '$1');
}

const CHECK_KEYS = 'Check `access_key_id` and `secret_access_key`, or the credentials of this machine.';
const RIGHTS = {
  source: { bucket: 's3:ListBucket', object: 's3:GetObject' },
  destination: {
    bucket: 's3:ListBucket and s3:ListBucketMultipartUploads',
    object: 's3:GetObject, s3:PutObject, s3:DeleteObject, s3:AbortMultipartUpload and s3:ListMultipartUploadParts',
  },
};

function told(name: string, status: number, about: About, error: unknown): Told {
  const { bucket, key, side } = about;
  const object = key === undefined ? `bucket ${bucket}` : `${key} in bucket ${bucket}`;
  const [verb, done] = side === 'source' ? ['read', 'read'] : ['write', 'written'];
  const config = (code: string, message: string, hint: string): Told => ({ code, kind: 'config', message, hint });
  const passing = (code: string, message: string, hint: string): Told => ({ code, kind: 'transient', message, hint });
  switch (name) {
    case 'NoSuchBucket':
      return config('missing', `There is no bucket ${bucket}`, 'Check its name, its region and the endpoint.');
    case 'InvalidAccessKeyId':
      return config('auth', 'The store does not know the access key', CHECK_KEYS);
    case 'SignatureDoesNotMatch':
      return config('auth', 'The secret does not belong to the access key', CHECK_KEYS);
    case 'ExpiredToken':
    case 'InvalidToken':
    case 'TokenRefreshRequired':
      return config('auth', 'The session token has expired or is not valid', 'Get new temporary credentials.');
    case 'CredentialsProviderError':
    case 'TokenProviderError':
      return config('auth', `No AWS credentials were found: ${firstLine(error)}`, CHECK_KEYS);
    case 'PermanentRedirect':
    case 'AuthorizationHeaderMalformed':
    case 'IllegalLocationConstraintException':
      return config('region', `Bucket ${bucket} is in another region`, 'Write its region into the connection.');
    case 'InvalidObjectState':
      return config(
        'archived',
        `${object} is archived and cannot be read`,
        'Restore it first, or leave it out with `exclude`.',
      );
    case 'RequestTimeTooSkewed':
      return config('auth', "This machine's clock differs too much from the store's", 'Set the clock.');
    case 'PreconditionFailed':
      return passing(
        'changed',
        `${object} changed while it was ${done}`,
        side === 'source' ? 'Run again; `min_age` holds back what is being written.' : 'Run again.',
      );
    case 'NoSuchKey':
      return passing('gone', `${object} was there when files were listed and is gone now`, 'Run again.');
  }
  if (status === 412) return told('PreconditionFailed', 0, about, error);
  if (status === 404 && ABSENT.has(name))
    return told(key === undefined ? 'NoSuchBucket' : 'NoSuchKey', 0, about, error);
  if (status === 301 || status === 307) return told('PermanentRedirect', 0, about, error);
  if (status === 401 || status === 403) {
    const right = RIGHTS[side][key === undefined ? 'bucket' : 'object'];
    return config(
      'permission',
      `No right to ${verb} ${object}`,
      `Give the account ${right}; check bucket and keys too.`,
    );
  }
  if (status === 429 || status >= 500)
    return passing('unavailable', `The store answers ${status} (${name}) for ${object}`, 'Run again later.');
  return config(
    'failed',
    `${object} cannot be ${done}: ${name} ${firstLine(error)}`,
    'Check the settings of the connection.',
  );
}

function firstLine(error: unknown): string {
  return error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
}
