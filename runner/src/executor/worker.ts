import { type MessagePort, parentPort, threadId } from 'node:worker_threads';
import type { JsonObject } from '@sluice/core';
import {
  runTask,
  SluiceError,
  type SluiceErrorJson,
  type TaskHooks,
  type TaskInput,
  type TaskOutput,
} from '@sluice/core/runtime';

/** What the executor sends to a worker thread: a task and the port on which the two talk while it runs. */
export interface WorkerTask {
  input: TaskInput;
  port: MessagePort;
}

export type WorkerAnswer = { output: TaskOutput } | { error: SluiceErrorJson };
export type FromWorker =
  | { type: 'progress'; share: number; arrived: Parameters<TaskHooks['progress']>[1] }
  | { type: 'log'; level: 'debug' | 'info' | 'warn' | 'error'; message: string; fields: JsonObject };

/** What a thread says once its module and the engine are loaded. */
export interface WorkerLoaded {
  /** Its `threadId`. */
  loaded: number;
}

parentPort?.postMessage({ loaded: threadId } satisfies WorkerLoaded);

/** Entry of a worker thread. A thread is never terminated during a query: it is told to stop and interrupts it itself. */
export default async function work({ input, port }: WorkerTask): Promise<WorkerAnswer> {
  const stop = new AbortController();
  port.on('message', () => stop.abort());
  const send = (message: FromWorker) => port.postMessage(message);
  try {
    const output = await runTask(input, {
      signal: stop.signal,
      log: (level, message, fields = {}) => send({ type: 'log', level, message, fields }),
      progress: (share, arrived) => send({ type: 'progress', share, arrived }),
    });
    return { output };
  } catch (error) {
    const known =
      error instanceof SluiceError
        ? error
        : new SluiceError('engine/failed', 'terminal', String(error), { cause: error });
    return { error: known.toJSON() };
  } finally {
    port.close();
  }
}
