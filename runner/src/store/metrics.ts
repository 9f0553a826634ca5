import type { Database } from './connection.ts';
import { isoTimes } from './runs.ts';

/** What a run measured in one second. Counts are sums since it began; null: there is no such figure. */
export interface Metric {
  /** ISO 8601. */
  at: string;
  rows_read: number | null;
  rows_rejected: number | null;
  bytes_read: number | null;
  rows_per_second: number | null;
  tasks_active: number | null;
  workers: number | null;
  /** Share of one core: 2 where two are busy. */
  cpu: number | null;
  memory_bytes: number | null;
  memory_limit_bytes: number | null;
  /** Bytes that its spool holds on disk. */
  spill_bytes: number | null;
}

export interface MetricRow extends Metric {
  /** Grows with every row: a reader goes on after the last one it saw. */
  seq: string;
}

const NAMES = [
  'at',
  'rows_read',
  'rows_rejected',
  'bytes_read',
  'rows_per_second',
  'tasks_active',
  'workers',
  'cpu',
  'memory_bytes',
  'memory_limit_bytes',
  'spill_bytes',
] as const satisfies readonly (keyof Metric)[];

/** What runs measured of themselves. */
export class MetricTable {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  async append(run: string, metrics: readonly Metric[]): Promise<void> {
    if (metrics.length === 0) return;
    await this.#db.query(
      `INSERT INTO run_metrics (run, ${NAMES.join(', ')})
       SELECT $1, ${NAMES.map((name) => `m.${name}`).join(', ')}
       FROM jsonb_populate_recordset(NULL::run_metrics, $2::jsonb) AS m ORDER BY m.at`,
      [run, JSON.stringify(metrics)],
    );
  }

  /** Of a run, in order, after the row `after`. */
  async read(
    run: string,
    { after = '0', limit = 1000 }: { after?: string; limit?: number } = {},
  ): Promise<MetricRow[]> {
    const { rows } = await this.#db.query(
      `SELECT seq, ${NAMES.join(', ')} FROM run_metrics WHERE run::text = $1 AND seq > $2 ORDER BY seq LIMIT $3`,
      [run, after, limit],
    );
    return rows.map(metricRow);
  }

  /** The newest of a run; null: it measured nothing. */
  async latest(run: string): Promise<MetricRow | null> {
    const { rows } = await this.#db.query(
      `SELECT seq, ${NAMES.join(', ')} FROM run_metrics WHERE run::text = $1 ORDER BY seq DESC LIMIT 1`,
      [run],
    );
    return rows[0] ? metricRow(rows[0]) : null;
  }
}

function metricRow(row: Record<string, unknown>): MetricRow {
  const { seq, at, ...figures } = isoTimes<Record<string, string | number | null>>(row);
  const numbers = Object.entries(figures).map(([name, value]) => [name, value === null ? null : Number(value)]);
  return { ...Object.fromEntries(numbers), seq: String(seq), at: String(at) } as MetricRow;
}
