/** What a run had measured at one moment. Counts are sums since it began; null: not known. */
export interface Sample {
  /** Milliseconds since 1970, by the daemon's clock. */
  at: number;
  rows: number | null;
  rowsPerSecond: number | null;
  bytes: number | null;
  rejected: number | null;
  /** Bytes of the executor. */
  memory: number | null;
  /** Tasks at work. */
  workers: number | null;
}

/** A run as the panel tells of it; null: not known, or not yet. Times are ISO 8601. */
export interface RunFacts {
  id: string;
  status: string;
  kind: string;
  createdAt: string;
  startedAt: string | null;
  finishedAt: string | null;
  /** Why it failed, in one line. */
  error: string | null;
  rows: number | null;
  written: number | null;
  rejected: number | null;
  bytes: number | null;
}

/** What the panel is told, by `window.postMessage`. It holds no address and no token: the panel asks nobody else. */
export type ToPanel =
  | { type: 'reach'; reached: boolean; why: string | null }
  /** The newest first. */
  | { type: 'runs'; runs: RunFacts[] }
  /** `whole`: instead of those that were told before, else behind them. */
  | { type: 'samples'; run: string; samples: Sample[]; whole: boolean };

/** What the panel says: that it listens, and wants to be told everything. */
export interface FromPanel {
  type: 'ready';
}
