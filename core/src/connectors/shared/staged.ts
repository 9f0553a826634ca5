import { SluiceError } from '../../model/error.ts';

/** What was staged is not there any more as its tokens say. The run starts anew, from the source. */
export function stagingLost(what: string): SluiceError {
  return new SluiceError('commit/staging-lost', 'transient', `${what}; nothing was committed.`, {
    hint: 'The run starts again from the source.',
  });
}

/** Staging that holds another number of rows than its tokens say. */
export function stagingHolds(found: number, expected: number): SluiceError {
  return stagingLost(`Staging holds ${found} rows, its tokens say ${expected}`);
}

/** A part that was cut short or swapped must not be committed. Throws commit/staging-lost. */
export function checkStaged(written: number, expected: number): void {
  if (written !== expected) throw stagingHolds(written, expected);
}
