import type { Checkpoint, Counts, Job, JsonObject, SluiceErrorJson, StreamKey } from '@sluice/core';

export type RunKind = 'scheduled' | 'manual' | 'backfill' | 'replay' | 'streaming';
export type RunState = 'queued' | 'running' | 'committing' | 'succeeded' | 'failed' | 'cancelled' | 'skipped';

export interface JobKey {
  project: string;
  target: string;
  job: string;
}

export interface ClaimRequest extends JobKey {
  kind: RunKind;
  /** `host/pid` of the process that will renew the lease. */
  owner: string;
  leaseMs: number;
  jobHash: string;
  /** The compiled job with symbols, never values. */
  definition: Job;
}

export interface Claim {
  run: string;
  /** Runs of the job that ended without settling what they staged: to be aborted before new staging. */
  deadRuns: string[];
}

export interface StreamDone extends StreamKey {
  run: string;
  seq: number;
  commitId: string;
  checkpoint: Checkpoint;
  counts: Counts;
}

export interface CheckpointRow {
  seq: number;
  checkpoint: Checkpoint;
  commit_id: string;
  run: string;
  counts: Counts | null;
  committed_at: string;
}

export interface RunRow {
  id: string;
  job: string;
  kind: RunKind;
  state: RunState;
  attempt: number;
  counts: Counts | null;
  error: SluiceErrorJson | null;
  created_at: string;
  finished_at: string | null;
}

export type { Checkpoint, Counts, JsonObject, SluiceErrorJson, StreamKey };
