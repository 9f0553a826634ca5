import type { ChildProcess } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { addCounts, messageOf, SluiceError, type SluiceErrorJson, zeroCounts } from '@sluice/core';
import { openStateStore, type Store } from '../store/store.ts';
import type { RunEvent, RunRequest, RunResult, StreamResult } from './api.ts';
import { type AttemptResult, forkExecutor, runAttempt } from './child.ts';

/**
 * Whoever holds a run's lease renews it this often; after LEASE_MS without, others may take the job. SLUICE_LEASE_MS is a hook
 * for tests, which cannot wait that long.
 */
const LEASE_MS = Number(process.env.SLUICE_LEASE_MS ?? 10_000);
const RENEW_MS = LEASE_MS / 4;

/**
 * Runs a job now, in an executor of its own, holding the job's lease while it runs. Retries transient failures as the job
 * says. Resolves also for failed runs; throws only where no run could be started (`run/busy`, `store/…`).
 */
export async function startRun(
  request: RunRequest,
  on: (event: RunEvent) => void,
  signal: AbortSignal,
): Promise<RunResult> {
  const started = Date.now();
  // It loads the engine while the state store is asked.
  const first = new FirstExecutor(request.job.compute.workers.max);
  try {
    return await startIn(request, on, signal, { started, first });
  } finally {
    first.end();
  }
}

async function startIn(
  request: RunRequest,
  on: (event: RunEvent) => void,
  signal: AbortSignal,
  { started, first }: { started: number; first: FirstExecutor },
): Promise<RunResult> {
  const store = await openStateStore({ projectDir: request.projectDir, stateStore: request.stateStore });
  try {
    const { job } = request;
    const owner = `${hostname()}/${process.pid}`;
    const claim = await store.claimJob({
      project: job.project,
      target: job.target,
      job: job.name,
      kind: request.kind,
      owner,
      leaseMs: LEASE_MS,
      jobHash: job.hash,
      window: timesOf(request),
      definition: job,
    });
    on({ type: 'started', run_id: claim.run, job: job.name });
    const run = new Run(request, on, store, { id: claim.run, deadRuns: claim.deadRuns, owner, first });
    return await run.finish(await run.attempts(signal), started);
  } finally {
    await store.close();
  }
}

/** The window of a windowed job, for the records; a cursor's values need not be times. */
function timesOf({ job, window }: RunRequest): { start: string; end: string } | null {
  const isWindowed = job.streams.some((stream) => stream.incremental.type === 'window');
  return window && isWindowed ? { start: window.from, end: window.to } : null;
}

/** An executor that was started before it is known whether the run may begin. */
class FirstExecutor {
  #child: ChildProcess | null;

  constructor(tasks: number) {
    this.#child = forkExecutor(tasks);
    this.#child.on('error', () => undefined);
  }

  /** Gives it once; undefined where it is used or gone: then a new one is started. */
  take(): ChildProcess | undefined {
    const child = this.#child;
    this.#child = null;
    return child?.connected && child.exitCode === null && child.signalCode === null ? child : undefined;
  }

  /** Ends it where nobody took it. */
  end(): void {
    this.#child?.kill('SIGKILL');
    this.#child = null;
  }
}

interface Ended {
  streams: StreamResult[];
  error: SluiceErrorJson | null;
  attempts: number;
}

class Run {
  readonly #request: RunRequest;
  readonly #on: (event: RunEvent) => void;
  readonly #store: Store;
  readonly #id: string;
  readonly #deadRuns: string[];
  readonly #owner: string;
  readonly #first: FirstExecutor;

  constructor(
    request: RunRequest,
    on: (event: RunEvent) => void,
    store: Store,
    { id, deadRuns, owner, first }: { id: string; deadRuns: string[]; owner: string; first: FirstExecutor },
  ) {
    this.#first = first;
    this.#request = request;
    this.#on = on;
    this.#store = store;
    this.#id = id;
    this.#deadRuns = deadRuns;
    this.#owner = owner;
  }

  /** Attempts until one succeeds, none is left, or the failure is one that trying again cannot mend. */
  async attempts(signal: AbortSignal): Promise<Ended> {
    const { retries } = this.#request.job;
    const done = new Map<string, StreamResult>();
    for (let attempt = 1; ; attempt++) {
      const result = await this.#attempt(attempt, [...done.keys()], signal);
      for (const stream of result.streams) done.set(stream.stream, stream);
      const failed = [...done.values()].filter((s) => !isDone(s.status));
      // Where the whole attempt ended, its streams say nothing about their own data.
      const redo = result.error ? failed : failed.filter((s) => s.error?.kind === 'transient');
      const error = result.error ?? redo[0]?.error ?? failed[0]?.error ?? null;
      const again = error?.kind === 'transient' && attempt <= retries.max && !signal.aborted;
      if (!again) {
        return { streams: [...done.values()], error: result.error ?? failed[0]?.error ?? null, attempts: attempt };
      }
      for (const { stream } of redo) done.delete(stream);
      const factor = retries.backoff === 'exponential' ? 2 ** (attempt - 1) : 1;
      const delay_ms = retries.delay_ms * factor;
      this.#on({ type: 'retry', attempt: attempt + 1, delay_ms, error });
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
      await this.#store.startAttempt({ run: this.#id, attempt });
      const result = await runAttempt(
        {
          type: 'run',
          request: this.#request,
          runId: this.#id,
          attempt,
          storeUrl: this.#store.url,
          deadRuns: this.#deadRuns,
          doneStreams,
        },
        { on: this.#on, alive: lease.alive },
        stop.signal,
        this.#first.take(),
      );
      const ended = cause === null ? result : { ...result, error: (cause as SluiceError).toJSON() };
      const failed = ended.error ?? ended.streams.find((s) => s.error !== null)?.error ?? null;
      await this.#record(this.#store.finishAttempt({ run: this.#id, attempt, error: failed }));
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
    let last = Date.now();
    const timer = setInterval(async () => {
      const leaseMs = Date.now() - last > LEASE_MS ? 0 : LEASE_MS;
      const kept = await this.#store.renew({ run: this.#id, owner: this.#owner, leaseMs }).catch(() => true);
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
  async #record(work: Promise<void>): Promise<void> {
    await work.catch((error: unknown) => {
      const message = `The end of this run could not be recorded: ${messageOf(error)}`;
      this.#on({ type: 'log', level: 'warn', message, stream: null });
    });
  }

  /** An executor that was killed had no time to remove its spool and what it staged. */
  async #cleanUp(): Promise<void> {
    const request = this.#request;
    const left = await this.#store.hasIntents(this.#id).catch(() => false);
    const held = await this.#store.renew({ run: this.#id, owner: this.#owner, leaseMs: LEASE_MS }).catch(() => false);
    if (left && held) {
      const message = { type: 'clean', request, runId: this.#id, storeUrl: this.#store.url } as const;
      await runAttempt(message, { on: () => undefined, alive: () => undefined }, AbortSignal.timeout(LEASE_MS));
    }
    const spool = join(request.projectDir, '.sluice', 'spool', this.#id);
    await rm(spool, { recursive: true, force: true }).catch(() => undefined);
  }

  async finish({ streams, error, attempts }: Ended, started: number): Promise<RunResult> {
    const counts = streams.reduce((sum, s) => addCounts(sum, s.counts), zeroCounts());
    const cancelled = error?.code === 'run/cancelled';
    const status = error === null ? 'succeeded' : cancelled ? 'cancelled' : 'failed';
    await this.#cleanUp();
    await this.#record(this.#store.finishRun({ run: this.#id, owner: this.#owner, state: status, counts, error }));
    const destination = streams.map((s) => s.destination).join(', ');
    const { name: job } = this.#request.job;
    return {
      run_id: this.#id,
      job,
      status,
      attempts,
      counts,
      duration_ms: Date.now() - started,
      destination,
      streams,
      error,
    };
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
