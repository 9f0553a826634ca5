import { type DestinationUse, SluiceError, type StreamKey } from '@sluice/core';
import { type DestinationSession, registry } from '@sluice/core/runtime';

export type { DestinationSession };

import { openStateStore } from '../store/store.ts';
import { redactDeep, redactorOf } from './redact.ts';

export interface DestinationRequest {
  projectDir: string;
  key: StreamKey;
  /** Settings with their references put in. */
  use: DestinationUse;
  stateStore: string | null;
  /** Who asks, shown to those that wait meanwhile. */
  holder: string;
  signal: AbortSignal;
  onWait(holder: string): void;
}

/**
 * Connects to the destination of a stream for a look and holds what it has to be held by while `work` runs; the state store is
 * opened only where that is needed. Throws SluiceErrors without secrets.
 */
export async function atDestination<T>(
  request: DestinationRequest,
  work: (session: DestinationSession) => Promise<T>,
): Promise<T> {
  const { use, projectDir, signal } = request;
  try {
    const session = await connect(request);
    try {
      if (session.lock === null) return await work(session);
      const store = await openStateStore({ projectDir, stateStore: request.stateStore });
      try {
        const { holder, onWait } = request;
        return await store.withLock(session.lock, { signal, holder, onWait }, () => work(session));
      } finally {
        await store.close();
      }
    } finally {
      await session.close();
    }
  } catch (error) {
    const known =
      error instanceof SluiceError ? error : new SluiceError('destination/failed', 'terminal', String(error));
    const json = redactDeep(known.toJSON(), redactorOf({ streams: [{ destination: use }] }));
    throw SluiceError.fromJSON(json);
  }
}

async function connect({ key, use, projectDir, signal }: DestinationRequest): Promise<DestinationSession> {
  const entry = registry.destinations[use.type];
  if (!entry) throw new SluiceError('component/unknown', 'config', `There is no destination of type ${use.type}`);
  const destination = await entry.load();
  return destination.connect({ key, use, projectDir, runId: 'look', signal, log: () => undefined });
}
