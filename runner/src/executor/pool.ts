import { fileURLToPath } from 'node:url';
import { MessageChannel } from 'node:worker_threads';
import { SluiceError, type TaskInput, type TaskLog, type TaskOutput } from '@sluice/core/runtime';
import { Piscina } from 'piscina';
import type { FromWorker, WorkerAnswer } from './worker.ts';

export interface TaskPool {
  run(input: TaskInput, progress: (share: number) => void): Promise<TaskOutput>;
  close(): Promise<void>;
}

/**
 * Worker threads for the tasks of one run. A stop reaches a running task through its port, because terminating a thread
 * during a query would abort the whole process.
 */
export function openPool(threads: number, signal: AbortSignal, log: TaskLog): TaskPool {
  const pool = new Piscina({
    filename: fileURLToPath(new URL('./worker.js', import.meta.url)),
    minThreads: 1,
    maxThreads: threads,
    concurrentTasksPerWorker: 1,
    idleTimeout: 60_000,
    atomics: 'disabled',
  });
  return {
    async run(input, progress) {
      const { port1, port2 } = new MessageChannel();
      const stop = () => port1.postMessage('stop');
      if (signal.aborted) stop();
      signal.addEventListener('abort', stop);
      port1.on('message', (message: FromWorker) => {
        if (message.type === 'progress') progress(message.share);
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
      await pool.close({ force: false });
    },
  };
}
