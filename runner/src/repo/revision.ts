import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

export interface Revision {
  /** Commit of the folder, with `-dirty` behind it where tracked files differ from it; null: no git repository. */
  revision: string | null;
  /** Author of the commit, `Name <address>`. */
  author: string | null;
}

const run = promisify(execFile);

/** The git revision that a project folder is at. Never throws: a folder without git is a project as well. */
export async function revisionOf(dir: string): Promise<Revision> {
  const git = async (...args: string[]) => {
    const { stdout } = await run('git', ['-C', dir, ...args], { timeout: 10_000 });
    return stdout.trim() || null;
  };
  try {
    const revision = await git('describe', '--always', '--dirty', '--abbrev=40', '--exclude=*');
    return { revision, author: await git('log', '-1', '--format=%an <%ae>') };
  } catch {
    return { revision: null, author: null };
  }
}
