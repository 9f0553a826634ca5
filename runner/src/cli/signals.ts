import { EXIT } from './exit.ts';
import { tell } from './terminal.ts';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

export interface Interrupt {
  signal: AbortSignal;
  /** Gives the signals back to the process. */
  dispose(): void;
}

/**
 * Turns Ctrl-C (and SIGTERM, SIGHUP) into a request to stop; the second one ends this process at once, and with it the executor,
 * which does not outlive its parent. `onStop` says what happens now.
 */
export function listenForInterrupt(onStop: () => void = () => undefined): Interrupt {
  const stop = new AbortController();
  const onSignal = () => {
    if (stop.signal.aborted) process.exit(EXIT.interrupted);
    onStop();
    stop.abort();
  };
  for (const name of SIGNALS) process.on(name, onSignal);
  return {
    signal: stop.signal,
    dispose() {
      for (const name of SIGNALS) process.off(name, onSignal);
    },
  };
}

/** For commands that read and write nothing: they end at once, after `cleanUp`. */
export function exitOnInterrupt(cleanUp: () => void = () => undefined): Interrupt {
  return listenForInterrupt(() => {
    try {
      cleanUp();
    } catch {
      tell('What was begun could not be removed.');
    }
    process.exit(EXIT.interrupted);
  });
}
