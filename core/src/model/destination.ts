import type { Context, Engine } from './engine.ts';
import type { DestinationUse, WriteDisposition } from './job.ts';
import type { JsonObject } from './json.ts';
import type { QuarantinedRow, QuarantineFilter, QuarantineGroup, Replays } from './quarantine.ts';
import type { Checkpoint, Counts, FileIdentity, StreamKey } from './run.ts';
import type { Column } from './type.ts';

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
  /** The addresses of the last commit; null before the first one. */
  addresses?: Addresses | null;
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
  /** All rows, but those of `pieces`. */
  sql: string;
  /**
   * Rows that follow, as SELECTs of the same columns, each when its files are there: they are written one after the other in the one
   * transaction. Given only to destinations with the capability `parallel: engine`.
   */
  pieces?: AsyncIterable<RowPiece>;
  columns: Column[];
  /** A SELECT of QUARANTINE_COLUMNS, all text but row_number and byte_offset BIGINT; null where nothing is set aside. */
  quarantine: string | null;
  /** Called with the rows written, before COMMIT: throws where a check or limit forbids the epoch. */
  gate?: (rowsWritten: number) => void | Promise<void>;
}

export interface RowPiece {
  sql: string;
  /** To be called with the number of rows that were written of it, before the next piece is asked for. */
  written(rows: number): void;
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
  /**
   * The table as it stands, also where this stream never wrote to it; null when it does not exist. Left out: there is no table
   * without a state.
   */
  table?(): Promise<Column[] | null>;
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
