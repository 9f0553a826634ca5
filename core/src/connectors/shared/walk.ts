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
  /** Where a folder really lies, every link followed; the path itself where the server does not tell. */
  real(folder: string): Promise<string>;
  signal: AbortSignal;
}

export interface FoundFile {
  path: string;
  size: number;
  modified: Date | null;
}

/** Folders within folders: where a server does not tell what a link leads to, one that leads upward ends there. */
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
  const start = slash < 0 ? '' : wanted.prefix.slice(0, slash) || '/';
  for await (const file of walk(folders, start, wanted, [])) {
    if (wanted.wants(file.path) && wanted.isSettled(file.modified)) yield file;
  }
}

/** A folder on the way down. */
interface Step {
  /** Where it really lies; asked for only where links lead to folders. */
  real: () => Promise<string>;
  /** It is reached through a link. */
  linked: boolean;
}

/** `above`: the folders around this one. A link that leads back to one of them would never end. */
async function* walk(
  folders: Folders,
  folder: string,
  wanted: Selection,
  above: readonly Step[],
  step: Step = { real: once(() => folders.real(folder)), linked: false },
): AsyncIterable<FoundFile> {
  folders.signal.throwIfAborted();
  if (step.linked && (await isBack(step, above))) return;
  const entries = await folders.list(folder);
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = folder === '' ? entry.name : `${folder === '/' ? '' : folder}/${entry.name}`;
    const isLink = entry.kind === 'link';
    const found = isLink ? await folders.look(path) : entry;
    if (found?.kind === 'file') yield { path, size: found.size, modified: found.modified };
    else if (found?.kind === 'folder' && above.length < DEPTH && wanted.mayHold(path)) {
      const within = async () => `${(await step.real()).replace(/\/$/, '')}/${entry.name}`;
      const real = once(isLink ? () => folders.real(path) : within);
      yield* walk(folders, path, wanted, [...above, step], { real, linked: isLink || step.linked });
    }
  }
}

async function isBack(step: Step, above: readonly Step[]): Promise<boolean> {
  const real = await step.real();
  for (const outer of above) if ((await outer.real()) === real) return true;
  return false;
}

function once(ask: () => Promise<string>): () => Promise<string> {
  let answer: Promise<string> | undefined;
  return () => {
    answer ??= ask();
    return answer;
  };
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
