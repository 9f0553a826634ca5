import { chmodSync, existsSync, mkdirSync, realpathSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';

export interface ServerUser {
  uid: number;
  gid: number;
}

export interface ServerLocation {
  /** Holds data, password, record and log of one project's server. */
  folder: string;
  data: string;
  log: string;
  /** User that the server runs as, where it is not ours: it refuses to run as root. */
  user: ServerUser | null;
}

export function runsAsRoot(): boolean {
  return process.platform !== 'win32' && process.getuid?.() === 0;
}

/** The folder of state that does not lie in a project. Root's own home is closed to the server's user. */
export function userStateFolder(): string {
  const wanted = process.env.XDG_STATE_HOME;
  if (runsAsRoot()) {
    return wanted && existsSync(wanted) && reachable(realpathSync(wanted)) ? join(wanted, 'sluice') : '/var/lib/sluice';
  }
  if (wanted) return join(wanted, 'sluice');
  const local = process.platform === 'win32' ? process.env.LOCALAPPDATA : undefined;
  return join(local ?? join(homedir(), '.local', 'state'), 'sluice');
}

/** Whether a user without rights can walk down to a folder: every folder on the way lets others through. */
export function reachable(folder: string): boolean {
  for (let at = folder; ; at = dirname(at)) {
    if ((statSync(at).mode & 0o001) === 0) return false;
    if (at === dirname(at)) return true;
  }
}

/** Makes a folder that the server's user can walk through, whatever our umask says. */
export function makeFolder(folder: string, user: ServerUser | null): void {
  const first = mkdirSync(folder, { recursive: true });
  if (first === undefined || user === null) return;
  for (let at = folder; at.length >= first.length; at = dirname(at)) chmodSync(at, statSync(at).mode | 0o011);
}
