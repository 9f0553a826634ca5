import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { MessageChannel, type Worker } from 'node:worker_threads';
import { SluiceError, type TaskHooks, type TaskInput, type TaskLog, type TaskOutput } from '@sluice/core/runtime';
import { Piscina } from 'piscina';
import type { FromWorker, WorkerAnswer, WorkerLoaded } from './worker.ts';

export interface TaskPool {
  run(input: TaskInput, progress: TaskHooks['progress']): Promise<TaskOutput>;
  close(): Promise<void>;
}

/**
 * Worker threads for the tasks of one run. A stop reaches a running task through its port, because terminating a thread
 * during a query, or while it loads the engine, would abort the whole process.
 */
export function openPool(
  threads: number,
  signal: AbortSignal,
  log: TaskLog,
  entry = new URL('./worker.js', import.meta.url),
): TaskPool {
  const pool = new Piscina({
    filename: fileURLToPath(entry),
    minThreads: 1,
    maxThreads: threads,
    concurrentTasksPerWorker: 1,
    idleTimeout: 60_000,
    atomics: 'disabled',
    // A thread that ends would close the numbers of all files that it has opened by number. Those that it gave to a socket (the ends of a
    // pipe) were closed with that, and the number may be a connection's or the warehouse's by then.
    trackUnmanagedFds: false,
  });
  // A thread that cannot be loaded fails the tasks that it is given; while it has none nobody needs to know.
  pool.on('error', (error: Error) => log('debug', error.message));
  const loaded = new Set<number>();
  pool.on('message', (message: WorkerLoaded) => loaded.add(message.loaded));
  return {
    async run(input, progress) {
      const { port1, port2 } = new MessageChannel();
      const stop = () => port1.postMessage('stop');
      if (signal.aborted) stop();
      signal.addEventListener('abort', stop);
      port1.on('message', (message: FromWorker) => {
        if (message.type === 'progress') progress(message.share, message.arrived);
        else log(message.level, message.message, message.fields);
      });
      try {
        const answer: WorkerAnswer = await pool.run({ input, port: port2 }, { transferList: [port2] });
        if ('error' in answer) throw SluiceError.fromJSON(answer.error);
        return answer.output;
      } finally {
        signal.removeEventListener('abort', stop);
        port1.close();
      }
    },
    async close() {
      await Promise.all(pool.threads.map((thread) => loaded.has(thread.threadId) || ready(thread)));
      await pool.close({ force: false });
    },
  };
}

/** Waits until a thread has loaded its module, or has ended because it cannot be loaded. */
async function ready(thread: Worker): Promise<void> {
  const stop = new AbortController();
  const said = ['message', 'exit'].map((event) => once(thread, event, { signal: stop.signal }).catch(() => undefined));
  await Promise.race(said);
  stop.abort();
}
