import type { Db } from './tables.ts';

/** Thrown by the work of a transaction to undo it and answer with a value. */
export class Undo<T> extends Error {
  readonly value: T;

  constructor(value: T) {
    super('undone');
    this.value = value;
  }
}

/**
 * Runs work between `begin` and `commit`; `committed` runs once that has ended well. An error of the work rolls back; one of
 * `commit` does not, because then nobody knows what took place.
 */
export async function inTransaction<T>(
  db: Pick<Db, 'run'>,
  ends: { begin: string; commit: () => Promise<void> },
  work: () => Promise<T>,
  committed?: () => Promise<void>,
): Promise<T> {
  await db.run(ends.begin);
  let result: T;
  try {
    result = await work();
  } catch (error) {
    await db.run('ROLLBACK').catch(() => undefined);
    throw error;
  }
  await ends.commit();
  await committed?.();
  return result;
}
