import { type ActualSet, type DesiredSet, diff, type Plan } from '@sluice/core';
import { desiredOf } from '../repo/desired.ts';
import { openStateStore, type Store } from '../store/store.ts';
import { usage } from './errors.ts';
import type { CommonOptions } from './options.ts';
import { type OpenProject, openProject } from './project.ts';
import { stateStoreOf } from './unset.ts';

export interface Planned {
  project: OpenProject;
  store: Store;
  desired: DesiredSet;
  actual: ActualSet;
  plan: Plan;
}

/** The target is said, by --target or SLUICE_TARGET, wherever there are several. Throws `usage/target`. */
export async function openTarget(options: CommonOptions, files: readonly string[] = []): Promise<OpenProject> {
  const named = options.target ?? (process.env.SLUICE_TARGET || undefined);
  const project = await openProject(named === undefined ? options : { ...options, target: named }, files);
  const { targets } = project.project;
  if (named === undefined && project.project.hasTargets) {
    throw usage('target', 'Say which target is meant, with --target', `There is ${targets.join(', ')}.`);
  }
  return project;
}

/** Makes the plan of a project and hands it to `work`, with the state store open meanwhile. */
export async function withPlan(
  options: CommonOptions,
  files: readonly string[],
  work: (planned: Planned) => Promise<void>,
): Promise<void> {
  const project = await openTarget(options, files);
  const desired = desiredOf(project, project.target, project.vars);
  const store = await openStateStore({ projectDir: project.dir, stateStore: stateStoreOf(project) });
  try {
    const actual = await store.actual(desired);
    await work({ project, store, desired, actual, plan: await store.withState(diff(desired, actual, Date.now())) });
  } finally {
    await store.close();
  }
}
