import type { Context, Engine } from './engine.ts';
import type { ByteRange, LocalFile } from './file.ts';
import type { Folder } from './folder.ts';
import type { RawColumn } from './format.ts';
import type { Incremental } from './job.ts';
import type { JsonObject } from './json.ts';
import type { Checkpoint, FileIdentity } from './run.ts';

/** The unit that a source hands out. Plain JSON: it is stored and sent to tasks. */
export interface Split {
  /** Position in the stream's order of splits: later rows win in a merge. */
  ordinal: number;
  /** Rough size in bytes for balancing and progress; null where unknown. */
  bytes: number | null;
  /** The file, for sources of files. */
  file: FileIdentity | null;
  /** What only the source reads: key range, offsets. */
  detail: JsonObject;
  /** Set by the engine where the file is a member of an archive: the archive as the source lists it, and the member's path in it. */
  archive?: { file: FileIdentity; member: string };
  /** Set by the engine where the split is a piece of its file: the lines that begin in these bytes, as `LocalFile.range`. */
  range?: ByteRange;
  /** Set by the engine for a file of rows that were set aside, as `LocalFile.row`. */
  row?: number | null;
  /** Set by the engine where the file's head did not tell all columns, as `LocalFile.whole`. */
  whole?: true;
  /** Set by the engine where so many first bytes of the file are enough; only for sources that download. */
  head?: number;
  /** Set by the engine where the format lists its files: what it says of this one, as `LocalFile.entry`. */
  entry?: JsonObject;
}

/** Bytes that a glance reads of a source on another machine: of a file, or of a page of an API. */
export const GLANCE_BYTES = 4_000_000;

export interface SourceContext extends Context {
  settings: JsonObject;
  /** The format that the job names, for sources whose bytes depend on it; null or left out: none. */
  format?: { type: string; settings: JsonObject } | null;
  /** Folder of the project: relative local paths start here. */
  projectDir: string;
  /** A look that costs little: one call that lists, one page, one try, and no request that may change anything. */
  glance?: boolean;
}

/** What a listing may use beside the settings. */
export interface SplitsRequest {
  /** What the last commit stored; null: a full load. */
  checkpoint: Checkpoint | null;
  /** The ledger of files by path; empty where the stream keeps none or loads anew. */
  known: ReadonlyMap<string, FileIdentity>;
  /** The stream's incremental rule. */
  incremental: Incremental;
  /** Folder of the stream's spooled files, for a source whose bytes cannot be read twice alike; made when it is needed. */
  spool: string;
  /** A run asks, which may take away what can be read once; whoever only looks leaves it out. */
  once?: true;
  /** For a preview: about so many rows are wanted, the rest may be left out. */
  rows?: number;
  /** Sources of columns: the rows that are wanted, where not all are; the engine looks again at each row that comes. */
  range?: RowRange;
  /** Sources of columns: about so many parts can be read side by side. */
  parts?: number;
}

/** Rows by the value of one column: from <= value < to, as exact text of the column's own type; null: no bound. */
export interface RowRange {
  /** Name in the source. */
  column: string;
  from: string | null;
  to: string | null;
  /** Rows without a value are wanted too. */
  nulls: boolean;
}

/** What a source of columns hands out. */
export interface SourceTable {
  columns: RawColumn[];
  /** Columns of its primary key, in order; empty where there is none or the system cannot tell. */
  primary_key: string[];
}

export interface SourceSession {
  /** Files are downloaded, at most so many at a time; left out: they lie on this machine. */
  readonly transfers?: number;
  /** Reach and list; throws a SluiceError that says which of the two failed and why. */
  test(): Promise<void>;
  /** All splits of now, in a stable order. A source of files lists every match; the engine takes away those in the ledger. */
  splits(request: SplitsRequest): AsyncIterable<Split>;
  /**
   * Makes a split's bytes readable by the engine: a local file as it stands, or a download into `spool`. May be called for
   * several splits at once. Sources of columns are given an `engine` to write a file of `connectors/shared/columns.ts` with.
   * Throws `source/*` errors with the split's name.
   */
  fetch(split: Split, spool: string, engine?: Engine): Promise<LocalFile>;
  /** The first bytes of a split's file, for a source that has them without a download: archives are then known by what they hold. */
  head?(split: Split, bytes: number): Promise<Buffer>;
  /** Writes byte ranges of a split to their places in a file that exists; left out: files are read as a whole only. */
  fetchRanges?(split: Split, path: string, ranges: readonly ByteRange[]): Promise<void>;
  /** Sources of files: the folder that `path` names, for formats that list their files; `detail` is what a file's split has to hold. */
  folder?(path: string): { files: Folder; detail(path: string): JsonObject };
  /** Sources of columns: their names and types, without reading a row. */
  describe?(): Promise<SourceTable>;
  /** After `splits`: what the source wants to find again in `checkpoint.source` once this epoch is committed. */
  position?(): JsonObject | null;
  /** `committed` clears files away: it is told again of those that the ledger has and that are still there. */
  readonly clears?: boolean;
  /** Told after a commit; may be repeated or lost. */
  committed(splits: readonly Split[]): Promise<void>;
  close(): Promise<void>;
}

/** What a connection holds that one stream can read: a table, or files of one kind. */
export interface Discovered {
  /** For a stream or table: lower case letters, digits and `_`. */
  name: string;
  /** What it is, in words: `table, about 1,200 rows`, `12 files, 3.4 MB`. */
  text: string;
  /** The source's settings that select it, the connection's own keys left out. */
  settings: JsonObject;
  /** Sources of files: one of the names, by whose ending the format can be told. */
  sample?: string;
  /** No table: patterns pass it over. */
  view?: boolean;
  /** Columns of its key, where the system has one. */
  primary_key?: string[];
}

export interface Source {
  connect(ctx: SourceContext): Promise<SourceSession>;
  /** What the connection holds, by name; `ctx.settings` are its keys alone. Left out: the system cannot tell. Throws `source/*`. */
  discover?(ctx: SourceContext): Promise<Discovered[]>;
}
