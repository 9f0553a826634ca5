import { randomBytes } from 'node:crypto';
import type { WritableFolder } from '../../model/folder.ts';
import type { StreamKey } from '../../model/run.ts';
import { runHash } from '../shared/names.ts';

/** Folder of the table with what is not its data: readers and VACUUM pass over names that begin with `_`. */
export const HOME = '_sluice';

/** A file on this machine and its place below the table. */
export interface Bringing {
  local: string;
  path: string;
}

/** Folder of a run's staging below the table. */
export function stagingFolder(key: StreamKey, runId: string): string {
  return `${HOME}/staging/${runHash(key, runId)}`;
}

/** Where rows set aside go; they count once a committed state names the file. */
export function quarantineFile(name: string): string {
  return `${HOME}/quarantine/${name}.parquet`;
}

/**
 * Brings files to their places in the table, where the log does not know them yet; a list of them is written first, so that an
 * abort finds all of them, whatever became of this process.
 */
export async function bringFiles(folder: WritableFolder, staging: string, files: readonly Bringing[]): Promise<void> {
  if (files.length === 0) return;
  const list = files.map(({ path }) => path);
  await folder.write(`${staging}/${randomBytes(8).toString('hex')}.json`, Buffer.from(JSON.stringify(list)));
  for (const { local, path } of files) await folder.bring(local, path);
}

/** Removes what a run staged but `committed`: those are the table's by now. */
export async function removeStaging(
  folder: WritableFolder,
  staging: string,
  committed: () => Promise<ReadonlySet<string>>,
): Promise<void> {
  const lists = (await folder.list(staging)).filter(({ name }) => name.endsWith('.json'));
  const kept = lists.length > 0 ? await committed() : new Set<string>();
  for (const { name } of lists) {
    const bytes = await folder.read(`${staging}/${name}`);
    for (const path of bytes === null ? [] : (JSON.parse(bytes.toString('utf8')) as string[]))
      if (!kept.has(path)) await folder.remove(path);
  }
  await folder.removeAll(staging);
}
