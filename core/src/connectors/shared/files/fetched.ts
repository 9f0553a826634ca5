import { mkdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ASIDE_FOLDER, COMMIT_FILE } from './names.ts';
import type { CommittedFiles } from './query.ts';

/** A file below the data's path, elsewhere. */
export interface RemoteFile {
  /** Below the data's path, with `/`. */
  path: string;
  fetch(to: string): Promise<void>;
}

/** Fetches the files of all commits into a folder, as they lie below the data's path; `asideOnly`: those of rows set aside alone. */
export async function fetchCommits(
  files: AsyncIterable<RemoteFile>,
  folder: string,
  asideOnly = false,
): Promise<CommittedFiles[]> {
  const all: RemoteFile[] = [];
  for await (const file of files) all.push(file);
  const commits: CommittedFiles[] = [];
  for (const file of all) {
    if (!file.path.endsWith(`/${COMMIT_FILE}`)) continue;
    const at = join(folder, file.path);
    await mkdir(dirname(at), { recursive: true });
    await file.fetch(at);
    const { format, columns } = JSON.parse(await readFile(at, 'utf8')) as CommittedFiles;
    const commit: CommittedFiles = { format, columns, paths: [], aside: [] };
    const prefix = file.path.slice(0, -COMMIT_FILE.length);
    for (const one of all.filter(({ path }) => path.startsWith(prefix) && path !== file.path)) {
      const isAside = one.path.startsWith(`${prefix}${ASIDE_FOLDER}/`);
      if (asideOnly && !isAside) continue;
      const to = join(folder, one.path);
      await mkdir(dirname(to), { recursive: true });
      await one.fetch(to);
      (isAside ? commit.aside : commit.paths).push(to);
    }
    commits.push(commit);
  }
  return commits;
}
