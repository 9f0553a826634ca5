import type { RunFacts, Sample, ToPanel } from '../../../runner/dashboard/protocol.ts';
import type { Daemons } from '../daemon/api.ts';
import type { Execution } from '../daemon/jobs.ts';

/** How often the job's runs are asked for while its panel is open. */
const ASK_MS = 2000;
const RUNS = 10;
/** How long samples are gathered before the panel is told of them. */
const TELL_MS = 50;
/** As many as the panel's charts show, one a second. */
const KEPT = 7200;

/** What `GET /jobs/{id}/metrics/stream` says of a moment. */
interface Measured {
  execution_id: string;
  timestamp: string;
  metrics: Record<string, number | null>;
}

/** The run whose samples are told. */
interface Followed {
  run: string;
  /** Id of the last event that was seen. */
  after: string;
  samples: Sample[];
  /** Those that the panel will be told of. */
  untold: Sample[];
  isOver: boolean;
  /** Ends the stream that is open; null: none is. */
  stream: AbortController | null;
}

/** Tells a panel of a job's last runs, and of each sample of the newest one, until `signal` ends it; goes on where a daemon was away. */
export class MetricsFeed {
  readonly #daemons: Pick<Daemons, 'ask' | 'follow'>;
  readonly #job: { dir: string; name: string };
  readonly #post: (message: ToPanel) => void;
  readonly #signal: AbortSignal;
  #reach: ToPanel & { type: 'reach' } = { type: 'reach', reached: false, why: null };
  #runs: RunFacts[] = [];
  #followed: Followed | null = null;

  constructor(
    daemons: Pick<Daemons, 'ask' | 'follow'>,
    job: { dir: string; name: string },
    post: (message: ToPanel) => void,
    signal: AbortSignal,
  ) {
    this.#daemons = daemons;
    this.#job = job;
    this.#post = post;
    this.#signal = signal;
  }

  async run(): Promise<void> {
    while (!this.#signal.aborted) {
      await this.#look();
      await pause(ASK_MS, this.#signal);
    }
  }

  /** Tells everything: the page is new, or was hidden and made anew. */
  tellAll(): void {
    this.#post(this.#reach);
    this.#post({ type: 'runs', runs: this.#runs });
    if (!this.#followed) return;
    this.#followed.untold.length = 0;
    this.#post({ type: 'samples', run: this.#followed.run, samples: [...this.#followed.samples], whole: true });
  }

  async #look(): Promise<void> {
    const { dir, name } = this.#job;
    try {
      const path = `/jobs/${name}/executions?limit=${RUNS}`;
      const page = await this.#daemons.ask<{ executions: Execution[] }>(dir, 'GET', path);
      this.#tellReach(page !== null, null);
      if (!page || this.#signal.aborted) return;
      this.#runs = page.executions.map(factsOf);
      this.#post({ type: 'runs', runs: this.#runs });
      const newest = page.executions[0]?.execution_id;
      if (newest === undefined) return;
      if (newest !== this.#followed?.run) {
        this.#followed?.stream?.abort();
        this.#followed = { run: newest, after: `${newest}/0`, samples: [], untold: [], isOver: false, stream: null };
        this.#post({ type: 'samples', run: newest, samples: [], whole: true });
      }
      if (!this.#followed.isOver && !this.#followed.stream) void this.#follow(this.#followed);
    } catch (error) {
      this.#tellReach(false, (error as Error).message);
    }
  }

  #tellReach(reached: boolean, why: string | null): void {
    this.#reach = { type: 'reach', reached, why };
    this.#post(this.#reach);
  }

  /** Samples that come at once, as those of a run that has gone on for a while, are told at once. */
  #take(followed: Followed, sample: Sample): void {
    followed.samples.push(sample);
    if (followed.samples.length > 2 * KEPT) followed.samples.splice(0, KEPT);
    followed.untold.push(sample);
    if (followed.untold.length > 1) return;
    setTimeout(() => {
      const samples = followed.untold.splice(0);
      if (samples.length > 0 && followed === this.#followed && !this.#signal.aborted)
        this.#post({ type: 'samples', run: followed.run, samples, whole: false });
    }, TELL_MS);
  }

  async #follow(followed: Followed): Promise<void> {
    const { dir, name } = this.#job;
    const stream = new AbortController();
    followed.stream = stream;
    const signal = AbortSignal.any([this.#signal, stream.signal]);
    const path = `/jobs/${name}/metrics/stream?after=${encodeURIComponent(followed.after)}`;
    try {
      for await (const { id, type, data } of this.#daemons.follow(dir, path, signal)) {
        followed.isOver = type === 'end';
        if (followed.isOver) break;
        followed.after = id;
        this.#take(followed, sampleOf(data as Measured));
      }
    } catch {
      // The next look says whether the daemon is away, and goes on behind the last sample.
    } finally {
      followed.stream = null;
    }
    // Its counts stand in the list now.
    if (followed.isOver && !this.#signal.aborted) await this.#look();
  }
}

function sampleOf({ timestamp, metrics }: Measured): Sample {
  const of = (name: string): number | null => metrics[name] ?? null;
  return {
    at: Date.parse(timestamp),
    rows: of('records_processed'),
    rowsPerSecond: of('throughput_rps'),
    bytes: of('bytes_processed'),
    rejected: of('records_failed'),
    memory: of('memory_bytes'),
    workers: of('active_workers'),
  };
}

function factsOf({ execution_id, status, kind, counts, error, ...times }: Execution): RunFacts {
  return {
    ...{ id: execution_id, status, kind, error: error ? `${error.code}: ${error.message}` : null },
    ...{ createdAt: times.created_at, startedAt: times.started_at, finishedAt: times.finished_at },
    ...{ rows: counts?.rows_read ?? null, written: counts?.rows_written ?? null },
    ...{ rejected: counts?.rows_rejected ?? null, bytes: counts?.bytes_read ?? null },
  };
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener('abort', end);
  });
}
