import type { Split } from '../../model/component.ts';
import { SluiceError } from '../../model/error.ts';
import type { JsonObject } from '../../model/json.ts';
import { type Selection, selection } from './select.ts';

/** An entry of a remote folder. */
export interface Entry {
  name: string;
  kind: 'file' | 'folder' | 'link';
  size: number;
  modified: Date | null;
}

/** What a walk needs from a file server. Paths are those of the job, with `/`. */
export interface Folders {
  list(folder: string): Promise<Entry[]>;
  /** What a link leads to, or what stands at a path; null where nothing does. */
  look(path: string): Promise<Entry | null>;
  signal: AbortSignal;
}

export interface FoundFile {
  path: string;
  size: number;
  modified: Date | null;
}

/** Folders within folders: a link that leads upward ends there. */
const DEPTH = 40;

/** The files that `path` and the other settings want, folder by folder, in the order of their names. */
export async function* wantedFiles(folders: Folders, settings: JsonObject): AsyncIterable<FoundFile> {
  const wanted = selection(settings);
  if (wanted.exact !== null) {
    const found = await folders.look(wanted.exact);
    if (found?.kind === 'folder') {
      throw new SluiceError('source/not-a-file', 'config', `${wanted.exact} is a folder, not a file`, {
        hint: 'Write a pattern, such as `path: folder/*.csv`.',
      });
    }
    if (found && wanted.wants(wanted.exact) && wanted.isSettled(found.modified)) {
      yield { path: wanted.exact, size: found.size, modified: found.modified };
    }
    return;
  }
  const slash = wanted.prefix.lastIndexOf('/');
  for await (const file of walk(folders, slash < 0 ? '' : wanted.prefix.slice(0, slash) || '/', wanted, 0)) {
    if (wanted.wants(file.path) && wanted.isSettled(file.modified)) yield file;
  }
}

async function* walk(folders: Folders, folder: string, wanted: Selection, depth: number): AsyncIterable<FoundFile> {
  folders.signal.throwIfAborted();
  const entries = await folders.list(folder);
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = folder === '' ? entry.name : `${folder === '/' ? '' : folder}/${entry.name}`;
    const found = entry.kind === 'link' ? await folders.look(path) : entry;
    if (found?.kind === 'file') yield { path, size: found.size, modified: found.modified };
    else if (found?.kind === 'folder' && depth < DEPTH && wanted.mayHold(path)) {
      yield* walk(folders, path, wanted, depth + 1);
    }
  }
}

/** A file as the engine takes it. */
export function splitOf({ path, size, modified }: FoundFile, ordinal: number): Split {
  const file = { path, size, modified_at: modified?.toISOString() ?? null, etag: null };
  return { ordinal, bytes: size, file, detail: {} };
}

/** A path of the job below the connection's root. */
export function below(root: string | undefined, path: string): string {
  if (root === undefined || root === '' || path.startsWith('/')) return path === '' ? '.' : path;
  return path === '' ? root : `${root.replace(/\/+$/, '')}/${path}`;
}
