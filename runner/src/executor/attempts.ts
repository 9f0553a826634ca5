import type { ChildProcess } from 'node:child_process';
import { addCounts, type Counts, messageOf, SluiceError, type SluiceErrorJson, zeroCounts } from '@sluice/core';
import type { Store } from '../store/store.ts';
import type { RunEvent, RunRequest, RunResult, StreamResult } from './api.ts';
import { type AttemptResult, runAttempt } from './child.ts';
import { removeSpools } from './spools.ts';

/**
 * Whoever holds a run's lease renews it this often; after LEASE_MS without, others may take the job. SLUICE_LEASE_MS is a hook
 * for tests, which cannot wait that long.
 */
export const LEASE_MS = Number(process.env.SLUICE_LEASE_MS ?? 10_000);
const RENEW_MS = LEASE_MS / 4;
/** Share of a wait that chance adds, so that jobs which failed together do not all come back together. */
const JITTER = 0.2;
/** An executor gives its first sign of life once it is loaded, which takes its time on a busy machine. */
const STARTING_MS = 30_000;

/** A run whose lease this process holds. */
export interface HeldRun {
  id: string;
  /** The owner of its lease. */
  owner: string;
  /** Runs that died; their staging is removed before this one stages. */
  deadRuns: string[];
  /** Number of its next attempt, from 1. */
  attempt: number;
  /** Attempts that failed before this process had it: they count against `retries`. */
  failures: number;
  /** Tells this holding of the lease from others of the same owner; null: there are none. */
  claim: number | null;
  /** Streams that attempts before committed, with what they wrote. */
  done: readonly { stream: string; counts: Counts }[];
}

export interface RunHooks {
  on(event: RunEvent): void;
  /** An executor that was started before it was known whether the run may begin; undefined: none is left. */
  first?(): ChildProcess | undefined;
  /** Told of each executor's process. */
  executor?(pid: number | null): void;
  /** Ends the executor without asking it first. */
  kill?: AbortSignal;
  /** What the run came to, just before that is recorded; not told of one that goes back into the queue. */
  ending?(result: RunResult): Promise<void>;
  /** Asked when a run was stopped: whether it goes back into the queue instead of ending. */
  handsOver?(): boolean;
}

/**
 * Runs a job whose lease this process holds: attempts until one succeeds, none is left, or the failure is one that trying again cannot
 * mend; then cleans up and records the end. Resolves also for failed runs. null: it went back into the queue.
 */
export async function executeRun(
  request: RunRequest,
  store: Store,
  held: HeldRun,
  hooks: RunHooks,
  signal: AbortSignal,
): Promise<RunResult | null> {
  const started = Date.now();
  const run = new Run(request, store, held, hooks);
  return run.finish(await run.attempts(signal), started);
}

interface Ended {
  streams: StreamResult[];
  error: SluiceErrorJson | null;
  attempts: number;
}

class Run {
  readonly #request: RunRequest;
  readonly #store: Store;
  readonly #held: HeldRun;
  readonly #hooks: RunHooks;

  constructor(request: RunRequest, store: Store, held: HeldRun, hooks: RunHooks) {
    this.#request = request;
    this.#store = store;
    this.#held = held;
    this.#hooks = hooks;
  }

  get #lease() {
    return { run: this.#held.id, owner: this.#held.owner, attempt: this.#held.claim };
  }

  /** Attempts until one succeeds, none is left, or the failure is one that trying again cannot mend. */
  async attempts(signal: AbortSignal): Promise<Ended> {
    const { retries } = this.#request.job;
    const done = new Map<string, StreamResult>();
    const before = this.#held.done.map(({ stream }) => stream);
    for (let attempt = this.#held.attempt, failures = this.#held.failures; ; attempt++) {
      const result = await this.#attempt(attempt, [...before, ...done.keys()], signal);
      for (const stream of result.streams) done.set(stream.stream, stream);
      const failed = [...done.values()].filter((s) => !isDone(s.status));
      // Where the whole attempt ended, its streams say nothing about their own data.
      const redo = result.error ? failed : failed.filter((s) => s.error?.kind === 'transient');
      const error = result.error ?? redo[0]?.error ?? failed[0]?.error ?? null;
      failures += error === null ? 0 : 1;
      const again = error?.kind === 'transient' && failures <= retries.max && !signal.aborted;
      if (!again) {
        return { streams: [...done.values()], error: result.error ?? failed[0]?.error ?? null, attempts: attempt };
      }
      for (const { stream } of redo) done.delete(stream);
      const factor = retries.backoff === 'exponential' ? 2 ** (failures - 1) : 1;
      const delay_ms = Math.round(retries.delay_ms * factor * (1 + JITTER * Math.random()));
      this.#hooks.on({ type: 'retry', attempt: attempt + 1, delay_ms, error });
      await this.#pause(delay_ms, signal);
    }
  }

  async #attempt(attempt: number, doneStreams: string[], signal: AbortSignal): Promise<AttemptResult> {
    const stop = new AbortController();
    const onAbort = () => stop.abort();
    signal.addEventListener('abort', onAbort);
    if (signal.aborted) stop.abort();
    const { timeout_ms: timeout } = this.#request.job;
    let cause: SluiceError | null = null;
    const end = (error: SluiceError) => {
      cause ??= error;
      stop.abort();
    };
    const timer = timeout === null ? null : setTimeout(() => end(timedOut(timeout)), timeout);
    const lease = this.#keepLease(() => end(leaseLost()));
    try {
      // Whoever lost it during a wait begins no attempt of the same number beside the one that took it.
      const kept = await this.#store.renew({ ...this.#lease, leaseMs: LEASE_MS }).catch(() => true);
      if (!kept) return { streams: [], error: leaseLost().toJSON() };
      await this.#store.startAttempt({ run: this.#held.id, attempt });
      const result = await runAttempt(
        {
          type: 'run',
          request: this.#request,
          runId: this.#held.id,
          attempt,
          storeUrl: this.#store.url,
          deadRuns: this.#held.deadRuns,
          doneStreams,
        },
        { ...this.#hooks, alive: lease.alive },
        stop.signal,
        this.#hooks.first?.(),
      );
      const ended = cause === null ? result : { ...result, error: (cause as SluiceError).toJSON() };
      const failed = ended.error ?? ended.streams.find((s) => s.error !== null)?.error ?? null;
      await this.#record(this.#store.finishAttempt({ run: this.#held.id, attempt, error: failed }));
      return ended;
    } finally {
      if (timer) clearTimeout(timer);
      lease.end();
      signal.removeEventListener('abort', onAbort);
    }
  }

  /**
   * Renews the lease while the executor gives signs of life: one that hangs or is stopped loses it, and is ended once another
   * run has taken the job over.
   */
  #keepLease(lost: () => void): { alive: () => void; end: () => void } {
    let last = Date.now() + STARTING_MS;
    const timer = setInterval(async () => {
      const leaseMs = Date.now() - last > LEASE_MS ? 0 : LEASE_MS;
      const kept = await this.#store.renew({ ...this.#lease, leaseMs }).catch(() => true);
      if (!kept) lost();
    }, RENEW_MS);
    return {
      alive: () => {
        last = Date.now();
      },
      end: () => clearInterval(timer),
    };
  }

  async #pause(ms: number, signal: AbortSignal): Promise<void> {
    const lease = this.#keepLease(() => {});
    const beat = setInterval(lease.alive, RENEW_MS);
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      signal.addEventListener('abort', () => {
        clearTimeout(timer);
        resolve();
      });
    });
    clearInterval(beat);
    lease.end();
  }

  /** What the run came to is known, so that a state store that cannot be told takes nothing from it. */
  async #record(work: Promise<unknown>): Promise<void> {
    await work.catch((error: unknown) => {
      const message = `The end of this run could not be recorded: ${messageOf(error)}`;
      this.#hooks.on({ type: 'log', level: 'warn', message, stream: null });
    });
  }

  /** An executor that was killed had no time to remove its spool and what it staged. */
  async #cleanUp(attempts: number): Promise<void> {
    const request = this.#request;
    const left = await this.#store.hasIntents(this.#held.id).catch(() => false);
    const held = await this.#store.renew({ ...this.#lease, leaseMs: LEASE_MS }).catch(() => false);
    if (left && held) {
      const message = { type: 'clean', request, runId: this.#held.id, storeUrl: this.#store.url } as const;
      await runAttempt(message, { on: () => undefined, alive: () => undefined }, AbortSignal.timeout(LEASE_MS));
    }
    await removeSpools(request.projectDir, this.#held.id, attempts);
  }

  async finish({ streams, error, attempts }: Ended, started: number): Promise<RunResult | null> {
    const counts = [...this.#held.done, ...streams].reduce((sum, s) => addCounts(sum, s.counts), zeroCounts());
    const cancelled = error?.code === 'run/cancelled';
    const status = error === null ? 'succeeded' : cancelled ? 'cancelled' : 'failed';
    await this.#cleanUp(attempts);
    if (cancelled && this.#hooks.handsOver?.() === true) {
      await this.#record(this.#store.queue.handOver(this.#lease));
      return null;
    }
    const result: RunResult = {
      run_id: this.#held.id,
      job: this.#request.job.name,
      status,
      attempts,
      counts,
      duration_ms: Date.now() - started,
      destination: streams.map((s) => s.destination).join(', '),
      streams,
      error,
    };
    await this.#hooks.ending?.(result);
    await this.#record(this.#store.finishRun({ ...this.#lease, state: status, counts, error }));
    return result;
  }
}

function isDone(status: StreamResult['status']): boolean {
  return status === 'succeeded' || status === 'skipped';
}

function timedOut(ms: number): SluiceError {
  return new SluiceError('run/timeout', 'transient', `The attempt took longer than its timeout of ${ms / 1000} s`, {
    hint: 'Raise `timeout`, or look at the log for what took long.',
  });
}

function leaseLost(): SluiceError {
  return new SluiceError(
    'run/lease-lost',
    'terminal',
    'The lease of this run was lost: another process has taken over the job',
    {
      hint: 'Nothing is lost: the destination lets only one of the two commit.',
    },
  );
}
