import type { Job } from '@sluice/core';
import { runAttempt } from '../executor/child.ts';
import type { Store } from '../store/store.ts';

const LONGEST_MS = 120_000;

/**
 * Removes what dead runs of a job left staged in its destination, for a job that no further run will do it for. What cannot be reached
 * stays, and with it the record of it. Never throws.
 */
export async function clearStaging(
  { store, projectDir, env }: { store: Store; projectDir: string; env: Record<string, string> },
  job: Job,
): Promise<void> {
  const key = { project: job.project, target: job.target, job: job.name };
  try {
    const alive = new Set((await store.queue.alive(key)).map(({ id }) => id));
    const dead = new Set((await store.openIntents(key)).map(({ run }) => run).filter((run) => !alive.has(run)));
    const request = { projectDir, job, vars: {}, env, stream: null, fullRefresh: false, kind: 'manual' } as const;
    for (const runId of dead) {
      const message = {
        type: 'clean',
        request: { ...request, stateStore: store.url },
        runId,
        storeUrl: store.url,
      } as const;
      const nobody = { on: () => undefined, alive: () => undefined };
      await runAttempt(message, nobody, AbortSignal.timeout(LONGEST_MS));
    }
  } catch {
    // The rows of what is staged stay, so that it can be found.
  }
}
