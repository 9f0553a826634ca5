import { createHash } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  existsSync,
  lchownSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmdirSync,
  type Stats,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { SluiceError } from '@sluice/core';
import { makeFolder, reachable, runsAsRoot, type ServerLocation, type ServerUser, userStateFolder } from './folders.ts';

/** Where no user `nobody` is listed: its number on nearly every system. */
const NOBODY = 65534;

/** Where a project's server keeps its state or would keep it, for messages: makes nothing. */
export function stateFolder(projectDir: string): string {
  const [inProject, inState] = candidates(projectDir);
  if (existsSync(join(inProject, 'data'))) return inProject;
  if (existsSync(join(inState, 'data'))) return inState;
  return !runsAsRoot() || reachable(nearest(inProject)) ? inProject : inState;
}

/**
 * Where a project's server lives, with its folder made: in the project, unless the server's user cannot reach it or its file
 * system keeps no owners and modes. Throws `store/embedded`.
 */
export function serverLocation(projectDir: string): ServerLocation {
  const [inProject, inState] = candidates(projectDir);
  for (const folder of [inProject, inState]) {
    const user = ownerOfData(folder);
    if (user !== null) return location(folder, user === 'us' ? null : user);
  }
  const user = runsAsRoot() ? nobody() : null;
  if (usable(inProject, user)) return location(inProject, user);
  if (usable(inState, user)) return location(inState, user);
  throw new SluiceError(
    'store/embedded',
    'config',
    `The embedded state server finds no place for its data: neither ${inProject} nor ${inState} can be used`,
    { hint: 'Set XDG_STATE_HOME to a folder on a local disk, or DATABASE_URL or state_store to any Postgres.' },
  );
}

function candidates(projectDir: string): [inProject: string, inState: string] {
  const real = realpathSync(projectDir);
  const hash = createHash('sha256').update(real).digest('hex').slice(0, 12);
  return [join(real, '.sluice', 'postgres'), join(userStateFolder(), hash)];
}

function location(folder: string, user: ServerUser | null): ServerLocation {
  return { folder, data: join(folder, 'data'), log: join(folder, 'server.log'), user };
}

/** Who owns existing data; null: there is none. */
function ownerOfData(folder: string): ServerUser | 'us' | null {
  let found: Stats;
  try {
    found = statSync(join(folder, 'data'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EACCES') throw foreign(folder);
    return null;
  }
  if (runsAsRoot()) {
    if (found.uid === 0) give(join(folder, 'data'), nobody());
    return found.uid === 0 ? nobody() : { uid: found.uid, gid: found.gid };
  }
  if (process.platform === 'win32' || found.uid === process.getuid?.()) return 'us';
  throw foreign(folder);
}

/** A copy that root made belongs to root, for whom the server does not run. */
function give(path: string, user: ServerUser): void {
  lchownSync(path, user.uid, user.gid);
  for (const name of readdirSync(path, { recursive: true, encoding: 'utf8' })) {
    lchownSync(join(path, name), user.uid, user.gid);
  }
}

function foreign(folder: string): SluiceError {
  return new SluiceError('store/embedded', 'config', `The state in ${folder} belongs to another user`, {
    hint: 'Run sluice as that user, or set DATABASE_URL or state_store to a Postgres for both.',
  });
}

function nobody(): ServerUser {
  try {
    const line = readFileSync('/etc/passwd', 'utf8').match(/^nobody:[^:]*:(\d+):(\d+):/m);
    if (line) return { uid: Number(line[1]), gid: Number(line[2]) };
  } catch {
    // No list of users: the usual number will do.
  }
  return { uid: NOBODY, gid: NOBODY };
}

/** Makes the folder and tries whether the server could keep its data in it. */
function usable(folder: string, user: ServerUser | null): boolean {
  try {
    if (user !== null && !reachable(nearest(folder))) return false;
    makeFolder(folder, user);
    if (process.platform === 'win32') return true;
    hideFromGit(dirname(folder));
    const mode = user ? 0o711 : 0o700;
    chmodSync(folder, mode);
    if ((statSync(folder).mode & 0o777) !== mode || (user !== null && !reachable(folder))) return false;
    return user === null || keepsOwners(folder, user);
  } catch {
    return false;
  }
}

function nearest(folder: string): string {
  return existsSync(folder) ? folder : nearest(dirname(folder));
}

function keepsOwners(folder: string, user: ServerUser): boolean {
  const probe = mkdtempSync(join(folder, 'probe-'));
  try {
    chownSync(probe, user.uid, user.gid);
    return statSync(probe).uid === user.uid;
  } finally {
    rmdirSync(probe);
  }
}

/** State in a project holds a password and must not be committed. */
function hideFromGit(folder: string): void {
  if (!folder.endsWith('.sluice')) return;
  try {
    writeFileSync(join(folder, '.gitignore'), '*\n', { flag: 'wx' });
  } catch {
    // It is there already.
  }
}
