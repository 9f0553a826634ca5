import type { Command } from './measure.ts';

/** Something to measure against: the tools that a user would take instead. */
export interface Baseline {
  name: string;
  /** Puts things back before each run: drops the table, removes the file. */
  reset(): Promise<void>;
  command: Command;
}

export interface BenchRow {
  name: string;
  ours: Baseline;
  baselines: Baseline[];
  /** Least ratio (baseline's median time over ours) by baseline name. */
  goals: Record<string, number>;
  rows: number;
  /** Starts what the row alone needs, and gives what stops it; run before the first reset. */
  prepare?: () => Promise<() => Promise<void>>;
}

export interface Bench {
  /** Folder for data, projects and databases; kept between runs. */
  folder: string;
  /** Connection URL of a Postgres that the benchmark may write to. */
  postgres: string;
  /** Rows of the big files. */
  rows: number;
  /** Command lines of the tools, where they could be installed. */
  tools: { sling: string | null; dlt: string | null; psql: string | null };
}
