import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import {
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { processExists } from '../place.ts';
import type { Binaries } from './binaries.ts';
import { pause, readIfThere, removeIfThere } from './files.ts';
import { reachable, type ServerLocation, type ServerUser } from './folders.ts';
import { answer, postmasterOf, readPassword, SERVER_USER, urlOf } from './record.ts';

const windows = process.platform === 'win32';
/** Longer paths of a socket are refused: by 107 bytes on Linux, by 103 on macOS. */
const MAX_SOCKET_PATH = 103;
const SOCKET_PORT = 5432;
const PREFIX = 'sluice-';

export interface Endpoint {
  socket: string | null;
  port: number;
}

/** A place to listen at: a fresh private folder for the socket, or a free loopback port on Windows. */
export async function makeEndpoint(user: ServerUser | null): Promise<Endpoint> {
  if (windows) return { socket: null, port: await freePort() };
  const runtime = process.env.XDG_RUNTIME_DIR;
  const bases = user ? ['/run', tmpdir(), '/tmp'] : [...(runtime ? [runtime] : []), tmpdir(), '/tmp'];
  for (const base of bases) {
    const name = join(base, `${PREFIX}XXXXXX`, `.s.PGSQL.${SOCKET_PORT}`);
    if (Buffer.byteLength(name) > MAX_SOCKET_PATH) continue;
    try {
      if (user && !reachable(base)) continue;
      const socket = mkdtempSync(join(base, PREFIX));
      if (user) chownSync(socket, user.uid, user.gid);
      return { socket, port: SOCKET_PORT };
    } catch {
      // Not there or not ours to write to: the next one.
    }
  }
  throw new Error(`none of ${bases.join(', ')} can hold a socket`);
}

/** Makes the data, unless it is there. What is moved into place is whole; of two that do it at once one wins. */
export async function makeData(location: ServerLocation, { initdb }: Binaries): Promise<void> {
  removeDeadDrafts(location);
  if (existsSync(location.data)) return;
  const draft = join(location.folder, `data.new-${process.pid}`);
  const secret = join(location.folder, `initdb-password-${process.pid}`);
  removeIfThere(draft);
  mkdirSync(draft, { mode: 0o700 });
  writeFileSync(secret, readPassword(location), { mode: 0o600 });
  for (const path of location.user ? [draft, secret] : []) chownSync(path, location.user!.uid, location.user!.gid);
  const settings = ['-U', SERVER_USER, '-E', 'UTF8', '--locale=C', '--auth=scram-sha-256', `--pwfile=${secret}`];
  try {
    await promisify(execFile)(initdb, ['-D', draft, ...settings], { ...location.user, cwd: draft });
    renameSync(draft, location.data);
  } catch (error) {
    if (!existsSync(join(location.data, 'PG_VERSION'))) throw error;
  } finally {
    removeIfThere(secret);
    removeIfThere(draft);
  }
}

/** Removes drafts of processes that were killed on the way; where the whole folder is gone there are none. */
export function removeDeadDrafts({ folder }: ServerLocation): void {
  for (const name of existsSync(folder) ? readdirSync(folder) : []) {
    const pid = /^(?:data\.new|initdb-password)-(\d+)$/.exec(name)?.[1];
    if (pid && !processExists(Number(pid))) removeIfThere(join(folder, name));
  }
}

/** What is not the server's default: small memory, few processes, nothing of a statement in its log. */
function settingsOf({ socket, port }: Endpoint): Record<string, string> {
  return {
    port: String(port),
    ...(socket === null
      ? { listen_addresses: '127.0.0.1' }
      : { listen_addresses: '', unix_socket_directories: socket, unix_socket_permissions: '0700' }),
    max_connections: '100',
    shared_buffers: '16MB',
    wal_level: 'minimal',
    max_wal_senders: '0',
    max_wal_size: '128MB',
    min_wal_size: '32MB',
    max_parallel_workers_per_gather: '0',
    io_method: 'sync',
    jit: 'off',
    timezone: 'UTC',
    log_timezone: 'UTC',
    log_min_messages: 'warning',
    log_min_error_statement: 'panic',
  };
}

/** Starts the server and waits until it answers; false: it ended instead, and why stands in its log. */
export async function startServer(location: ServerLocation, programs: Binaries, at: Endpoint): Promise<boolean> {
  const settings = Object.entries(settingsOf(at)).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  // Only pg_ctl can give up an administrator's rights, with which the server refuses to run on Windows.
  const child = windows
    ? spawn(programs.pg_ctl, ['start', '-w', '-D', location.data, '-o', settings.join(' ')], {
        stdio: ['ignore', 'inherit', 'inherit'],
        windowsHide: true,
      })
    : spawn(programs.postgres, ['-D', location.data, ...settings], {
        ...location.user,
        cwd: location.data,
        stdio: ['ignore', 'inherit', 'inherit'],
      });
  child.on('error', (error) => process.stderr.write(`sluice: ${error.message}\n`));
  const url = urlOf(location, at);
  for (;;) {
    if (windows ? child.exitCode === 0 : !ended(child)) {
      if ((await answer(url)) !== 'silent') return true;
    } else if (ended(child)) return false;
    await pause(30);
  }
}

function ended(child: ChildProcess): boolean {
  return child.pid === undefined || child.exitCode !== null || child.signalCode !== null;
}

/** Stops a server, letting go of what is connected, and waits until it is gone. */
export async function stopServer(location: ServerLocation, pid: number, { pg_ctl }: Binaries): Promise<void> {
  if (windows) {
    await promisify(execFile)(pg_ctl, ['stop', '-m', 'fast', '-w', '-D', location.data]).catch(() => undefined);
    return;
  }
  for (const [signal, waitMs] of [['SIGINT', 60_000] as const, ['SIGQUIT', 10_000] as const]) {
    const until = Date.now() + waitMs;
    signalTo(pid, signal);
    while (processExists(pid)) {
      if (Date.now() > until) break;
      await pause(20);
    }
  }
}

function signalTo(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It is gone.
  }
}

/**
 * Takes away the lock file of a server that is gone when its pid belongs to another program by now, as happens after a
 * restart of the machine or container: the server itself would take that program for its predecessor.
 */
export function dropStalePid(location: ServerLocation): void {
  const pid = postmasterOf(location)?.pid;
  if (pid === undefined || windows || !processExists(pid)) return;
  const command = commandOf(pid);
  if (command !== null && !command.includes(location.data))
    rmSync(join(location.data, 'postmaster.pid'), { force: true });
}

function commandOf(pid: number): string | null {
  if (process.platform === 'linux') return readIfThere(`/proc/${pid}/cmdline`);
  try {
    return execFileSync('ps', ['-ww', '-o', 'command=', '-p', String(pid)], { encoding: 'utf8' });
  } catch {
    return null;
  }
}

/** What was logged since the file had `from` bytes. */
export function logSince(location: ServerLocation, from: number): string {
  return readFileSync(location.log).subarray(from).toString('utf8');
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
