import type { Schema } from '../spec/schema.ts';
import type { CheckStep, DestinationUse, Incremental, WriteDisposition } from './job.ts';
import type { JsonObject } from './json.ts';
import type { QuarantinedRow, QuarantineFilter, QuarantineGroup, Replays } from './quarantine.ts';
import type { Checkpoint, Counts, FileIdentity, StreamKey } from './run.ts';
import type { Column, DataType } from './type.ts';

/**
 * The embedded columnar engine as components see it: one connection of one instance, owned by one task.
 * SQL for data is built with `model/sql.ts`; no value is pasted in unquoted.
 */
export interface Engine {
  /** Runs statements and throws away their rows. */
  run(sql: string): Promise<void>;
  /** Runs one query and returns its rows; 64-bit integers, decimals and dates arrive as exact text. */
  rows(sql: string): Promise<Record<string, string | number | boolean | null>[]>;
  /**
   * Rows of one query as they are made, a chunk at a time, for systems that take rows one by one. Its columns have to be VARCHAR,
   * INTEGER, BIGINT, DOUBLE, BOOLEAN or BLOB; BIGINT arrives as bigint.
   */
  stream(sql: string): AsyncIterable<(string | bigint | number | boolean | Uint8Array | null)[][]>;
  /** Runs a statement that changes rows and returns how many it changed. */
  changed(sql: string): Promise<number>;
  /** Names and types that a query would return, without reading a row. */
  describe(sql: string): Promise<Column[]>;
  /** A folder of the task's own: spooled downloads, landed parts, FIFOs. Removed when the task ends. */
  readonly spool: string;
  /** Threads that a query of this task uses. */
  readonly threads: number;
  /** Bytes that this task may use. */
  readonly memory: number;
  /** Told by formats that read files by themselves, for progress. */
  readBytes?(count: number): void;
}

/** Told about progress and findings; the caller decides where they are shown. */
export type TaskLog = (level: 'debug' | 'info' | 'warn' | 'error', message: string, fields?: JsonObject) => void;

export interface Context {
  signal: AbortSignal;
  log: TaskLog;
}

// ---------------------------------------------------------------- sources

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
}

export interface SourceContext extends Context {
  settings: JsonObject;
  /** The format that the job names, for sources whose bytes depend on it; null or left out: none. */
  format?: { type: string; settings: JsonObject } | null;
  /** Folder of the project: relative local paths start here. */
  projectDir: string;
}

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
}

/** From a byte (included) to a byte (not included). */
export type ByteRange = [from: number, to: number];

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

// ---------------------------------------------------------------- formats

/** A column as the format finds it. */
export interface RawColumn {
  name: string;
  /** null: the format has only text, the type is to be inferred or declared. */
  type: DataType | null;
  /** Sources of columns, with `type` null: what the values mostly are. It stands for what is inferred from a sample elsewhere. */
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

export interface FormatReader {
  /** Whether a file can be read in pieces of bytes (`LocalFile.range`): rows are lines that can be told apart from anywhere. */
  divisible?(file: LocalFile, settings: JsonObject): Promise<boolean>;
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
   * For a file that is not here yet but for its length: gets the bytes that a reading needs to their places. `columns` null:
   * the file's schema alone is wanted.
   */
  fetchParts?(
    file: LocalFile,
    columns: readonly string[] | null,
    engine: Engine,
    get: (ranges: readonly ByteRange[]) => Promise<void>,
  ): Promise<void>;
  /** Builds the scan; may run statements on the engine to prepare it. Rows come in file order, then row order. */
  scan(
    files: readonly LocalFile[],
    sniffed: Sniffed,
    settings: JsonObject,
    engine: Engine,
    options: { rowNumbers: boolean; limit?: number; skipBadRows: boolean },
  ): Promise<Scan>;
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
  /** A SELECT for a look at files that it wrote with these columns; at least one. */
  read(files: readonly string[], columns: readonly Column[]): string;
}

// ---------------------------------------------------------------- transforms and checks

export type Scope = 'row' | 'run';

/** What a text of user SQL is: one value, one SELECT over `input`, or what stands after ORDER BY. */
export type SqlForm = 'expression' | 'query' | 'order';

export interface Transform {
  /** Row: split by split; run: once over the stream's landed rows of the epoch. */
  scope(settings: JsonObject): Scope;
  /** A SELECT over the relation `input` (quoted as "input"). Columns that begin with `_sluice_` must pass through. */
  sql(settings: JsonObject, input: readonly Column[]): string;
  /** Row steps that yield exactly one row for each: rows need not be counted around them. */
  keepsRows?: boolean;
  /** Row steps that may yield more rows than they take. */
  addsRows?: boolean;
  /** Texts of user SQL in the settings, for the cage to inspect before any of it runs. */
  userSql(settings: JsonObject): { sql: string; form: SqlForm }[];
  /**
   * Run steps whose answer for a row depends only on rows with the same values in these columns: the engine may run the step
   * on each hash partition of them. null: only the whole relation will do.
   */
  partitionKey?(settings: JsonObject): string[] | null;
}

export interface Check {
  scope(step: CheckStep): Scope;
  /**
   * A boolean expression over the relation's columns that is true for a failing row. In run scope it may call a window
   * function, so it has to stand in a select list, not in WHERE.
   */
  failing?(step: CheckStep, columns: readonly Column[]): string;
  /**
   * Table checks: a SELECT of one row `failed` BOOLEAN, `detail` VARCHAR over the relation `input`. `now` is the run's start
   * as an ISO 8601 instant, so that a retry judges by the same clock.
   */
  verdict?(step: CheckStep, columns: readonly Column[], now: string): string;
  /** Table checks that the number of rows alone decides: they gate the commit without a pass over the rows. */
  byCount?(step: CheckStep, rows: number): { failed: boolean; detail: string };
  /** A message for one failing row or the table, without the values of masked columns. */
  describe(step: CheckStep): string;
  userSql(step: CheckStep): { sql: string; form: SqlForm }[];
  /** As for transforms. */
  partitionKey?(step: CheckStep): string[] | null;
}

// ---------------------------------------------------------------- destinations

export interface DestinationContext extends Context {
  key: StreamKey;
  /** Settings with their references put in. */
  use: DestinationUse;
  projectDir: string;
  runId: string;
  /** What `commit` may use where no engine is handed in; the destination's own cautious default where left out. */
  budget?: { threads: number; memory: number };
}

export interface Addresses {
  /** Hashes (hex) of the source's address, of `incremental` (type, column) and of the destination's address. */
  source: string;
  incremental: string;
  destination: string;
}

export interface Opened {
  fence: number;
  seq: number;
  checkpoint: Checkpoint | null;
  commitId: string | null;
  /** The destination table as it stands; null when it does not exist. */
  table: Column[] | null;
  /** Counts of the last commit, as it stored them. */
  counts?: Partial<Counts> | null;
  /** Which addresses differ from the stored ones (the checkpoint is then null: a full load); empty where none. */
  changed: (keyof Addresses)[];
}

/** What is written in the one transaction of an epoch beside the rows. */
export interface EpochCommit {
  commitId: string;
  epoch: number;
  fence: number;
  baseSeq: number;
  checkpoint: Checkpoint;
  /** What is known of the epoch's counts; stored with `rows_written` as the destination found it, for a run that dies after COMMIT. */
  counts?: Counts;
  addresses: Addresses;
  /** Files to enter in the ledger; with `forgetLedger` all older entries go first. */
  files: FileIdentity[];
  forgetLedger: boolean;
  /** Ids of earlier commits whose files leave the ledger, for a restore: they are loaded again. */
  forgetCommits?: string[];
  /** Rows of the quarantine that are taken in again; marked in the same transaction. */
  replays?: Replays;
  /** The rows' columns in order, with final names and types. */
  columns: Column[];
  /** Columns of the table that are added or get another type, as the schema contract decided. */
  addColumns: Column[];
  alterColumns: Column[];
  disposition: WriteDisposition;
  primaryKey: string[];
  deletes: 'hard' | 'soft' | null;
  /** A replace of one window: only rows with from <= column < to go (texts of the column's type); left out: the whole table. */
  window?: { column: string; from: string; to: string };
}

/** Rows ready to be written. `sql` yields `columns` in order and, with deletes, `_sluice_delete` BOOLEAN last. */
export interface ReadyRows {
  engine: Engine;
  sql: string;
  columns: Column[];
  /** A SELECT of QUARANTINE_COLUMNS, all text but row_number and byte_offset BIGINT; null where nothing is set aside. */
  quarantine: string | null;
  /** Called with the rows written, before COMMIT: throws where a check or limit forbids the epoch. */
  gate?: (rowsWritten: number) => void | Promise<void>;
}

export interface StageRequest {
  epoch: number;
  task: number;
  attempt: number;
  columns: Column[];
  disposition: WriteDisposition;
}

/** Serialisable: after a crash any process can commit or abort by it. */
export type StageToken = JsonObject & { rows: number };

export interface CommitResult {
  rows_written: number;
  rows_inserted?: number;
  rows_updated?: number;
  rows_deleted?: number;
  /** The commit had been done before: nothing was written now. */
  repeated: boolean;
}

export interface DestinationSession {
  /**
   * What to hold while `open`, `load`, `commit` and `inspect` run, because the system allows one opener at a time: the real
   * path of the file. null where the system arbitrates itself.
   */
  readonly lock: string | null;
  /** Folders that `load` and `stage` write to through a task's engine: opened in its cage. */
  readonly folders: readonly string[];
  /** Files that `attach`, `load` and `detach` open through a task's engine: opened in its cage. */
  readonly files: readonly string[];
  /** Reach, read and write rights; throws a SluiceError. */
  test(): Promise<void>;
  /** Step 1: one transaction raises the fence. Creates schema and `_sluice_*` tables where missing. */
  open(addresses: Addresses, renamedFrom: readonly string[]): Promise<Opened>;
  /** State without raising the fence; null when there is none. */
  inspect(): Promise<(Opened & { files: number }) | null>;
  /** The file ledger of this stream by path. */
  ledger(): Promise<Map<string, FileIdentity>>;
  /** Rows of this stream that were set aside, by reason. Left out with `quarantined`: they cannot be read back. */
  quarantineGroups?(): Promise<QuarantineGroup[]>;
  quarantined?(filter: QuarantineFilter, page: { limit: number; offset: number }): Promise<QuarantinedRow[]>;
  /**
   * Statements to run on a task's engine (ATTACH); their undoing runs in `detach`. With `files` and `folders` opened both may run
   * inside the cage, so that the lock is held for the load and no longer. `load` attaches and detaches by itself where it is not done.
   */
  attach(engine: Engine): Promise<void>;
  detach(engine: Engine): Promise<void>;
  /** One-task epoch: rows straight into the destination table, and the epoch's commit, in one transaction. */
  load(epoch: EpochCommit, rows: ReadyRows): Promise<CommitResult>;
  /** Step 4: rows into staging that no reader takes for data. Repeating a task's stage replaces or finds what it staged. */
  stage(request: StageRequest, rows: ReadyRows): Promise<StageToken>;
  /** Step 6: one transaction over all tokens. Throws `commit/fenced` when another holds a newer fence. */
  commit(epoch: EpochCommit, tokens: readonly StageToken[]): Promise<CommitResult>;
  /** Removes all staging of this run and stream. Removing nothing succeeds. */
  abort(runId: string): Promise<void>;
  /** Columns and rows of a query on this destination, for `sluice sql`. */
  query(sql: string): Promise<{ columns: Column[]; rows: (string | number | boolean | null)[][] }>;
  close(): Promise<void>;
}

export interface Destination {
  connect(ctx: DestinationContext): Promise<DestinationSession>;
}

// ---------------------------------------------------------------- specs

export type ComponentKind = 'source' | 'destination' | 'format' | 'transform' | 'check';

/** What a component can do, as data: nothing outside its folder switches on its name. */
export interface Capabilities {
  /** Sources: hand out bytes that need a format, or typed columns. */
  yields?: 'bytes' | 'columns';
  /** Sources: `table` may be a pattern that stands for many tables. */
  table_patterns?: boolean;
  /**
   * Sources and destinations of one value read and write the same types of their own: a column that no step looks at keeps
   * its type from the one to the other.
   */
  native?: string;
  /** Sources of bytes: false where they are answers rather than files, so that a ledger of them has to be asked for. */
  files?: boolean;
  batch?: boolean;
  streaming?: boolean;
  /** Destinations. */
  commit_class?: 'transactional' | 'transactional_no_ddl' | 'log' | 'directory' | 'append_only';
  write_dispositions?: WriteDisposition[];
  /** Tables by schema and name, or files by path. */
  holds?: 'tables' | 'files';
  /** Schema of tables where none is named; left out: the system has no schemas. */
  default_schema?: string;
  /** Longest identifier in bytes; null: no limit. */
  max_identifier?: number | null;
  /** Needs files of one host. */
  placement?: 'node' | 'any';
  /** Transforms and checks with a fixed scope; `sql` means it depends on the text. */
  scope?: Scope | 'sql';
  /** Transforms: what the step does to the columns that its `columns` names; left out: none come, none go. */
  columns?: 'keep' | 'drop' | 'add' | 'replace';
  /** Checks: needs a column, and may stand under `columns[].checks`. */
  column_check?: boolean;
  /** Checks: the masks under which a value is judged as it would be without. */
  sees_through?: readonly ('hash' | 'redact' | 'partial')[];
}

export interface Spec<S extends Schema = Schema> {
  kind: ComponentKind;
  type: string;
  title: string;
  /** One or two sentences, shown by editors. */
  text: string;
  /** The component's own keys; for a source or destination those that every one has (`type`, `connection`) are not repeated. */
  settings: S;
  /** Sources and destinations: keys of the system's connection, which may also stand inline. */
  connection?: Schema;
  /** Names of the settings and connection keys whose values are secrets; `auth.token` is a key inside another. */
  secrets: string[];
  /**
   * Sources: the settings that say where the data is, not which part of it is read: a change of them makes the checkpoint void.
   * Left out: all but those that every source of files has.
   */
  address?: string[];
  capabilities: Capabilities;
  /** YAML snippets that validate. */
  examples: string[];
  /** More Markdown for the reference page: type mapping, rules. */
  notes?: string;
}
