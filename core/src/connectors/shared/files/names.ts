import { createHash } from 'node:crypto';

/** File in each commit's folder that says what it is: without an ending, so that no pattern for data finds it. */
export const COMMIT_FILE = '_commit';
/** Folder in a commit's folder with the rows set aside. */
export const ASIDE_FOLDER = '_quarantine';

/** Name of a commit's folder: in the order of commits, and told by the commit's id. */
export function commitFolder(seq: number, commitId: string): string {
  return `${String(seq).padStart(6, '0')}-${plainName(commitId.replaceAll('/', '.'), 120)}`;
}

/** A name for files that tells a text: the text itself where it is short and plain, else what is plain of it and a hash. */
export function plainName(text: string, longest: number): string {
  const plain = text.replaceAll(/[^\w.-]/g, '_');
  if (plain === text && text.length <= longest) return text;
  return `${plain.slice(0, longest - 20)}-${createHash('sha256').update(text).digest('hex').slice(0, 12)}`;
}
