import { type Counts, VERSION } from '@sluice/core';
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { Gauges } from '../store/gauges.ts';
import type { Store } from '../store/store.ts';
import type { TargetKey } from '../store/types.ts';

export interface ExporterOptions {
  store: Store;
  key: TargetKey;
  /** Runs that go on in this daemon. */
  running: () => number;
}

/** A run as it ended here. */
export interface EndedHere {
  kind: string;
  status: string;
  duration_ms: number;
  counts: Pick<Counts, 'rows_read' | 'rows_written' | 'rows_rejected' | 'bytes_read'>;
}

/** Whoever asks more often than this is told the same again, so that `/metrics` cannot wear the state store down. */
const FRESH_MS = 3000;
const DURATIONS_S = [1, 5, 15, 60, 300, 900, 3600, 14_400];

/**
 * `/metrics` of a daemon, in Prometheus' text format. Gauges are about project and target, the same on every daemon of them; counters and
 * the histogram count what this daemon did since it began; process_* and nodejs_* are its own process. No job is named: the page wants no token.
 */
export class Exporter {
  readonly #options: ExporterOptions;
  readonly #registry = new Registry();
  readonly #gauges: Readonly<Record<string, Gauge>>;
  readonly #runs: Counter<'kind' | 'status'>;
  readonly #durations: Histogram<'status'>;
  readonly #sums: Readonly<Record<keyof EndedHere['counts'], Counter>>;
  readonly #deliveries: Counter<'type' | 'outcome'>;
  #read: { at: number; done: Promise<void> } | null = null;

  constructor(options: ExporterOptions) {
    this.#options = options;
    const registers = [this.#registry];
    this.#registry.setDefaultLabels(options.key);
    collectDefaultMetrics({ register: this.#registry });
    const gauge = (name: string, help: string, labelNames: string[] = []) => {
      return new Gauge({ name: `sluice_${name}`, help, labelNames, registers });
    };
    const counter = (name: string, help: string) => new Counter({ name: `sluice_${name}`, help, registers });
    gauge('build_info', 'Version of the daemon; always 1.', ['version']).set({ version: VERSION }, 1);
    this.#gauges = {
      up: gauge('state_store_up', 'Whether the state store answered; the gauges about project and target are of then.'),
      runs: gauge('runs', 'Runs that are not over, by state.', ['state']),
      ready: gauge('queue_ready_runs', 'Runs in the queue that may begin.'),
      oldest: gauge('queue_oldest_seconds', 'For how long the oldest run in the queue may have begun.'),
      jobs: gauge('jobs', 'Jobs: applied, of these paused, and with a file that has errors.', ['state']),
      nodes: gauge('nodes', 'Daemons, by state; silent ones were not heard of for 15 seconds.', ['state']),
      leases: gauge('leases', 'Leases of runs.'),
      lease: gauge('lease_remaining_seconds', 'Until the first lease lapses; below 0 one has.'),
      lateness: gauge('schedule_lateness_seconds', 'Greatest lateness of a due time in the last five minutes.'),
      overdue: gauge('schedule_overdue_seconds', 'For how long the oldest due time has not been dealt with.'),
      alerts: gauge('alerts', 'Jobs that are failing, late or slow now.', ['kind']),
      waiting: gauge('deliveries_waiting', 'Notifications that wait for being sent, or sent again.'),
      reconcile: gauge('reconcile_age_seconds', 'Since the checkout was last compared with what is applied.'),
      problem: gauge('reconcile_problem', 'Whether that failed: 1 it did.'),
      here: gauge('daemon_runs', 'Runs that go on in this daemon.'),
      pool: gauge('pool_connections', 'Connections of this daemon to the state store.', ['state']),
    };
    const labels = { help: 'Runs that ended in this daemon.', labelNames: ['kind', 'status'] as const };
    this.#runs = new Counter({ name: 'sluice_runs_total', ...labels, registers });
    this.#durations = new Histogram({
      ...{ name: 'sluice_run_duration_seconds', help: 'How long runs took, from their beginning here.' },
      ...{ labelNames: ['status'] as const, buckets: DURATIONS_S, registers },
    });
    this.#sums = {
      rows_read: counter('rows_read_total', 'Rows that runs read.'),
      rows_written: counter('rows_written_total', 'Rows that runs committed.'),
      rows_rejected: counter('rows_rejected_total', 'Rows that runs rejected.'),
      bytes_read: counter('bytes_read_total', 'Bytes that runs read.'),
    };
    const sent = { help: 'Notifications by type of channel and outcome.', labelNames: ['type', 'outcome'] as const };
    this.#deliveries = new Counter({ name: 'sluice_deliveries_total', ...sent, registers });
  }

  /** A run ended in this daemon. */
  ran({ kind, status, duration_ms, counts }: EndedHere): void {
    this.#runs.inc({ kind, status });
    this.#durations.observe({ status }, duration_ms / 1000);
    for (const [name, sum] of Object.entries(this.#sums))
      sum.inc(Math.max(0, counts[name as keyof typeof counts] ?? 0));
  }

  /** A channel was told something, or was not. */
  told(type: string, outcome: 'delivered' | 'again' | 'failed'): void {
    this.#deliveries.inc({ type, outcome });
  }

  /** The names of all metrics, those that a histogram is made of among them. */
  async names(): Promise<string[]> {
    const metrics = await this.#registry.getMetricsAsJSON();
    return metrics.flatMap(({ name, type }) =>
      String(type) === 'histogram' ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
    );
  }

  /** The page. While the state store is away it has what is known without it. */
  async text(): Promise<{ contentType: string; text: string }> {
    const now = performance.now();
    if (this.#read === null || now - this.#read.at > FRESH_MS) this.#read = { at: now, done: this.#update() };
    await this.#read.done;
    const { running, store } = this.#options;
    this.#gauges.here?.set(running());
    for (const [state, count] of Object.entries(store.connections())) this.#gauges.pool?.set({ state }, count);
    return { contentType: this.#registry.contentType, text: await this.#registry.metrics() };
  }

  async #update(): Promise<void> {
    const found = await this.#options.store.gauges(this.#options.key).catch(() => null);
    this.#gauges.up?.set(found === null ? 0 : 1);
    if (found) this.#set(found);
  }

  #set(found: Gauges): void {
    const { runs, ready, oldest, jobs, nodes, leases, lease, lateness, overdue, alerts, waiting } = this.#gauges;
    const by = (gauge: Gauge | undefined, label: string, values: Readonly<Record<string, number>>): void => {
      for (const [name, value] of Object.entries(values)) gauge?.set({ [label]: name }, value);
    };
    by(runs, 'state', found.runs);
    by(jobs, 'state', found.jobs);
    by(nodes, 'state', found.nodes);
    by(alerts, 'kind', found.alerts);
    ready?.set(found.queue_ready);
    oldest?.set(found.queue_oldest_s);
    leases?.set(found.leases);
    setOrRemove(lease, found.lease_remaining_s);
    lateness?.set(found.lateness_s);
    overdue?.set(found.overdue_s);
    waiting?.set(found.deliveries_waiting);
    setOrRemove(this.#gauges.reconcile, found.reconcile?.age_s ?? null);
    setOrRemove(this.#gauges.problem, found.reconcile === null ? null : Number(found.reconcile.problem));
  }
}

/** A figure that does not exist is left out rather than 0. */
function setOrRemove(gauge: Gauge | undefined, value: number | null): void {
  if (value === null) gauge?.remove();
  else gauge?.set(value);
}
