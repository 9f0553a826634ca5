import type {
  Checkpoint,
  Column,
  Counts,
  Job,
  JsonObject,
  ReplayEntry,
  RunWindow,
  SluiceErrorJson,
} from '@sluice/core';
import type { ColumnProfile } from '@sluice/core/runtime';

export interface RunRequest {
  /** Folder of the project: relative paths of the job start here. */
  projectDir: string;
  job: Job;
  vars: Record<string, string>;
  /** Values for `${env:…}`: the process environment with `.env` laid under it. Never logged or stored. */
  env: Record<string, string>;
  /** One stream of the job; null: all. */
  stream: string | null;
  fullRefresh: boolean;
  /**
   * The window that windowed streams load, as ISO 8601 instants; in a backfill of a cursor, values of it. null or left out: windowed
   * streams have nothing to do.
   */
  window?: RunWindow | null;
  /** Only streams that `window` is about: where several windows follow each other the other streams are run once. */
  windowedOnly?: boolean;
  /** Also where a daemon serves the target. */
  takeOver?: boolean;
  kind: 'manual' | 'scheduled' | 'backfill' | 'replay';
  /** Kind `replay`: which of the rows that were set aside are run again. */
  replay?: ReplayEntry;
  /** URL of the state store from `state_store`, null: DATABASE_URL, else the embedded server. */
  stateStore: string | null;
}

export type RunEvent =
  | { type: 'started'; run_id: string; job: string }
  | { type: 'waiting'; for: string; holder: string }
  | {
      type: 'phase';
      stream: string;
      phase: 'open' | 'list' | 'sniff' | 'load' | 'finish' | 'commit' | 'done';
      detail?: string;
    }
  | {
      type: 'progress';
      stream: string;
      /** Rows read; `rows_estimated`: some of them are estimated from the bytes read. */
      rows: number;
      rows_estimated: boolean;
      bytes: number;
      total_bytes: number | null;
      tasks_done: number;
      tasks: number;
    }
  | {
      type: 'log';
      level: 'debug' | 'info' | 'warn' | 'error';
      message: string;
      stream: string | null;
      fields?: JsonObject;
    }
  | { type: 'retry'; attempt: number; delay_ms: number; error: SluiceErrorJson };

export interface StreamResult {
  stream: string;
  status: 'succeeded' | 'failed' | 'cancelled' | 'skipped';
  counts: Counts;
  checkpoint: Checkpoint | null;
  /** Columns of the source as they were read: names and types, no values. Left out where nothing was read. */
  columns?: Column[];
  /** The table or folder that was written, for messages. */
  destination: string;
  error: SluiceErrorJson | null;
}

export interface RunResult {
  run_id: string;
  job: string;
  status: 'succeeded' | 'failed' | 'cancelled';
  attempts: number;
  counts: Counts;
  duration_ms: number;
  destination: string;
  streams: StreamResult[];
  error: SluiceErrorJson | null;
}

export interface PreviewResult {
  columns: Column[];
  rows: (string | number | boolean | null)[][];
  notes: string[];
  rejected: number;
  /** null: not asked for. */
  profile: ColumnProfile[] | null;
  /** The rows in the format that was asked for; null: as `rows`. */
  bytes: Uint8Array | null;
}
