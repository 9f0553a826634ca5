import { type Job, zeroCounts } from '@sluice/core';
import { afterAll, beforeAll } from 'vitest';
import { type TestDatabase, testDatabase } from '../../core/test/postgres.ts';
import type { Claimed, ClaimWish } from '../src/store/claim.ts';
import type { EnqueueRequest } from '../src/store/queue.ts';
import { openStore, type Store } from '../src/store/store.ts';
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

/** A database with two stores over it, as two daemons have. */
export class QueueFixture {
  db!: TestDatabase;
  stores!: Store[];
  #projects = 0;

  get store(): Store {
    return this.stores[0] as Store;
  }

  /** A project that no other test uses. */
  target(): TargetKey {
    return { project: `p${++this.#projects}`, target: 'dev' };
  }

  finish(run: string, owner: string): Promise<unknown> {
    return this.store.finishRun({ run, owner, state: 'succeeded', counts: zeroCounts(), error: null });
  }
}

export async function claimOne(from: Store, wanted: ClaimWish): Promise<Claimed | null> {
  return (await from.queue.claim(wanted))[0] ?? null;
}

/** Makes a fixture for the tests of the file that calls it, and takes it away after them. */
export function queueFixture(): QueueFixture {
  const fixture = new QueueFixture();
  beforeAll(async () => {
    fixture.db = await testDatabase();
    fixture.stores = [await openStore({ url: fixture.db.url }), await openStore({ url: fixture.db.url })];
  });
  afterAll(async () => {
    for (const one of fixture.stores ?? []) await one.close();
    await fixture.db?.drop();
  });
  return fixture;
}
