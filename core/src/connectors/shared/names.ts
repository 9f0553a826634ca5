import { createHash } from 'node:crypto';
import type { StreamKey } from '../../model/run.ts';

/** A short, stable name for a run of a stream: what staging is called by, so that anyone can find it again. */
export function runHash(key: StreamKey, runId: string): string {
  return shortHash([key.project, key.target, key.job, key.stream, runId]);
}

export function streamHash(key: StreamKey): string {
  return shortHash([key.project, key.target, key.job, key.stream]);
}

function shortHash(parts: string[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 20);
}
