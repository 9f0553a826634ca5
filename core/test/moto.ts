import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

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
