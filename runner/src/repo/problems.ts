import type { Job, Problem } from '@sluice/core';

/** A broken file's message, by the job whose last good version it holds. */
export function problemsOf(jobs: readonly Job[], problems: readonly Problem[]): Record<string, string> {
  const found = jobs.flatMap((job): [string, string][] => {
    const problem = problems.find(({ file, names }) => file === job.file || names.includes(job.name));
    return problem ? [[job.name, `${problem.file}: ${problem.message}`]] : [];
  });
  return Object.fromEntries(found);
}
