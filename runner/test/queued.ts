import type { Job } from '@sluice/core';
import type { ClaimWish } from '../src/store/claim.ts';
import type { EnqueueRequest } from '../src/store/queue.ts';
import type { TargetKey } from '../src/store/types.ts';

/** A compiled job that holds no more than the queue looks at. */
export function job(name: string, more: Partial<Job> = {}): Job {
  const compute = { memory: 100, workers: { min: 1, max: 1 } };
  return {
    name,
    hash: 'h',
    tags: [],
    depends_on: [],
    streams: [],
    renamed_from: [],
    compute,
    ...more,
  } as unknown as Job;
}

/** A run by hand. */
export function request(place: TargetKey, one: Job, more: Partial<EnqueueRequest> = {}): EnqueueRequest {
  return { ...place, job: one, kind: 'manual', ...more };
}

/** What a daemon with one free slot asks for. */
export function wish(place: TargetKey, more: Partial<ClaimWish> = {}): ClaimWish {
  return { ...place, owner: 'a/1', host: 'a', leaseMs: 60_000, memory: 1000, limits: {}, ...more };
}
