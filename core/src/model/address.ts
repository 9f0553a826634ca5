import type { Addresses } from './destination.ts';

/** What a stream is called in plans, texts and on the command line: JOB, or JOB/STREAM where it is not named after its job. */
export function streamAddress(job: string, stream: string): string {
  return stream === job ? job : `${job}/${stream}`;
}

/** Which addresses differ: a checkpoint belongs to all of them. */
export function changedAddresses(before: Addresses, after: Addresses): (keyof Addresses)[] {
  return (['source', 'incremental', 'destination'] as const).filter((part) => before[part] !== after[part]);
}
