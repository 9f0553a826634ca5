import type { ChildProcess } from 'node:child_process';
import { hostname } from 'node:os';
import { openStateStore } from '../store/store.ts';
import type { RunEvent, RunRequest, RunResult } from './api.ts';
import { executeRun, LEASE_MS } from './attempts.ts';
import { forkExecutor } from './child.ts';

/**
 * Runs a job now, in an executor of its own, holding the job's lease while it runs. Retries transient failures as the job
 * says. Resolves also for failed runs; throws only where no run could be started (`run/busy`, `run/daemon`, `store/…`).
 */
export async function startRun(
  request: RunRequest,
  on: (event: RunEvent) => void,
  signal: AbortSignal,
): Promise<RunResult> {
  // It loads the engine while the state store is asked.
  const first = new FirstExecutor(request.job.compute.workers.max);
  try {
    return await startIn(request, on, signal, first);
  } finally {
    first.end();
  }
}

async function startIn(
  request: RunRequest,
  on: (event: RunEvent) => void,
  signal: AbortSignal,
  first: FirstExecutor,
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
      alone: request.takeOver !== true,
      owner,
      leaseMs: LEASE_MS,
      jobHash: job.hash,
      window: timesOf(request),
      definition: job,
    });
    on({ type: 'started', run_id: claim.run, job: job.name });
    const held = { id: claim.run, owner, deadRuns: claim.deadRuns, attempt: 1, failures: 0, claim: null, done: [] };
    const result = await executeRun(request, store, held, { on, first: () => first.take() }, signal);
    if (result === null) throw new Error('a run that is in no queue was given back to it');
    return result;
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
    this.#child = forkExecutor(tasks, 'inherit');
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
