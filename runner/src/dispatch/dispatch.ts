import { join } from 'node:path';
import { messageOf } from '@sluice/core';
import type { RunRequest, RunResult } from '../executor/api.ts';
import { executeRun, LEASE_MS } from '../executor/attempts.ts';
import { spoolName } from '../executor/spools.ts';
import type { DaemonLog } from '../observe/log.ts';
import { repeat, sleep } from '../observe/repeat.ts';
import type { Claimed } from '../store/claim.ts';
import type { Store } from '../store/store.ts';
import type { TargetKey } from '../store/types.ts';
import { RunRecorder } from './recorder.ts';
import { folderBytes } from './usage.ts';

export interface DispatchMeans {
  store: Store;
  log: DaemonLog;
  key: TargetKey;
  /** `host/pid`: the name under which this daemon owns runs. */
  owner: string;
  host: string;
  /** Runs at a time, and the memory that they may have together, in bytes. */
  maxRuns: number;
  memory: number;
  /** Runs of a group (`tag:x`, `connection:x`) at a time, over all daemons. */
  limits: Readonly<Record<string, number>>;
  /** Folder in which a job's relative paths start. */
  folder(): Promise<string>;
  /** The environment that references are read from. */
  env: Record<string, string>;
  /** How long runs may go on once the daemon was asked to end, before they are handed to another. */
  drainMs: number;
  /** Told of each run that ended here; not of those that are handed over. */
  onEnd?: (kind: string, result: RunResult) => void;
}

const POLL_MS = 400;

interface Running {
  claimed: Claimed;
  stop: AbortController;
  kill: AbortController;
  ended: Promise<void>;
}

/**
 * Takes runs from the queue and executes each in a process of its own, until the signal says stop; then waits for those that run, and
 * hands what is left to another daemon. Never throws.
 */
export class Dispatcher {
  readonly #means: DispatchMeans;
  /** A run may come back to the daemon that lost it while its attempt before is still ending. */
  readonly #running = new Set<Running>();
  #handsOver = false;
  #freed: () => void = () => undefined;

  constructor(means: DispatchMeans) {
    this.#means = means;
  }

  /** How many runs go on here. */
  get running(): number {
    return this.#running.size;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { log } = this.#means;
    const stops = new AbortController();
    const watching = repeat('stop', { log, signal: stops.signal }, () => this.#stopAsked());
    await repeat('dispatch', { log, signal }, () => this.#claim(signal));
    await this.#drain();
    stops.abort();
    await watching;
  }

  async #claim(signal: AbortSignal): Promise<number> {
    const { store, key, owner, host } = this.#means;
    const limits = this.#running.size < this.#means.maxRuns ? await this.#limits() : {};
    while (!signal.aborted && this.#running.size < this.#means.maxRuns) {
      const claimed = await store.queue.claim({
        ...{ ...key, owner, host, leaseMs: LEASE_MS, limits },
        ...{ memory: this.#free(), most: this.#means.maxRuns - this.#running.size },
        // A run that wants more than there is goes alone, rather than never.
        memoryOfFirst: this.#running.size === 0 ? Number.MAX_SAFE_INTEGER : 0,
      });
      if (claimed.length === 0) break;
      for (const one of claimed) this.#begin(one);
    }
    const freed = new AbortController();
    this.#freed = () => freed.abort();
    await sleep(POLL_MS, AbortSignal.any([signal, freed.signal]));
    return 0;
  }

  /** Those that are applied, and this daemon's own: the smaller one of two counts. */
  async #limits(): Promise<Record<string, number>> {
    const { store, key, limits } = this.#means;
    const applied = await store.limits(key);
    const own = Object.entries(limits).map(([name, most]) => [name, Math.min(most, applied[name] ?? most)] as const);
    return { ...applied, ...Object.fromEntries(own) };
  }

  #begin(claimed: Claimed): void {
    const [stop, kill] = [new AbortController(), new AbortController()];
    const running: Running = { claimed, stop, kill, ended: Promise.resolve() };
    this.#running.add(running);
    running.ended = this.#execute(claimed, stop.signal, kill.signal).finally(() => {
      this.#running.delete(running);
      this.#freed();
    });
  }

  #free(): number {
    const used = [...this.#running].reduce((sum, { claimed }) => sum + claimed.job.compute.memory, 0);
    return Math.max(0, this.#means.memory - used);
  }

  async #stopAsked(): Promise<number> {
    if (this.#running.size > 0) {
      for (const { run, hard } of await this.#means.store.queue.stopsFor(this.#means.owner)) {
        for (const { claimed, stop, kill } of this.#running) {
          if (claimed.run !== run) continue;
          if (hard) kill.abort();
          stop.abort();
        }
      }
    }
    return POLL_MS;
  }

  async #drain(): Promise<void> {
    const { log, drainMs } = this.#means;
    const all = () => Promise.all([...this.#running].map(({ ended }) => ended));
    if (this.#running.size === 0) return;
    log.info({ runs: this.#running.size, seconds: drainMs / 1000 }, 'waiting for runs to end');
    const limit = new AbortController();
    await Promise.race([all(), sleep(drainMs, limit.signal)]);
    limit.abort();
    if (this.#running.size === 0) return;
    log.info({ runs: this.#running.size }, 'handing runs over');
    this.#handsOver = true;
    for (const { stop } of this.#running) stop.abort();
    await all();
  }

  async #execute(claimed: Claimed, stop: AbortSignal, kill: AbortSignal): Promise<void> {
    const { store, owner, log } = this.#means;
    const fields = { run: claimed.run, job: claimed.job.name, attempt: claimed.attempt };
    const { workers, memory } = claimed.job.compute;
    let recorder: RunRecorder | null = null;
    try {
      const request = await this.#request(claimed);
      const spool = join(request.projectDir, '.sluice', 'spool', spoolName(claimed.run, claimed.attempt));
      recorder = new RunRecorder(store, claimed.run, { workers: workers.max, memory }, () => folderBytes(spool));
      log.info(fields, 'run begins');
      const { run: id, deadRuns, attempt, failures, done } = claimed;
      const records = recorder;
      const hooks = {
        on: records.on.bind(records),
        executor: records.executor.bind(records),
        kill,
        handsOver: () => this.#handsOver,
        ending: (result: RunResult) => {
          if (result.error) records.log('error', result.error.message, { code: result.error.code });
          records.log('info', `Run ${result.status}`);
          return records.end(result.counts);
        },
      };
      const result = await executeRun(
        request,
        store,
        { id, owner, deadRuns, attempt, failures, claim: attempt, done },
        hooks,
        stop,
      );
      if (result) this.#means.onEnd?.(claimed.row.kind, result);
      const status = result?.status ?? 'handed over';
      log.info({ ...fields, status, ms: result?.duration_ms, rows: result?.counts.rows_written }, 'run ends');
      await records.end(null);
    } catch (error) {
      // Its lease lapses, and whoever reaps it puts the run back into the queue.
      log.error(fields, `run could not be executed: ${messageOf(error)}`);
      await recorder?.end(null);
    }
  }

  async #request({ job, row, options }: Claimed): Promise<RunRequest> {
    const { store, env } = this.#means;
    return {
      projectDir: await this.#means.folder(),
      job,
      vars: {},
      env,
      stream: options.stream ?? null,
      fullRefresh: options.full_refresh === true,
      window: options.window ?? null,
      windowedOnly: options.windowed_only === true,
      kind: row.kind === 'streaming' ? 'scheduled' : row.kind,
      ...(options.replay === undefined ? {} : { replay: options.replay }),
      stateStore: store.url,
    };
  }
}
