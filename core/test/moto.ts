import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import {
  CreateBucketCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';

/** Where `.ci/run` puts its Python environment. */
const binary =
  process.env.SLUICE_MOTO ??
  join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'sluice-ci', 'moto', 'bin', 'moto_server');

/** Why tests that need an S3 server are left out; null where they can run, or have to. */
export const noMoto = existsSync(binary) || process.env.SLUICE_REQUIRE_SERVICES ? null : 'no moto_server here';

export interface S3Server {
  url: string;
  stop(): Promise<void>;
}

/** A moto server (an S3 in memory) on a free port of the loopback. */
export async function startMoto(): Promise<S3Server> {
  // Short pages, so that few objects need several.
  const env = { ...process.env, MOTO_S3_DEFAULT_MAX_KEYS: '100' };
  const child: ChildProcess = spawn(binary, ['-H', '127.0.0.1', '-p', '0'], {
    env,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const gone = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const url = await new Promise<string>((resolve, reject) => {
    child.once('error', reject);
    if (!child.stderr) return reject(new Error('no output'));
    const lines = createInterface({ input: child.stderr });
    let text = '';
    lines.on('line', (line) => {
      text += `${line}\n`;
      const found = /Running on (http:\S+)/.exec(line);
      if (found?.[1]) resolve(found[1]);
    });
    lines.on('close', () => reject(new Error(`moto_server ended: ${text}`)));
  });
  return {
    url,
    stop: async () => {
      child.kill('SIGKILL');
      await gone;
    },
  };
}

/** A client of a server that believes any key. */
export function clientOf(url: string): S3Client {
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = 'true';
  return new S3Client({
    endpoint: url,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: { accessKeyId: 'key', secretAccessKey: 'secret' },
  });
}

export async function makeBucket(url: string, name: string): Promise<void> {
  const client = clientOf(url);
  await client.send(new CreateBucketCommand({ Bucket: name }));
  client.destroy();
}

export async function putObject(url: string, bucket: string, key: string, body: Buffer): Promise<void> {
  const client = clientOf(url);
  await client.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: body }));
  client.destroy();
}

/** Keys of the uploads that are neither completed nor given up. */
export async function openUploads(url: string, bucket: string): Promise<string[]> {
  const client = clientOf(url);
  const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket: bucket }));
  client.destroy();
  return Uploads.map(({ Key = '' }) => Key);
}

/** Every key of a bucket. */
export async function keysOf(url: string, bucket: string): Promise<string[]> {
  const client = clientOf(url);
  const keys: string[] = [];
  for (let token: string | undefined; ; ) {
    const more = token === undefined ? {} : { ContinuationToken: token };
    const page = await client.send(new ListObjectsV2Command({ Bucket: bucket, ...more }));
    keys.push(...(page.Contents ?? []).map(({ Key = '' }) => Key));
    token = page.NextContinuationToken;
    if (token === undefined) break;
  }
  client.destroy();
  return keys;
}
