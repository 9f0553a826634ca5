import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** The path of a document on this machine; null for one that lies on none (`untitled:`, `git:`). */
export function pathOfUri(uri: string): string | null {
  if (!uri.startsWith('file:')) return null;
  try {
    return fileURLToPath(uri);
  } catch {
    return null;
  }
}

/** The address of a path, as this server writes it. */
export function uriOfPath(path: string): string {
  return pathToFileURL(path).href;
}

/** A path below a folder, relative, with `/`; null where it lies elsewhere. */
export function below(folder: string, path: string): string | null {
  const found = relative(folder, path);
  if (found === '' || found.startsWith('..') || found.includes(':')) return null;
  return sep === '/' ? found : found.replaceAll(sep, '/');
}

/** The folders from a path upward, the nearest first. */
export function* upward(path: string): Generator<string> {
  for (let at = dirname(path); ; at = dirname(at)) {
    yield at;
    if (dirname(at) === at) return;
  }
}

export function inFolder(folder: string, file: string): string {
  return file.startsWith('/') ? file : join(folder, file);
}
