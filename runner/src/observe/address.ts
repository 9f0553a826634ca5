import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { processExists } from '../store/place.ts';

/** Where the daemon of a project on this machine is found: `.sluice/daemon.json`, which its user alone may read. */
export interface AddressFile {
  pid: number;
  /** Where its API listens; null: it serves none. */
  host: string | null;
  port: number | null;
  project: string;
  target: string;
  /** For programs of the daemon's own user; it ends with the process. */
  token?: string;
}

/** Of several daemons in one folder the first one is found. Never throws. */
export async function writeAddress(folder: string, address: AddressFile): Promise<void> {
  const known = await readAddress(folder);
  if (known && known.pid !== address.pid) return;
  try {
    const path = pathOf(folder);
    await mkdir(join(folder, '.sluice'), { recursive: true });
    const draft = `${path}.${address.pid}`;
    await writeFile(draft, `${JSON.stringify(address)}\n`, { mode: 0o600 });
    await rename(draft, path);
  } catch {
    // Without it a daemon is found by its address alone.
  }
}

/** The address of a daemon that runs; null: there is none. */
export async function readAddress(folder: string): Promise<AddressFile | null> {
  try {
    const found = JSON.parse(await readFile(pathOf(folder), 'utf8')) as AddressFile;
    return processExists(found.pid) ? found : null;
  } catch {
    return null;
  }
}

export async function removeAddress(folder: string, pid: number): Promise<void> {
  const known = await readAddress(folder);
  if (known?.pid === pid) await rm(pathOf(folder), { force: true }).catch(() => undefined);
}

function pathOf(folder: string): string {
  return join(folder, '.sluice', 'daemon.json');
}
