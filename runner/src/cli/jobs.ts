import { compile, type Job, SluiceError } from '@sluice/core';
import { asFindings, findingsOf, renderFindings } from './findings.ts';
import type { OpenProject } from './project.ts';
import type { Chosen } from './select.ts';
import { plural, styleFor, tell } from './terminal.ts';
import { requireReferences } from './unset.ts';

export interface JobOptions {
  /** Warnings are not shown. */
  quiet: boolean;
  /** Nothing is shown: the caller tells of what is thrown. */
  silent?: boolean;
  /** References have to have a value: the job is about to run. */
  references: boolean;
}

/**
 * Compiles a chosen job and shows its findings on stderr. Throws `job/invalid` where one of them is an error, and
 * `reference/unset` where a reference has no value.
 */
export function compileChosen(project: OpenProject, { document, name }: Chosen, options: JobOptions): Job {
  const wanted = project.target === undefined ? {} : { target: project.target };
  const { job, diagnostics } = compile(document, project.project, { ...wanted, vars: project.vars });
  // Those of sluice.yaml are shown where they are written.
  const own = diagnostics.filter(({ path, related }) => path !== '' || related?.[0]?.file !== project.config?.file);
  const config = job ? [] : findingsOf(project, new Set());
  const findings = [...config, ...asFindings(project, document, own)];
  const shown = findings.filter(({ diagnostic }) => diagnostic.severity === 'error' || !options.quiet);
  if (shown.length > 0 && options.silent !== true) tell(renderFindings(project, shown, styleFor(process.stderr)));
  if (!job) {
    const errors = findings.filter(({ diagnostic }) => diagnostic.severity === 'error').length;
    throw new SluiceError('job/invalid', 'config', `The job ${name} has ${plural(errors, 'error')}`, {
      where: { job: name, path: document.file },
      hint: 'Mend what `sluice validate` shows.',
    });
  }
  if (options.references) requireReferences(project, document, job);
  return job;
}
