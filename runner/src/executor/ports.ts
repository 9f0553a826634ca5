import type { Job } from '@sluice/core';
import type { EpochPorts, TaskLog } from '@sluice/core/runtime';
import type { Store } from '../store/store.ts';
import type { RunEvent } from './api.ts';
import type { TaskPool } from './pool.ts';

export interface PortMeans {
  job: Job;
  runId: string;
  /** Number of the run's attempt; left out: it has but one. */
  attempt?: number;
  store: Store;
  /** null where no task is to be run. */
  pool: TaskPool | null;
  log: TaskLog;
  signal: AbortSignal;
  emit(event: RunEvent): void;
  /** Told when a stop no longer discards what runs. */
  committing(): void;
}

/** What an epoch needs from its surroundings, as this process gives it: the pool's threads, the store's locks and records. */
export function portsOf({ job, runId, attempt, store, pool, log, signal, emit, committing }: PortMeans): EpochPorts {
  const { project, target, name } = job;
  return {
    runTask(input, progress) {
      if (pool === null) throw new Error('no pool to run a task in');
      return pool.run(input, progress);
    },
    withLock(lock, work) {
      if (lock === null) return work();
      const onWait = (holder: string) => emit({ type: 'waiting', for: lock, holder });
      return store.withLock(lock, { signal, holder: `job ${name}`, onWait }, work);
    },
    recordTasks: (stream, epoch, splits) => store.recordTasks({ run: runId, stream, epoch, splits }),
    recordIntent: (stream, epoch, destination) => store.recordIntent({ run: runId, stream, epoch, destination }),
    recordToken: (stream, epoch, task, token, counts) =>
      store.recordToken({ run: runId, stream, epoch, task, token, counts }),
    async committing() {
      await store.markCommitting(runId, attempt ?? null);
      committing();
    },
    settled: (stream, runs) => store.settle({ runs, stream }),
    finished: (stream, done) => store.finishStream({ run: runId, project, target, job: name, stream, ...done }),
    phase: (stream, phase, detail) =>
      emit({ type: 'phase', stream, phase, ...(detail === undefined ? {} : { detail }) }),
    progress: (stream, done) =>
      emit({
        type: 'progress',
        stream,
        rows: done.rows,
        rows_estimated: done.rowsEstimated,
        bytes: done.bytes,
        total_bytes: done.total,
        tasks_done: done.tasksDone,
        tasks: done.tasks,
      }),
    log,
  };
}
