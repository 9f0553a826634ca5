import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

/** Folder of an attempt's files below `.sluice/spool`. */
export function spoolName(run: string, attempt: number): string {
  return `${run}.${attempt}`;
}

export function runOfSpool(name: string): string {
  return name.replace(/\.\d+$/, '');
}

/** Removes what attempts of a run up to this one left on disk. Never throws. */
export async function removeSpools(projectDir: string, run: string, attempt: number): Promise<void> {
  const spools = join(projectDir, '.sluice', 'spool');
  const names = await readdir(spools).catch(() => []);
  const own = names.filter((name) => runOfSpool(name) === run && Number(name.slice(run.length + 1)) <= attempt);
  for (const name of own) await rm(join(spools, name), { recursive: true, force: true }).catch(() => undefined);
}
