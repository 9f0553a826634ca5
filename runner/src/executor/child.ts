import { type ChildProcess, fork } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { SluiceError, type SluiceErrorJson } from '@sluice/core';
import type { RunEvent, StreamResult } from './api.ts';
import type { FromExecutor, ToExecutor } from './messages.ts';

export interface AttemptResult {
  streams: StreamResult[];
  error: SluiceErrorJson | null;
}

export interface ChildHooks {
  on(event: RunEvent): void;
  /** Called on each sign of life. */
  alive(): void;
  /** Told of the executor's process, and null when it has ended. */
  executor?(pid: number | null): void;
  /** Ends the executor without asking it first. */
  kill?: AbortSignal;
}

/** How long a stopped executor may take to interrupt its queries, or to end a commit that has begun, before it is killed. */
const STOP_GRACE_MS = 10_000;
const COMMIT_GRACE_MS = 120_000;

/**
 * Runs one attempt in an executor process, or cleans up after one, and waits for its end. `signal` stops it: first by asking,
 * then by killing. An executor that dies without an answer is a transient failure.
 */
export function runAttempt(
  message: Exclude<ToExecutor, { type: 'stop' }>,
  hooks: ChildHooks,
  signal: AbortSignal,
  child: ChildProcess = forkExecutor(message.request.job.compute.workers.max),
): Promise<AttemptResult> {
  return new Promise((resolve) => {
    const streams: StreamResult[] = [];
    let result: AttemptResult | null = null;
    let tail = '';
    let committing = false;
    const stop = () => askToStop(child, committing ? COMMIT_GRACE_MS : STOP_GRACE_MS);
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop, { once: true });
    const kill = () => child.kill('SIGKILL');
    if (hooks.kill?.aborted) kill();
    hooks.kill?.addEventListener('abort', kill, { once: true });
    hooks.executor?.(child.pid ?? null);
    child.stderr?.on('data', (chunk: Buffer) => {
      tail = (tail + chunk.toString('utf8')).slice(-2000);
    });
    child.on('message', (answer: FromExecutor) => {
      hooks.alive();
      if (answer.type === 'event') hooks.on(answer.event);
      else if (answer.type === 'committing') committing = true;
      else if (answer.type === 'stream') streams.push(answer.result);
      else if (answer.type === 'result') result = { streams, error: answer.error };
    });
    child.on('exit', (code, by) => {
      signal.removeEventListener('abort', stop);
      hooks.kill?.removeEventListener('abort', kill);
      hooks.executor?.(null);
      const end = () => resolve(result ?? { streams, error: died(code, by, tail, signal.aborted) });
      // What it sent before its end may not have been read yet: the channel closes behind the last message.
      if (child.connected) child.once('disconnect', end);
      else end();
    });
    // Where the child is gone already its exit tells.
    child.send(message satisfies ToExecutor, () => undefined);
    child.on('error', () => undefined);
  });
}

/**
 * Starts an executor, which waits for its message: who knows that one will be wanted starts it early, since it takes as long to load
 * the engine as the state store takes to answer. Its standard input is the caller's own, for a job that reads it, or nothing.
 */
export function forkExecutor(tasks: number, stdin: 'inherit' | 'ignore' = 'ignore'): ChildProcess {
  return fork(executorPath(), [], {
    // A DuckDB query holds one of libuv's threads for as long as it runs.
    env: { ...process.env, UV_THREADPOOL_SIZE: String(Math.min(1024, tasks * 2 + 8)) },
    stdio: [stdin, 'ignore', 'pipe', 'ipc'],
    serialization: 'advanced',
  });
}

function askToStop(child: ChildProcess, graceMs: number): void {
  if (child.connected) child.send({ type: 'stop' } satisfies ToExecutor, () => undefined);
  const timer = setTimeout(() => child.kill('SIGKILL'), graceMs);
  child.once('exit', () => clearTimeout(timer));
}

function died(code: number | null, by: string | null, tail: string, stopped: boolean): SluiceErrorJson {
  if (stopped) return new SluiceError('run/cancelled', 'terminal', 'The run was stopped').toJSON();
  const how = by ? `by ${by}` : `with exit status ${code}`;
  const last = tail.trim().split('\n').at(-1) ?? '';
  const detail = by === 'SIGKILL' && last === '' ? 'the system may have run out of memory' : last;
  return new SluiceError(
    'run/executor-died',
    'transient',
    `The executor process ended ${how}${detail ? `: ${detail}` : ''}`,
    {
      hint: 'Nothing uncommitted is visible; run again. If it was memory, lower `compute.memory` or `compute.workers`.',
    },
  ).toJSON();
}

function executorPath(): string {
  const beside = fileURLToPath(new URL('./executor.js', import.meta.url));
  if (existsSync(beside)) return beside;
  return fileURLToPath(new URL('../../dist/executor.js', import.meta.url));
}
