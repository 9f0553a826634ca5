import type { Came, EpochCommit, SourceTable, Split, StageToken, TaskLog } from '../model/component.ts';
import type { Stream, WriteDisposition } from '../model/job.ts';
import type { Checkpoint, Counts, RunWindow, StreamKey } from '../model/run.ts';
import type { Column } from '../model/type.ts';
import type { Landed } from './land.ts';
import type { StreamPlan, WiderColumn } from './stream-plan.ts';

/** What every task of a stream is told. Plain JSON: it crosses into a worker thread. */
export interface TaskCommon {
  key: StreamKey;
  runId: string;
  loadedAt: string;
  projectDir: string;
  stream: Stream;
  /** The stretch of data that the run is about; null or left out: whatever is new. */
  window?: RunWindow | null;
  /** Folder of the run's spool; a task makes its own below it. */
  spool: string;
  threads: number;
  memory: number;
}

export type TaskInput = TaskCommon &
  (
    | { type: 'prepare'; splits: Split[]; table: Column[] | null; source: SourceTable | null }
    | { type: 'widen'; plan: StreamPlan; columns: WiderColumn[]; table: Column[] | null }
    | { type: 'land'; plan: StreamPlan; splits: Split[]; task: number; checkpoint: Checkpoint | null }
    | {
        type: 'stage';
        plan: StreamPlan;
        splits: Split[];
        task: number;
        attempt: number;
        epoch: number;
        disposition: WriteDisposition;
      }
    | {
        type: 'load';
        plan: StreamPlan;
        /** Splits to read, or parts that other tasks landed. */
        splits: Split[];
        landed: Landed[] | null;
        /** Files of all rows, read here or landed elsewhere. */
        names: { ordinal: number; name: string }[];
        checkpoint: Checkpoint | null;
        commit: EpochCommit;
        maxRejected: { rows: number | null; ratio: number | null } | null;
      }
  );

export type TaskOutput =
  | { type: 'planned'; plan: StreamPlan }
  | { type: 'widen'; columns: WiderColumn[] }
  | { type: 'landed'; landed: Landed }
  | { type: 'staged'; token: StageToken; counts: Counts; columns: Column[] }
  | { type: 'loaded'; counts: Counts; checkpoint: Checkpoint; repeated: boolean };

export interface TaskHooks {
  signal: AbortSignal;
  log: TaskLog;
  /** Called now and then: share done of the task, 0 to 1, and what came from a source that the engine does not read itself. */
  progress(share: number, arrived: Arrived): void;
  /** Told of what comes; left out: nobody counts. */
  came?: Came;
}

/** Bytes and rows that came so far. */
export interface Arrived {
  bytes: number;
  rows: number;
}

/** Columns that need wider types; null where all tasks were content. */
export function widened(outputs: TaskOutput[]): WiderColumn[] | null {
  const columns = outputs.flatMap((o) => (o.type === 'widen' ? o.columns : []));
  return columns.length > 0 ? columns : null;
}
