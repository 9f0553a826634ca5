import { messageOf, SluiceError } from '@sluice/core';
import type { DaemonLog } from './log.ts';

/** Waits, or less long where the signal ends it. */
export function sleep(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener('abort', end, { once: true });
  });
}

const FIRST_BACKOFF_MS = 250;
const LONGEST_BACKOFF_MS = 5000;

/**
 * Does `work` over and over until the signal says stop, with the pause that it answers (milliseconds) between. One that fails is tried
 * again after a while that grows: a store that is away comes back. Never throws.
 */
export async function repeat(
  name: string,
  { log, signal }: { log: DaemonLog; signal: AbortSignal },
  work: () => Promise<number>,
): Promise<void> {
  for (let backoff = FIRST_BACKOFF_MS; !signal.aborted; ) {
    try {
      const pause = await work();
      backoff = FIRST_BACKOFF_MS;
      await sleep(pause, signal);
    } catch (error) {
      const code = error instanceof SluiceError ? error.code : 'internal';
      log.warn({ loop: name, code }, messageOf(error));
      await sleep(backoff, signal);
      backoff = Math.min(LONGEST_BACKOFF_MS, backoff * 2);
    }
  }
}
