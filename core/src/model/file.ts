import type { JsonObject } from './json.ts';

/** A file that the engine can read now, under the source's own name. */
export interface LocalFile {
  /** Path on this machine. */
  path: string;
  /** The source's own name: what `metadata: path`, errors and the ledger show. */
  name: string;
  size: number;
  modified_at: string | null;
  /** The split's ordinal. */
  ordinal: number;
  /** What the source knows of the bytes: the format where the job names none, and settings that win over the job's. */
  format?: { type: string; settings: JsonObject };
  /**
   * Only the lines that begin in these bytes are to be read, where a line begins at 0 and behind each LF; rows are numbered as in
   * the whole file. Only for formats that are `divisible`; `size` is then that of the piece.
   */
  range?: ByteRange;
  /** Rows of the source's file that are not in this one, since none of them was wanted: from a row (0 is the first) to a row (not included). */
  skipped?: readonly RowSpan[];
  /** The file is rows that were set aside: the number that they had in their source, null where several share the file. */
  row?: number | null;
  /** All of the file is to be looked at for its columns: its head did not tell them all. */
  whole?: true;
  /** What the format itself said of the file when it listed it; see `TableFormat`. */
  entry?: JsonObject;
}

/** From a row (included) to a row (not included). */
export type RowSpan = [from: number, to: number];

/** From a byte (included) to a byte (not included). */
export type ByteRange = [from: number, to: number];
