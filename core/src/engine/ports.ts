import type { Addresses, Split, TaskLog } from '../model/component.ts';
import type { JsonObject } from '../model/json.ts';
import type { Replays } from '../model/quarantine.ts';
import type { Checkpoint, Counts } from '../model/run.ts';
import type { Column } from '../model/type.ts';
import type { TaskCommon, TaskHooks, TaskInput, TaskOutput } from './task-types.ts';

export type Phase = 'open' | 'list' | 'sniff' | 'load' | 'finish' | 'commit' | 'done';

export interface StreamProgress {
  /** Rows read; `rowsEstimated`: some of them are estimated from the bytes read. */
  rows: number;
  rowsEstimated: boolean;
  bytes: number;
  total: number | null;
  tasksDone: number;
  tasks: number;
}

/** What an epoch needs from the process that runs it: threads for tasks, locks, and the state store. */
export interface EpochPorts {
  runTask(input: TaskInput, progress: TaskHooks['progress']): Promise<TaskOutput>;
  /** Holds the named lock while `work` runs; null needs none. */
  withLock<T>(name: string | null, work: () => Promise<T>): Promise<T>;
  recordTasks(stream: string, epoch: number, splits: Split[][]): Promise<void>;
  recordIntent(stream: string, epoch: number, destination: JsonObject): Promise<void>;
  recordToken(stream: string, epoch: number, task: number, token: JsonObject, counts: Counts): Promise<void>;
  /** From here a stop no longer discards the epoch. Throws where the lease is lost. */
  committing(stream: string): Promise<void>;
  /** Everything staged for these runs was aborted or committed. */
  settled(stream: string, runIds: string[]): Promise<void>;
  /**
   * `run`: the one that committed, where it died before it could say so itself; left out: this one. `note`: why a commit has no
   * rows.
   */
  finished(
    stream: string,
    done: { seq: number; commitId: string; checkpoint: Checkpoint; counts: Counts; run?: string; note?: string },
  ): Promise<void>;
  phase(stream: string, phase: Phase, detail?: string): void;
  progress(stream: string, done: StreamProgress): void;
  log: TaskLog;
}

export interface StreamRun extends Omit<TaskCommon, 'threads'> {
  addresses: Addresses;
  renamedFrom: string[];
  fullRefresh: boolean;
  /** `window` was asked for and did not come by a schedule: a cursor stays where it is. */
  backfill?: boolean;
  attempt: number;
  workers: { min: number; max: number };
  cores: number;
  /** Runs of this job that died and may have left staging behind. */
  deadRuns: string[];
  /** Rows of the quarantine that `stream` reads, for a replay. */
  replays?: Replays;
  /** What is read, where it is not what the source lists. */
  splits?: Split[];
  signal: AbortSignal;
}

export interface StreamOutcome {
  counts: Counts;
  checkpoint: Checkpoint | null;
  /** Nothing was there to load: nothing was committed. */
  empty: boolean;
  /** Columns of the source, by their names there, as they were read; left out where nothing was. */
  columns?: Column[];
}
