import { compile, createProject, type Document, type Job } from '@sluice/core';
import { type FileFinding, fileFindings } from '../repo/file-findings.ts';
import { Problem } from './problems.ts';
import type { TargetProject } from './project-door.ts';

/** A project with one document more, or another one in the place of that file. */
export function withDocument(project: TargetProject, document: Document): TargetProject {
  const jobs = new Map(project.jobs).set(document.file, document);
  const { config, vars, target } = project;
  const whole = createProject({ config, jobs: [...jobs.values()], name: project.project.name });
  return { ...project, jobs, project: whole, scope: whole.scope(target, vars) };
}

/** Compiles a document of the project. Throws a Problem with 422 and the findings where one is an error. */
export function compiled(project: TargetProject, document: Document): { job: Job; diagnostics: FileFinding[] } {
  const { vars, target } = project;
  const { job, diagnostics } = compile(document, project.project, target === undefined ? { vars } : { target, vars });
  const found = fileFindings(document, diagnostics);
  if (job) return { job, diagnostics: found };
  const errors = found.filter(({ severity }) => severity === 'error');
  const more = errors.length > 1 ? ` (and ${errors.length - 1} more)` : '';
  throw new Problem(422, 'job/invalid', `${errors[0]?.message ?? 'It declares no job'}${more}`, {
    diagnostics: found,
    hint: 'Mend what the diagnostics name.',
  });
}

/** The environment that references are read from, without names that have no value. */
export function environmentOf({ env }: Pick<TargetProject, 'env'>): Record<string, string> {
  const entries = Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return Object.fromEntries(entries);
}
