import type {
  Column,
  Job,
  JsonObject,
  QuarantinedRow,
  ReplayEntry,
  RunWindow,
  Seen,
  SluiceErrorJson,
} from '@sluice/core';
import type { Inferred } from '@sluice/core/runtime';
import type { FilesPlanned, FilesToPlan, FolderToPlan } from '../repo/plan-files.ts';
import type { PreviewResult } from './api.ts';
import type { Probe } from './probe.ts';
import type { Rewound } from './rewind.ts';

/** What a look needs of its job: references are symbols until they arrive in the process that looks. */
export interface Look {
  projectDir: string;
  job: Job;
  env: Record<string, string>;
  /** One stream of the job; null: its first one, or all. */
  stream: string | null;
  stateStore: string | null;
}

/** Questions that want the engine: a process that lives on asks them of a child. */
export interface Questions {
  /** `sample`: rows are read and their types inferred. */
  test_source: { asked: Look & { sample: boolean }; answer: SourceFound };
  plan_files: { asked: FilesToPlan & PlanLook; answer: PlanFound & Pick<FilesPlanned, 'diagnostics'> };
  plan_folder: { asked: FolderToPlan & PlanLook; answer: PlanFound };
  preview: { asked: Look & { rows: number; profile: boolean; bytesAs?: string }; answer: PreviewResult };
  quarantine: { asked: Look & { code: string | null; all: boolean; limit: number }; answer: SetAside[] };
  replay_entries: { asked: Look; answer: ReplayEntry[] };
  windows_to_run: { asked: Look; answer: RunWindow[] };
  windows_to_fill: { asked: Look & Filled; answer: { windows: RunWindow[]; finished: number; left: number } };
  rewind: { asked: Look & { to: number | null }; answer: Rewound[] };
}

/** Whether, and through which applied jobs' connections, a plan is looked into. */
interface PlanLook {
  projectDir: string;
  /** null: no connection is used. `trusted`: names of applied jobs. */
  connect: { env: Record<string, string>; stateStore: string | null; trusted: string[] } | null;
}

interface PlanFound extends Pick<FilesPlanned, 'project' | 'plan'> {
  /** The jobs of the files, for whoever may not see all. */
  jobs: { name: string; file: string; tags: string[] }[];
  seen: Seen[];
}

/** Bounds of a backfill in milliseconds; `force`: finished windows too. */
interface Filled {
  from: number;
  to: number;
  force: boolean;
}

/** What reaching a source came to. */
export interface SourceFound {
  probes: Probe[];
  /** The tables that it has, where none was named; null: one was, or it has files. */
  tables: string[] | null;
  /** null: it was not reached, or holds nothing. */
  inferred: Pick<Inferred, 'format' | 'files' | 'sampled_rows' | 'columns' | 'evidence' | 'warnings'> | null;
  /** Why nothing could be inferred. */
  error: SluiceErrorJson | null;
  sample: { columns: Column[]; rows: (string | number | boolean | null)[][] } | null;
}

/** Rows of a stream that were set aside. */
export interface SetAside {
  stream: string;
  groups: JsonObject[];
  rows: QuarantinedRow[];
}

export type Question = keyof Questions;

/** From the parent. */
export interface Asked<Q extends Question = Question> {
  question: Q;
  asked: Questions[Q]['asked'];
}

/** From the child: one answer, then it ends. */
export type Told<Q extends Question = Question> =
  | { ok: true; answer: Questions[Q]['answer'] }
  | { ok: false; error: SluiceErrorJson };
