import { fork } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { SluiceError } from '@sluice/core';
import type { Asked, Question, Questions, Told } from './questions.ts';

/** Looks that take longer are given up. */
const MOST_MS = 120_000;
/** How long a look may take to clear away its spool when nobody wants it any more. */
const GRACE_MS = 3000;

/**
 * Asks a question that wants the engine of a process of its own, which ends with its answer. Throws the SluiceErrors of the look, without
 * secrets, `look/cancelled` where `signal` ends it, and `look/died`.
 */
export function ask<Q extends Question>(
  question: Q,
  asked: Questions[Q]['asked'],
  signal: AbortSignal,
): Promise<Questions[Q]['answer']> {
  const patience = AbortSignal.any([signal, AbortSignal.timeout(MOST_MS)]);
  return new Promise((resolve, reject) => {
    if (patience.aborted) return reject(given(signal));
    const child = fork(path(), [], { stdio: ['ignore', 'ignore', 'pipe', 'ipc'], serialization: 'advanced' });
    let told: Told<Q> | null = null;
    let tail = '';
    let killer: NodeJS.Timeout | undefined;
    const stop = () => {
      if (child.connected) child.disconnect();
      killer = setTimeout(() => child.kill('SIGKILL'), GRACE_MS);
    };
    patience.addEventListener('abort', stop, { once: true });
    child.stderr?.on('data', (chunk: Buffer) => {
      tail = (tail + chunk.toString('utf8')).slice(-2000);
    });
    child.on('message', (message: Told<Q>) => {
      told = message;
    });
    child.on('error', () => undefined);
    child.on('close', (code, by) => {
      clearTimeout(killer);
      patience.removeEventListener('abort', stop);
      if (told?.ok) resolve(told.answer);
      else if (told) reject(SluiceError.fromJSON(told.error));
      else if (patience.aborted) reject(given(signal));
      else reject(died(code, by, tail));
    });
    child.send({ question, asked } satisfies Asked<Q>, () => undefined);
  });
}

function given(signal: AbortSignal): SluiceError {
  if (signal.aborted) return new SluiceError('look/cancelled', 'terminal', 'Nobody waits for the answer any more');
  return new SluiceError('look/timeout', 'transient', `The look took longer than ${MOST_MS / 1000} s`, {
    hint: 'Name a smaller part of the source, or let a run do it.',
  });
}

function died(code: number | null, by: string | null, tail: string): SluiceError {
  const last = tail.trim().split('\n').at(-1) ?? '';
  const how = by ? `by ${by}` : `with exit status ${code}`;
  return new SluiceError('look/died', 'terminal', `The process that looked ended ${how}${last ? `: ${last}` : ''}`);
}

/** Beside the bundle in the built package, in `dist` when run from source. */
function path(): string {
  const beside = fileURLToPath(new URL('./look.js', import.meta.url));
  return existsSync(beside) ? beside : fileURLToPath(new URL('../../dist/look.js', import.meta.url));
}
