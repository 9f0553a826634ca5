import { diff } from '@sluice/core';
import { desiredOf } from '../repo/desired.ts';
import { openStateStore } from '../store/store.ts';
import type { OpenProject } from './project.ts';
import { stateStoreOf } from './unset.ts';

/** Job files that are new or give another job than the one that is applied in the target, and those with errors. */
export async function modifiedFiles(project: OpenProject): Promise<Set<string>> {
  const desired = desiredOf(project, project.target, project.vars);
  const store = await openStateStore({ projectDir: project.dir, stateStore: stateStoreOf(project) });
  try {
    const plan = diff(desired, await store.actual(desired), Date.now());
    const changed = plan.changes.filter(({ action }) => action === 'create' || action === 'update');
    return new Set([...changed, ...plan.problems].map(({ file }) => file));
  } finally {
    await store.close();
  }
}
