import { createHash, randomBytes } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { homedir, tmpdir, userInfo } from 'node:os';
import { dirname, join } from 'node:path';

/** The server refuses to run as root; it then runs as this user, who owns nothing else. */
const NOBODY = 65534;

/** Socket paths are limited to 107 bytes; `/.s.PGSQL.5432` takes 14 of them. */
const MAX_SOCKET_FOLDER = 90;

export interface ServerLocation {
  /** Holds data, password and log of one project's server. */
  folder: string;
  data: string;
  log: string;
  /** Folder of the socket; null where the server listens on loopback TCP (Windows). */
  socket: string | null;
  /** User that the server runs as, where it is not ours. */
  user: { uid: number; gid: number } | null;
  password: string;
}

export function runsAsRoot(): boolean {
  return process.platform !== 'win32' && process.getuid?.() === 0;
}

/** Where a project's server lives, with its folders made. */
export function serverLocation(projectDir: string): ServerLocation {
  const real = realpathSync(projectDir);
  const hash = createHash('sha256').update(real).digest('hex').slice(0, 12);
  const user = runsAsRoot() ? { uid: NOBODY, gid: NOBODY } : null;
  const inProject = join(real, '.sluice', 'postgres');
  const folder = user === null || reachable(real) ? inProject : join(systemStateFolder(), hash);
  mkdirSync(folder, { recursive: true });
  if (user) chmodSync(folder, 0o711);
  return {
    folder,
    data: join(folder, 'data'),
    log: join(folder, 'server.log'),
    socket: process.platform === 'win32' ? null : socketFolder(hash, user),
    user,
    password: readPassword(join(folder, 'password')),
  };
}

/** Whether a user without rights can walk down to a folder: every folder on the way lets others through. */
function reachable(folder: string): boolean {
  for (let at = folder; ; at = dirname(at)) {
    if ((statSync(at).mode & 0o001) === 0) return false;
    if (at === dirname(at)) return true;
  }
}

/** Root's own home is closed to the server's user, so root's state lies where other services keep theirs. */
function systemStateFolder(): string {
  const wanted = process.env.XDG_STATE_HOME;
  if (wanted && existsSync(wanted) && reachable(realpathSync(wanted))) return join(wanted, 'sluice');
  return runsAsRoot() ? '/var/lib/sluice' : join(homedir(), '.local', 'state', 'sluice');
}

function socketFolder(hash: string, user: { uid: number; gid: number } | null): string {
  const runtime = process.env.XDG_RUNTIME_DIR;
  const bases = user ? ['/run', '/tmp'] : [...(runtime && existsSync(runtime) ? [runtime] : []), tmpdir(), '/tmp'];
  const name = `sluice-${user ? 'root' : userInfo().uid}-${hash}`;
  const base = bases.find((b) => existsSync(b) && Buffer.byteLength(join(b, name)) <= MAX_SOCKET_FOLDER) ?? '/tmp';
  const folder = join(base, name);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const found = statSync(folder);
  const owner = user?.uid ?? process.getuid?.() ?? found.uid;
  if (found.uid !== owner && !runsAsRoot()) throw new Error(`${folder} belongs to another user`);
  if (user) chownSync(folder, user.uid, user.gid);
  chmodSync(folder, 0o700);
  return folder;
}

/** Two processes that make the password at once agree on the one that was written first. */
function readPassword(file: string): string {
  try {
    writeFileSync(file, randomBytes(24).toString('base64url'), { mode: 0o600, flag: 'wx' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  return readFileSync(file, 'utf8').trim();
}
