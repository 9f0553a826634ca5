import type { JsonObject } from './json.ts';
import type { DataType } from './type.ts';

/** One vocabulary for what happens to a row that breaks a rule. */
export type OnFailure = 'fail' | 'warn' | 'discard' | 'quarantine';
export type WriteDisposition = 'append' | 'replace' | 'merge';
export type ContractMode = 'evolve' | 'freeze' | 'discard_row' | 'discard_value' | 'quarantine';

/** Metadata that a column can carry instead of a value of the source. */
export type Metadata =
  | 'path'
  | 'modified_at'
  | 'row_number'
  | 'loaded_at'
  | 'run_id'
  | 'window_start'
  | 'topic'
  | 'partition'
  | 'offset'
  | 'key'
  | 'headers';

/**
 * What one YAML file declares, after defaults, presets and connections were laid in and its streams laid out.
 * Plain JSON. Text may still hold references (`${env:…}`): they are put in when a run starts, never before.
 */
export interface Job {
  name: string;
  renamed_from: string[];
  project: string;
  target: string;
  /** Path of the file relative to the project folder, with `/`. */
  file: string;
  enabled: boolean;
  description: string | null;
  owner: string | null;
  tags: string[];
  depends_on: string[];
  streams: Stream[];
  compute: Compute;
  schedule: Schedule | null;
  retries: Retries;
  /** Milliseconds per attempt; null: no limit. */
  timeout_ms: number | null;
  notify: Notify[];
  sla: Sla | null;
  /** The declared providers that references of this job name, by their names. Those that every project has are left out. */
  secret_providers: Record<string, TypedSettings>;
  /** sha256 (hex) of the job's canonical JSON: comments, key order and formatting do not change it. */
  hash: string;
}

/** Something with a type, and its settings as that type takes them. */
export interface TypedSettings {
  type: string;
  settings: JsonObject;
}

export type NotifyEvent = 'failure' | 'recovery' | 'lateness';

/** Who is told of what. The channel's settings are laid in, references kept. */
export interface Notify extends TypedSettings {
  channel: string;
  on: NotifyEvent[];
}

/** What a job promises; null: no bound. */
export interface Sla {
  freshness_ms: number | null;
  max_duration_ms: number | null;
}

export interface Stream {
  name: string;
  enabled: boolean;
  source: ComponentUse;
  /** null: the format is sniffed, and said. Only for sources that hand out bytes. */
  format: ComponentUse | null;
  columns: ColumnRule[];
  transform: Step[];
  checks: CheckStep[];
  incremental: Incremental;
  destination: DestinationUse;
  schema_contract: { columns: ContractMode; data_type: ContractMode };
  limits: { max_rejected: MaxRejected | null };
  /** What happens to a value that breaks a declared type or a row that the format cannot split. */
  on_bad_row: OnFailure;
  on_no_data: 'succeed' | 'warn' | 'fail';
  /** The table is a pattern: the stream stands for one of each table that it matches when a run starts. */
  tables?: TablePattern;
  /** The project's masking key, where a column has `mask: hash`. */
  masking_key?: string;
}

export interface TablePattern {
  pattern: string;
  exclude: string[];
  /** Tables that other entries of the job name exactly. */
  taken: string[];
}

/** A component by its type, with its settings validated by its spec; a connection's keys are merged in. */
export interface ComponentUse {
  type: string;
  /** Name of the connection, for messages and locks; null when its keys stand inline. */
  connection: string | null;
  settings: JsonObject;
}

export interface DestinationUse extends ComponentUse {
  /** Schema of the table; null: the destination's default. */
  schema: string | null;
  table: string;
  write_disposition: WriteDisposition;
  /** Column names after `columns`; empty where none is known. */
  primary_key: string[];
  deletes: { when: string; mode: 'hard' | 'soft' } | null;
  naming: 'as_is' | 'snake_case';
}

export interface ColumnRule {
  name: string;
  /** Name in the source; equal to `name` where it is not renamed; null for metadata and derived columns. */
  from: string | null;
  type: DataType | null;
  /** strftime pattern, for date and time types. */
  format: string | null;
  decimal: string | null;
  thousands: string | null;
  scale: number | null;
  nullable: boolean;
  primary_key: boolean;
  mask: 'hash' | 'redact' | 'partial' | null;
  metadata: Metadata | null;
  derived: boolean;
}

/** A transform or check by its type. `settings` is the step's value after shorthands were normalised. */
export interface Step {
  type: string;
  settings: JsonObject;
}

export interface CheckStep extends Step {
  /** Column of a `columns[].checks` entry; null for checks of the job. */
  column: string | null;
  on_failure: OnFailure;
}

export type Incremental =
  | { type: 'none' }
  | { type: 'files'; on_change: 'reload' | 'ignore' | 'fail' }
  | { type: 'cursor'; column: string; initial_value: string | null; lookback_ms: number }
  | {
      type: 'window';
      column: string;
      every: 'hour' | 'day' | 'week' | 'month';
      lookback: number;
      /** The schedule's zone: windows begin by its clock. */
      timezone: string;
    };

export interface MaxRejected {
  rows: number | null;
  ratio: number | null;
}

export interface Compute {
  preset: string;
  workers: { min: number; max: number };
  /** Bytes, for the whole run. */
  memory: number;
}

export interface Schedule {
  cron: string;
  timezone: string;
  start: string | null;
  end: string | null;
  overlap_policy: 'skip' | 'queue' | 'cancel';
  catchup: 'none' | 'latest' | 'all';
}

export interface Retries {
  max: number;
  delay_ms: number;
  backoff: 'fixed' | 'exponential';
}
