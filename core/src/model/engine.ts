import type { JsonObject } from './json.ts';
import type { Column } from './type.ts';

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

/** Told of bytes and rows as they come from a system, each once; 0 rows where they are not known yet. */
export type Came = (bytes: number, rows: number) => void;

export interface Context {
  signal: AbortSignal;
  log: TaskLog;
  /** For progress, where the engine itself does not read. */
  came?: Came | undefined;
}
