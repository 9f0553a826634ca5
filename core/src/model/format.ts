import type { Engine, TaskLog } from './engine.ts';
import type { ByteRange, LocalFile, RowSpan } from './file.ts';
import type { Folder } from './folder.ts';
import type { JsonObject } from './json.ts';
import type { RowTest } from './row-test.ts';
import type { Column, DataType } from './type.ts';

/** A column as the format finds it. */
export interface RawColumn {
  name: string;
  /** null: the format has only text, the type is to be inferred or declared. */
  type: DataType | null;
  /**
   * With `type` null: what the values mostly are. For sources of columns it stands for what is inferred from a sample elsewhere, for
   * formats where the sample has no value.
   */
  guess?: DataType;
  /** Sources of columns: the system's own name of a type that the job language lacks; see `Capabilities.native`. */
  native?: string;
}

/** A run's fixed reading of its files: decided before the first task, passed explicitly to each scan. */
export interface Sniffed {
  /** What the format needs to scan: delimiter, quote, encoding, header names per file … Plain JSON. */
  dialect: JsonObject;
  columns: RawColumn[];
  /** In words, for `infer` and logs: what was decided and what it was seen in. */
  evidence: string[];
  /** What was taken for granted and may be wrong: shown to the user by every run. */
  warnings?: string[];
  /** Bytes of a file that a row takes, about: progress counts rows by it. Left out: not known. */
  row_bytes?: number;
}

export interface Scan {
  /**
   * A SELECT that yields the raw columns under their own names, then `_file` (INTEGER, the split's ordinal), and, where
   * `rowNumbers` was asked for, `_row` (BIGINT, the row's number in its file, from 1, header not counted).
   */
  sql: string;
  /**
   * After `sql` ran to its end: a SELECT of the rows that could not be split into columns:
   * `_file` INTEGER, `line` BIGINT (physical line or null), `byte_offset` BIGINT, `code` VARCHAR, `reason` VARCHAR, `row` VARCHAR.
   * null where the format has no such rows.
   */
  rejects: string | null;
  /**
   * Waits for what is still being found out about the files while `sql` runs. Takes the number of rows that came out, rejects
   * included, null where the query failed. false: the files were read wrongly, the rows must be thrown away, and a new scan
   * of the same files will know better. Left out: `sql` is right as it stands.
   */
  confirm?: (rows: number | null) => Promise<boolean>;
}

/** How rows that were set aside as text are written down to be parsed again. */
export interface KeptForm {
  /** By which the written files are read. */
  settings: JsonObject;
  /** What a file begins with, its line end included; may be empty. */
  head: string;
  /** A row as it stands in a file, its line end included. */
  write(text: string): string;
  /** Whether a text might take in the one behind it: it then gets a file of its own. */
  alone(text: string): boolean;
}

export interface ScanOptions {
  rowNumbers: boolean;
  /** Rows at the most: a sample. */
  limit?: number;
  skipBadRows: boolean;
  /** The caller asks `Scan.confirm` before it believes the rows. */
  confirmed?: boolean;
}

/** A format whose files are those of a table, as a log beside them says. */
export interface TableFormat {
  /** Files that are wanted, and where a later listing of what is new begins. Throws `format/*` and `source/*` errors. */
  list(folder: Folder, request: TableRequest): Promise<TableListing>;
}

export interface TableRequest {
  /** Settings of the format. */
  settings: JsonObject;
  /** What the last commit's listing gave as `position`; null: all rows of the table are wanted. */
  since: JsonObject | null;
  /** What is done where rows that were loaded have changed or gone since. */
  onChange: 'reload' | 'ignore' | 'fail';
  /** A folder of this machine for what readers are to find again; made when it is needed, and gone when the stream has ended. */
  spool: string;
  withEngine<T>(work: (engine: { rows: Engine['rows']; readonly folder: string }) => Promise<T>): Promise<T>;
  log: TaskLog;
}

export interface TableListing {
  files: ListedFile[];
  position: JsonObject;
}

export interface ListedFile {
  /** Below the table, with `/`. */
  path: string;
  size: number;
  modified_at: string | null;
  /** Tells the file from an earlier state of itself, where its bytes do not. */
  etag: string | null;
  /** What the reader has to know of the file. */
  entry: JsonObject;
}

export interface PartsWanted {
  /** By the source's names; null: the file's schema alone. */
  columns: readonly string[] | null;
  /** What a row has to meet; null: all of them are wanted. */
  test: RowTest | null;
}

export interface FormatReader {
  /** Left out: the source lists the files. */
  table?: TableFormat;
  /** Whether a file can be read in pieces of bytes (`LocalFile.range`): rows are lines that can be told apart from anywhere. */
  divisible?(file: LocalFile, settings: JsonObject): Promise<boolean>;
  /** A file that is cut behind a line end outside of quotes is a file still. */
  readonly lines?: true;
  /** Reads a bounded sample (never the whole input). Throws `format/*` errors with file and line. */
  sniff(files: readonly LocalFile[], settings: JsonObject, engine: Engine): Promise<Sniffed>;
  /**
   * Takes in what the job or the table says of columns, by the source's names; `type` null: only the name is known. For formats
   * whose records may lack a field, or write a value as its type wants it.
   */
  expect?(sniffed: Sniffed, columns: readonly RawColumn[]): Sniffed;
  /** What was found out and can be written as settings, where all files share it: for `infer --write`. */
  pin?(sniffed: Sniffed, settings: JsonObject): JsonObject;
  /** Leaves only these columns (by the source's names) to be read; for formats that then read less of a file. */
  prune?(sniffed: Sniffed, wanted: ReadonlySet<string>): Sniffed;
  /**
   * For a file that is not here yet but for its length: gets the bytes that a reading needs to their places. Says which rows it left
   * out of the file, since none of them can meet the test.
   */
  fetchParts?(
    file: LocalFile,
    wanted: PartsWanted,
    engine: Engine,
    get: (ranges: readonly ByteRange[]) => Promise<void>,
  ): Promise<RowSpan[]>;
  /** Builds the scan; may run statements on the engine to prepare it. Rows come in file order, then row order. */
  scan(
    files: readonly LocalFile[],
    sniffed: Sniffed,
    settings: JsonObject,
    engine: Engine,
    options: ScanOptions,
  ): Promise<Scan>;
  /**
   * How texts of `Scan.rejects` are parsed again by the settings as they are now. `file` gets the file that they come from, null
   * where it is gone from its source. Left out: the format sets no text aside. Throws `quarantine/layout` where it needs a file that is gone.
   */
  again?(settings: JsonObject, file: () => Promise<LocalFile | null>): Promise<KeptForm>;
  /** Turns an engine error of a scan into a `format/*` SluiceError with file, line and cause, or null if it is not one. */
  explain(error: Error, files: readonly LocalFile[], sniffed: Sniffed): Promise<Error | null>;
}

/** What a writer is to make of rows. */
export interface WriteRequest {
  /** A SELECT that yields `columns`, in their order. */
  sql: string;
  columns: readonly Column[];
  /** An empty folder that the engine may write to; made where it is missing. */
  folder: string;
  /** What file names begin with: no other task's do. */
  name: string;
  /** Columns whose values make `column=value` folders, as Hive lays them out; they stand in the files too. */
  partitionBy: readonly string[];
  /** Bytes after which a file ends, roughly; null: one file. Not together with `partitionBy`. */
  fileSize: number | null;
}

/** A file that a writer made. */
export interface WrittenFile {
  /** Below the request's folder, with `/`. */
  path: string;
  size: number;
}

/** Rows of the engine → files of a format that its reader reads back to the same values. */
export interface FormatWriter {
  /** Of the files' names, with its dot. */
  extension: string;
  /**
   * Writes all rows; without `partitionBy` also where there are none, so that the columns are known. Throws
   * `destination/bad-value` (data) naming column and row for what the format cannot hold.
   */
  write(engine: Engine, request: WriteRequest): Promise<{ rows: number; files: WrittenFile[] }>;
  /**
   * A SELECT for a look at files that it wrote with these columns; at least one. What the engine cannot read itself is laid into
   * `scratch`, a folder that lives as long as the SELECT is used.
   */
  read(files: readonly string[], columns: readonly Column[], scratch: string): string | Promise<string>;
  /** Formats that are passed on as they are made: the bytes of all rows of a query. Throws as `write`. */
  stream?(engine: Engine, sql: string, columns: readonly Column[]): AsyncIterable<Uint8Array>;
}
