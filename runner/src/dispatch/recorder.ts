import type { RunEvent } from '../executor/api.ts';
import type { Metric } from '../store/metrics.ts';
import type { Store } from '../store/store.ts';
import type { LogLevel, LogLine } from '../store/types.ts';
import { type Usage, usageOf } from './usage.ts';

/** A run's log takes this many lines a second and bytes altogether; what comes beyond is counted, errors are kept. */
const LINES_A_SECOND = 500;
const MOST_BYTES = 100_000_000;
const BATCH = 500;
const FLUSH_MS = 300;
const MEASURE_MS = 1000;

export type LogStore = Pick<Store, 'appendLogs' | 'addDroppedLogs' | 'metrics'>;

/** What a stream said of its progress last. */
type Progress = Extract<RunEvent, { type: 'progress' }>;

/**
 * Writes what a run says into the store: lines of its log in batches, and each second what it measured. A store that cannot be
 * reached holds nothing up: lines wait for it up to a bound and are then counted as dropped.
 */
export class RunRecorder {
  readonly #store: LogStore;
  readonly #run: string;
  readonly #limits: { workers: number; memory: number };
  readonly #spool: () => Promise<number | null>;
  readonly #timers: NodeJS.Timeout[];
  #lines: LogLine[] = [];
  #bytes = 0;
  #second = 0;
  #linesOfSecond = 0;
  #dropped = 0;
  #writing: Promise<void> = Promise.resolve();
  #pid: number | null = null;
  #usage: Usage | null = null;
  #progress = new Map<string, Progress>();
  #rows = 0;
  #measured = Date.now();
  #ended = false;

  constructor(
    store: LogStore,
    run: string,
    /** Limits of the run, and what tells the bytes that its spool holds. */
    limits: { workers: number; memory: number },
    spool: () => Promise<number | null>,
  ) {
    this.#store = store;
    this.#run = run;
    this.#limits = limits;
    this.#spool = spool;
    this.#timers = [
      setInterval(() => this.#flush(), FLUSH_MS),
      setInterval(() => void this.#measure().catch(() => undefined), MEASURE_MS),
    ];
  }

  on(event: RunEvent): void {
    if (event.type === 'progress') {
      this.#progress.set(event.stream, event);
      return;
    }
    const line = lineOf(event);
    if (line) this.log(line.level, line.message, line.fields);
  }

  executor(pid: number | null): void {
    this.#pid = pid;
    this.#usage = null;
  }

  log(level: LogLevel, message: string, fields: LogLine['fields'] = {}): void {
    const now = Date.now();
    const second = Math.floor(now / 1000);
    if (second !== this.#second) [this.#second, this.#linesOfSecond] = [second, 0];
    this.#linesOfSecond++;
    this.#bytes += message.length + 40;
    const full = this.#linesOfSecond > LINES_A_SECOND || this.#bytes > MOST_BYTES || this.#lines.length > 10 * BATCH;
    if (full && level !== 'error') {
      this.#dropped++;
      return;
    }
    this.#lines.push({ at: new Date(now).toISOString(), level, message, fields });
    if (this.#lines.length >= BATCH) this.#flush();
  }

  /** Writes what is left, with the counts of the whole run; waits for it. Never throws; a second time it does nothing. */
  async end(counts: { rows_read: number; rows_rejected: number } | null): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    for (const timer of this.#timers) clearInterval(timer);
    await this.#measure(counts).catch(() => undefined);
    this.#flush();
    await this.#writing;
  }

  #flush(): void {
    if (this.#lines.length === 0 && this.#dropped === 0) return;
    this.#writing = this.#writing.then(() => this.#write());
  }

  async #write(): Promise<void> {
    try {
      while (this.#lines.length > 0) {
        const lines = this.#lines.slice(0, BATCH);
        await this.#store.appendLogs(this.#run, lines);
        this.#lines.splice(0, lines.length);
      }
      const dropped = this.#dropped;
      if (dropped > 0) await this.#store.addDroppedLogs(this.#run, dropped);
      this.#dropped -= dropped;
    } catch {
      // The next flush tries again.
    }
  }

  async #measure(counts: { rows_read: number; rows_rejected: number } | null = null): Promise<void> {
    const now = Date.now();
    const streams = [...this.#progress.values()];
    const sum = (value: (one: Progress) => number) => streams.reduce((total, one) => total + value(one), 0);
    const rows = counts?.rows_read ?? sum((one) => one.rows);
    const before = this.#usage;
    this.#usage = this.#pid === null ? null : usageOf(this.#pid);
    const seconds = Math.max(0.001, (now - this.#measured) / 1000);
    const cpu = before && this.#usage ? (this.#usage.cpuSeconds - before.cpuSeconds) / seconds : null;
    const metric: Metric = {
      at: new Date(now).toISOString(),
      rows_read: rows,
      rows_rejected: counts?.rows_rejected ?? null,
      bytes_read: sum((one) => one.bytes),
      rows_per_second: Math.max(0, rows - this.#rows) / seconds,
      tasks_active: sum((one) => Math.min(this.#limits.workers, one.tasks - one.tasks_done)),
      workers: this.#limits.workers,
      cpu: cpu === null ? null : Math.max(0, cpu),
      memory_bytes: this.#usage?.memoryBytes ?? null,
      memory_limit_bytes: this.#limits.memory,
      spill_bytes: await this.#spool(),
    };
    [this.#rows, this.#measured] = [rows, now];
    await this.#store.metrics.append(this.#run, [metric]);
  }
}

function lineOf(event: Exclude<RunEvent, { type: 'progress' }>): Pick<LogLine, 'level' | 'message' | 'fields'> | null {
  switch (event.type) {
    case 'log': {
      const fields = { ...(event.stream === null ? {} : { stream: event.stream }), ...event.fields };
      return { level: event.level, message: event.message, fields };
    }
    case 'phase':
      return {
        level: 'debug',
        message: event.detail ? `${event.phase}: ${event.detail}` : event.phase,
        fields: { stream: event.stream },
      };
    case 'waiting':
      return { level: 'info', message: `Waiting for ${event.for}, which ${event.holder} holds` };
    case 'retry': {
      const message = `${event.error.message}; attempt ${event.attempt} in ${event.delay_ms / 1000} s`;
      return { level: 'warn', message, fields: { code: event.error.code } };
    }
    case 'started':
      return null;
  }
}
