import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, realpath, rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { S3Client } from '@aws-sdk/client-s3';
import { freePort, listens } from './processes.ts';

/** Where `.ci/run` puts it. */
const binary =
  process.env.SLUICE_VERSITYGW ??
  join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'sluice-ci', 'versitygw', 'versitygw');

/** Why tests that need an S3 server that checks signatures are left out; null where they can run, or have to. */
export const noVersity = existsSync(binary) || process.env.SLUICE_REQUIRE_SERVICES ? null : 'no versitygw here';

export interface SigningServer {
  url: string;
  key: string;
  secret: string;
  /** A client of the one account that there is. */
  client(): S3Client;
  stop(): Promise<void>;
}

/** A Versity S3 Gateway over a folder, on a free port of the loopback: it checks every signature. */
export async function startVersity(): Promise<SigningServer> {
  const dir = await realpath(await mkdtemp(join(tmpdir(), 'sluice-versity-')));
  await mkdir(join(dir, 'data'));
  await mkdir(join(dir, 'meta'));
  const port = await freePort();
  const [key, secret] = ['lake-key', 'S3cr/et+val ue='];
  const child = spawn(
    binary,
    ['--port', `127.0.0.1:${port}`, '--quiet', 'posix', '--sidecar', join(dir, 'meta'), join(dir, 'data')],
    {
      env: { ...process.env, ROOT_ACCESS_KEY: key, ROOT_SECRET_KEY: secret },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (said += chunk));
  const gone = new Promise<Error>((resolve) => {
    child.once('error', resolve);
    child.once('close', () => resolve(new Error(`versitygw ended: ${said}`)));
  });
  await listens(port, gone);
  const url = `http://127.0.0.1:${port}`;
  return {
    url,
    key,
    secret,
    client: () => {
      process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = 'true';
      const credentials = { accessKeyId: key, secretAccessKey: secret };
      return new S3Client({ endpoint: url, region: 'us-east-1', forcePathStyle: true, credentials });
    },
    stop: async () => {
      child.kill('SIGKILL');
      await gone;
      await rm(dir, { recursive: true, force: true });
    },
  };
}
