import { SluiceError } from '../../model/error.ts';
import type { JsonObject } from '../../model/json.ts';
import type { Grammar } from './records.ts';

/** How the files of a run that look alike are read. Plain JSON: it is part of the dialect. */
export type Layout = JsonObject & {
  delimiter: string;
  quote: string;
  escape: string;
  comment: string | null;
  /** How the file's characters are written; its byte order mark is known by itself. */
  encoding: string;
  /** Lines at the end that are left out. */
  footer: number;
  header: boolean;
  /** Lines before the first record: declared, comments and blank lines. */
  skip: number;
  /** Names of the columns in the file's order, as the run knows them. */
  names: string[];
};

/** The dialect of a run: layouts, and by each file's ordinal which one it has; null: an empty file. */
export type Dialect = JsonObject & {
  layouts: Layout[];
  files: [number, number | null][];
};

export function layoutGrammar(layout: Layout): Grammar {
  return { delimiter: layout.delimiter, quote: layout.quote, escape: layout.escape, comment: layout.comment };
}

export function sameLayout(a: Layout, b: Layout): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** The layout that the dialect has for a file, null for an empty one, undefined where the file is not in it. */
export function layoutOf(dialect: Dialect, ordinal: number): Layout | null | undefined {
  const entry = dialect.files.find(([file]) => file === ordinal);
  if (!entry) return undefined;
  const index = entry[1];
  if (index === null) return null;
  const layout = dialect.layouts[index];
  if (!layout) throw new SluiceError('format/dialect', 'terminal', `The dialect names no layout ${index}`);
  return layout;
}
