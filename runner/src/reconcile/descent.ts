import { SluiceError } from '@sluice/core';
import type { Store } from '../store/store.ts';
import type { TargetKey } from '../store/types.ts';
import { descends } from './git.ts';

/**
 * A revision follows the one that is applied, so that a forgotten branch or an old checkout takes nothing back unasked. Throws
 * `plan/revision` where it does not descend from it. Without git on either side there is nothing to compare.
 */
export async function requireDescent(
  store: Store,
  key: TargetKey,
  folder: string,
  revision: string | null,
): Promise<void> {
  if (revision === null) return;
  const before = await store.appliedRevision(key);
  if (before === null || (await descends(folder, before, revision))) return;
  throw new SluiceError(
    'plan/revision',
    'config',
    `${revision} does not descend from ${before}, which is applied: nothing was applied`,
    { hint: 'Merge the applied revision, or start the daemon, or `sluice apply`, with --force.' },
  );
}
