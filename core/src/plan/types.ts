import type { Job } from '../model/job.ts';
import type { Json } from '../model/json.ts';

/** A file that gives no job: what was applied from it stays as it is. */
export interface Problem {
  file: string;
  /** Names that the file claims: its job's and those in `renamed_from`; empty where they cannot be told. */
  names: string[];
  /** One line, such as the first error in it. */
  message: string;
}

/** What the project's files ask for in one target. */
export interface DesiredSet {
  project: string;
  target: string;
  jobs: readonly Job[];
  problems: readonly Problem[];
  /** Runs of a tag or connection at a time, by `tag:NAME` and `connection:NAME`; left out: sluice.yaml does not tell. */
  limits?: Readonly<Record<string, number>>;
}

/** What was applied last. */
export interface ActualSet {
  /** Grows by one with every plan that was applied; 0: none was. */
  version: number;
  jobs: readonly Job[];
  limits?: Readonly<Record<string, number>>;
}

export type ChangeAction = 'create' | 'update' | 'delete' | 'none';

export interface FieldChange {
  /** Dotted path in the compiled job or stream, such as `schedule.cron` or `columns.id.type`. */
  path: string;
  /** null: there was none, or it was null. Secrets are `***`; references stay symbols. */
  old: Json;
  new: Json;
}

/**
 * What an effect is about: when the job fires, what a load starts from, which files are read, what is done to the table, what becomes
 * of rows that it has, runs that go on or wait, and what could not be looked at.
 */
export const EFFECT_KINDS = ['schedule', 'load', 'files', 'table', 'rows', 'runs', 'unseen'] as const;
export type EffectKind = (typeof EFFECT_KINDS)[number];

export interface Effect {
  kind: EffectKind;
  message: string;
  /** What is lost cannot be brought back by applying the old files again. */
  destructive: boolean;
}

export interface Change {
  /** `job`, `job/stream` for a stream that is not named after its job, or `sluice.yaml` for what is of the whole project. */
  address: string;
  action: ChangeAction;
  /** The job's file, relative to the project folder. */
  file: string;
  fields: FieldChange[];
  effects: Effect[];
  /** Why, in one line. */
  reason: string;
  /** Name that the job had before; left out: the same. */
  renamed_from?: string;
}

/** The difference between the project's files and what was applied, as a value. */
export interface Plan {
  project: string;
  target: string;
  /** Version of what was applied when the plan was made. */
  version: number;
  /** sha256 (hex) of the desired set, the target and the version: it tells whether the plan is still the one that was read. */
  hash: string;
  /** Runs of a tag or connection at a time once it is applied. */
  limits: Readonly<Record<string, number>>;
  /** By address; also those with nothing to do. */
  changes: Change[];
  problems: Problem[];
  /** What a reader should look at before applying. */
  warnings: string[];
}
