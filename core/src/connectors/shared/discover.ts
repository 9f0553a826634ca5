import type { Discovered } from '../../model/component.ts';
import { uniqueNames } from '../../model/unique-names.ts';

/** A file as a listing gives it. */
export interface ListedFile {
  /** Path from the connection's root, with `/`. */
  path: string;
  size: number;
}

/** Endings of compressed files: the one before it tells the kind. */
const COMPRESSED = /\.(gz|zst|bz2|xz|zip)$/i;
/** A number, or numbers as dates and times are written. */
const NUMBERS = /\d+(?:[-_.T:]?\d+)*Z?/g;

interface Group {
  pattern: string;
  files: number;
  bytes: number;
  sample: string;
  base: string;
}

/**
 * Files that differ only by numbers and dates in their names are one stream's: `orders-2026-01.csv` and `orders-2026-02.csv`
 * become `orders-*.csv`, `dt=2026-01-01/part-0.parquet` becomes `dt=*` + `/part-*.parquet`. Hidden files and those that begin
 * with `_` are passed over. For sources of files, whose `path` takes such a pattern.
 */
export function groupFiles(files: Iterable<ListedFile>): Discovered[] {
  const groups = new Map<string, Group>();
  for (const { path, size } of files) {
    const segments = path.split('/');
    if (segments.some((segment) => /^[._]/.test(segment))) continue;
    const plain = segments.map((segment) => general(segment));
    const pattern = plain.join('/');
    const known = groups.get(pattern);
    if (known) {
      known.files++;
      known.bytes += size;
    } else {
      groups.set(pattern, { pattern, files: 1, bytes: size, sample: path, base: baseName(plain) });
    }
  }
  const found = [...groups.values()].sort((a, b) => (a.pattern < b.pattern ? -1 : 1));
  const names = uniqueNames(found.map((group) => group.base));
  return found.map(({ pattern, files: count, bytes, sample }, i) => ({
    name: names[i] ?? '',
    text: `${count === 1 ? '1 file' : `${count.toLocaleString('en-US')} files`}, ${size(bytes)}`,
    // One file whose name has a number may be the first of many, or the only one: its name is taken as it stands.
    settings: { path: count === 1 ? escaped(sample) : pattern },
    sample,
  }));
}

/** A segment of a path with its numbers, or the value of a `key=value` folder, left open. */
function general(segment: string): string {
  const hive = /^([^=]+)=/.exec(segment);
  if (hive) return `${escaped(hive[1] ?? '')}=*`;
  const [stem, ending] = split(segment);
  return `${escaped(stem).replaceAll(NUMBERS, '*')}${escaped(ending)}`;
}

function split(name: string): [stem: string, ending: string] {
  const packed = COMPRESSED.exec(name)?.[0] ?? '';
  const rest = name.slice(0, name.length - packed.length);
  const ending = /\.[A-Za-z][A-Za-z0-9]*$/.exec(rest)?.[0] ?? '';
  return [rest.slice(0, rest.length - ending.length), ending + packed];
}

/** Characters that a pattern would take for its own. */
function escaped(text: string): string {
  return text.replaceAll(/[[\]{}()!?*+@\\]/g, (char) => (char === '\\' ? '?' : `[${char}]`));
}

/** The last part that has a word in it: the file's, else that of its folder. */
function baseName(segments: readonly string[]): string {
  for (const segment of [...segments].reverse()) {
    const [stem] = split(segment.replace(/=\*$/, ''));
    const word = stem
      .toLowerCase()
      .replaceAll(/[^a-z0-9]+/g, '_')
      .replaceAll(/^[^a-z]+|_+$/g, '');
    if (word !== '' && !/^(part|data|export|chunk|file)$/.test(word)) return word.slice(0, 50);
  }
  return 'files';
}

/** Files that a look at a file server takes in. */
const MOST_FILES = 20_000;

/** What the files of a file server look like, as patterns; closes the session. */
export async function discoverFiles(session: {
  files(): AsyncIterable<{ path: string; size: number }>;
  close(): Promise<void>;
}): Promise<Discovered[]> {
  try {
    const files: { path: string; size: number }[] = [];
    for await (const file of session.files()) {
      if (files.push(file) >= MOST_FILES) break;
    }
    return groupFiles(files);
  } finally {
    await session.close();
  }
}

function size(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  const unit = Math.min(4, Math.floor(Math.log10(bytes) / 3));
  return `${(bytes / 1000 ** unit).toFixed(1)} ${['B', 'kB', 'MB', 'GB', 'TB'][unit]}`;
}
