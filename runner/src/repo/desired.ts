import {
  compileAll,
  concurrencyLimits,
  type DesiredSet,
  type Job,
  mergedJob,
  type Problem,
  targetScope,
} from '@sluice/core';
import type { LoadedProject } from './load.ts';

/**
 * What the files of a project ask for in a target: every job that compiles, and a problem for every file that gives none. Throws
 * `config/target`, `config/variable`.
 */
export function desiredOf(
  loaded: Pick<LoadedProject, 'project' | 'unreadable'>,
  target: string | undefined,
  vars: Record<string, string>,
): DesiredSet {
  const wanted = target === undefined ? { vars } : { target, vars };
  const scope = targetScope(loaded.project, wanted);
  const jobs: Job[] = [];
  const problems: Problem[] = loaded.unreadable.map(({ file, reason }) => ({ file, names: [], message: reason }));
  for (const { document, job, diagnostics } of compileAll(loaded.project, wanted)) {
    if (job) jobs.push(job);
    else {
      const view = loaded.project.view(document, scope);
      const old = mergedJob(view)?.whole.renamed_from;
      const names = [view.name, ...(Array.isArray(old) ? old : [])].filter((name) => typeof name === 'string');
      const message = diagnostics.find(({ severity }) => severity === 'error')?.message ?? 'it declares no job';
      problems.push({ file: document.file, names, message });
    }
  }
  const { name, files } = loaded.project;
  // What cannot be read says nothing about limits: those that are applied stay.
  const limits = files.config?.broken ? {} : { limits: concurrencyLimits(scope) };
  return { project: name, target: scope.target ?? 'default', jobs, problems, ...limits };
}
