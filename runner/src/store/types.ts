import type { Checkpoint, Counts, Job, JsonObject, Plan, SluiceErrorJson, StreamKey } from '@sluice/core';

export type RunKind = 'scheduled' | 'manual' | 'backfill' | 'replay' | 'streaming';
export type RunState = 'queued' | 'running' | 'committing' | 'succeeded' | 'failed' | 'cancelled' | 'skipped';
export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

export interface JobKey {
  project: string;
  target: string;
  job: string;
}

export type TargetKey = Pick<JobKey, 'project' | 'target'>;

/** A plan on its way to be what is applied. */
export interface Application {
  plan: Plan;
  /** Everything that is applied from then on, not only what changes. */
  jobs: readonly Job[];
  /** What was applied when the plan was made; left out: it is read. */
  before?: readonly Job[];
  /** What is wrong with the file of a job whose last good version stays, by the job's name. */
  problems: Readonly<Record<string, string>>;
  gitRevision: string | null;
  author: string | null;
}

export interface AppliedJob {
  job: Job;
  /** Version of the plan that changed it last. */
  version: number;
  problem: string | null;
  last_run: { id: string; state: RunState; created_at: string } | null;
}

export interface ClaimRequest extends JobKey {
  kind: RunKind;
  /** `host/pid` of the process that will renew the lease. */
  owner: string;
  leaseMs: number;
  jobHash: string;
  /** The compiled job with symbols, never values. */
  definition: Job;
  /** Git revision of the job's file; left out: not known. */
  gitRevision?: string | null;
  /** Throws `run/daemon` where a daemon serves the target. */
  alone?: boolean;
  /** ISO 8601; when the run was due, where a schedule asked for it. */
  dueAt?: string | null;
  /** The window of data of a windowed job, ISO 8601; its end is not part of it. */
  window?: { start: string; end: string } | null;
}

export interface Claim {
  run: string;
  /** Runs of the job that ended without settling what they staged: to be aborted before new staging. */
  deadRuns: string[];
}

/** What a run may have staged and where: recorded before the first staged byte. Holds symbols, never secret values. */
export interface OpenIntent {
  run: string;
  stream: string;
  epoch: number;
  destination: JsonObject;
  recorded_at: string;
}

export interface TaskRow {
  task: number;
  splits: JsonObject[];
  token: JsonObject | null;
  counts: Counts | null;
}

export interface StreamDone extends StreamKey {
  run: string;
  seq: number;
  commitId: string;
  checkpoint: Checkpoint;
  counts: Counts;
  /** Why the checkpoint was written where no rows were: a restore. */
  note?: string;
}

export interface CheckpointRow {
  seq: number;
  checkpoint: Checkpoint;
  commit_id: string;
  run: string;
  counts: Counts | null;
  note: string | null;
  committed_at: string;
}

/** The newest checkpoint of a stream, as far as our history knows; the destination's own row is the truth. */
export interface StreamState extends StreamKey, CheckpointRow {}

export interface RunRow extends JobKey {
  id: string;
  kind: RunKind;
  state: RunState;
  attempt: number;
  counts: Counts | null;
  error: SluiceErrorJson | null;
  job_hash: string;
  git_revision: string | null;
  host: string | null;
  pid: number | null;
  due_at: string | null;
  window_start: string | null;
  window_end: string | null;
  created_at: string;
  started_at: string | null;
  finished_at: string | null;
  /** When it came into the queue; null: it was started by `sluice run`. */
  queued_at: string | null;
  not_before: string;
  /** Who asked for it; null: its schedule, or not known. */
  requested_by: string | null;
  reason: string | null;
  /** false: it waits for what `waiting_for` names. */
  ready: boolean;
  waiting_for: string | null;
  host_wanted: string | null;
  memory_bytes: number;
  options: JsonObject;
  backfill: string | null;
  /** How often another daemon had to go on with it. */
  handovers: number;
  stop_requested_at: string | null;
  stop_requested_by: string | null;
  stop_hard: boolean;
  /** Lines that its log left out, because there were too many. */
  logs_dropped: number;
}

export interface AttemptRow {
  attempt: number;
  started_at: string;
  finished_at: string | null;
  error: SluiceErrorJson | null;
}

export interface RunStreamRow {
  stream: string;
  state: RunState;
  commit_id: string | null;
  counts: Counts | null;
  error: SluiceErrorJson | null;
  checkpoint_before: Checkpoint | null;
  checkpoint_after: Checkpoint | null;
}

export interface RunDetail extends RunRow {
  attempts: AttemptRow[];
  streams: RunStreamRow[];
}

export interface RunFilter {
  project: string;
  target?: string;
  job?: string;
  states?: RunState[];
  /** Id of a run: only those before it, for the next page. */
  before?: string;
  limit?: number;
}

export interface LogLine {
  /** ISO 8601. */
  at: string;
  level: LogLevel;
  message: string;
  fields?: JsonObject;
}

export interface LogRow extends Required<LogLine> {
  /** Grows with every line: a reader goes on after the last one it saw. */
  seq: string;
}

export type { Checkpoint, Counts, Job, JsonObject, SluiceErrorJson, StreamKey };
