import { SluiceError } from '../model/error.ts';

/**
 * A file's path below the table from the log's relative URI. Throws `format/delta-path` (config) for a file that lies outside
 * of the table's folder, as those of shallow clones do.
 */
export function fromUri(uri: string): string {
  const outside = /^[a-z][a-z0-9+.-]*:/i.test(uri) || uri.startsWith('/');
  const path = outside ? '' : decode(uri);
  if (outside || path.split('/').includes('..'))
    throw new SluiceError('format/delta-path', 'config', `The table names a file outside of its folder: ${uri}`, {
      hint: 'A shallow clone cannot be read: make a deep one, or read the table that it was cloned from.',
    });
  return path;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The log's form of a path below the table. */
export function toUri(path: string): string {
  return path.split('/').map(encodeURIComponent).join('/');
}

/** A name for the folder of a partition, as Hive lays it out. The log alone says which values its files have. */
export function partitionFolder(values: Readonly<Record<string, string | null>>): string {
  return Object.entries(values)
    .map(([name, value]) => `${hive(name)}=${value === null ? '__HIVE_DEFAULT_PARTITION__' : hive(value)}`)
    .join('/');
}

/** Bytes that a folder's name may have, with room for the column's name. */
const LONGEST = 100;

function hive(text: string): string {
  // What file systems and stores take as it is; everything else by its bytes, as in a URI.
  const plain = encodeURIComponent(text).replaceAll(
    /[!'()*~]/g,
    (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return plain.length <= LONGEST ? plain : plain.slice(0, LONGEST).replace(/%.?$/, '');
}
