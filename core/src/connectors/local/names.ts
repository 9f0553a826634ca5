import { createHash } from 'node:crypto';

/** File in each commit's folder that says what it is: without an ending, so that no pattern for data finds it. */
export const COMMIT_FILE = '_commit';
/** Folder in a commit's folder with the rows set aside. */
export const ASIDE_FOLDER = '_quarantine';

/** Name of a commit's folder: in the order of commits, and told by the commit's id. */
export function commitFolder(seq: number, commitId: string): string {
  const plain = commitId.replaceAll('/', '.').replaceAll(/[^\w.-]/g, '_');
  const exact = plain.length <= 120 && plain === commitId.replaceAll('/', '.');
  const hash = createHash('sha256').update(commitId).digest('hex').slice(0, 12);
  return `${String(seq).padStart(6, '0')}-${exact ? plain : `${plain.slice(0, 100)}-${hash}`}`;
}
