import type { SluiceErrorJson } from '@sluice/core';
import type { RunEvent, RunRequest, StreamResult } from './api.ts';

/** What the parent sends to the executor. */
export type ToExecutor =
  | {
      type: 'run';
      request: RunRequest;
      runId: string;
      attempt: number;
      /** Connection of the state store, as the parent found it. */
      storeUrl: string;
      /** Runs of the job that died; their staging is removed before this one stages. */
      deadRuns: string[];
      /** Streams that an attempt before this one committed. */
      doneStreams: string[];
    }
  | { type: 'clean'; request: RunRequest; runId: string; storeUrl: string }
  | { type: 'stop' };

/** What the executor sends back. A heartbeat says that its event loop is alive: the lease is renewed only while they come. */
export type FromExecutor =
  | { type: 'heartbeat' }
  | { type: 'event'; event: RunEvent }
  | { type: 'committing' }
  /** Sent as each stream ends, so that a later death takes nothing from what is known of it. */
  | { type: 'stream'; result: StreamResult }
  | { type: 'result'; error: SluiceErrorJson | null };
