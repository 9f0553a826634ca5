import { readFileSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

export interface Usage {
  /** Processor time since the process began. */
  cpuSeconds: number;
  memoryBytes: number;
}

/** Linux counts a process's time in these (USER_HZ), whatever the kernel's own tick is; proc(5). */
const TICKS_A_SECOND = 100;
const PAGE = 4096;

/** What a process uses, from /proc; null where there is none, or the process is gone. */
export function usageOf(pid: number): Usage | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The program's name stands in brackets and may hold anything; fields count from the state on.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    const [user, system, pages] = [fields[11], fields[12], fields[21]].map(Number);
    if (user === undefined || system === undefined || pages === undefined) return null;
    // One that begins or ends, or has ended and was not waited for yet: it has no memory now, and what it used was not 0.
    if (fields[0] === 'Z' || pages === 0) return null;
    return { cpuSeconds: (user + system) / TICKS_A_SECOND, memoryBytes: pages * PAGE };
  } catch {
    return null;
  }
}

/** Bytes of the files in a folder and those below it; 0 where there is none. */
export async function folderBytes(folder: string): Promise<number> {
  const names = await readdir(folder, { recursive: true }).catch(() => []);
  const sizes = await Promise.all(names.slice(0, 1000).map((name) => stat(join(folder, name)).catch(() => null)));
  return sizes.reduce((sum, found) => sum + (found?.isFile() ? found.size : 0), 0);
}
