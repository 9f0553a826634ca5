import type { Diagnostic } from '../model/diagnostic.ts';
import type { Document } from '../text/node.ts';
import type { Project } from './project.ts';
import { reporter } from './report.ts';
import { rules } from './rules/index.ts';
import type { Scope } from './scope.ts';
import type { JobView } from './view.ts';

/**
 * Every static finding of one file, sorted by place: of a job file, or of sluice.yaml itself. Needs neither disk nor
 * environment, and never throws on any text. An error among them means that the file does not compile.
 */
export function check(document: Document, project: Project, scope: Scope = project.scope()): Diagnostic[] {
  const isConfig = document === project.files.config;
  const found = isConfig ? checkProject(document, scope, project) : checkJob(document, scope, project);
  return sorted(found);
}

function checkProject(document: Document, scope: Scope, project: Project): Diagnostic[] {
  const found = [...document.diagnostics, ...scope.diagnostics];
  if (document.broken) return found;
  const report = reporter(document, found);
  if (document.root === null) report('schema/required', emptyRoot(document), '`version` and `name` are missing.');
  for (const rule of rules) rule.project?.({ document, scope, project, report });
  return found;
}

function emptyRoot(document: Document) {
  const range = { start: 0, end: 0 };
  return { kind: 'scalar', file: document.file, range, path: '', value: null, source: '', style: 'empty' } as const;
}

function checkJob(document: Document, scope: Scope, project: Project): Diagnostic[] {
  const view = project.view(document, scope);
  const found = [...ownFindings(view, project)];
  if (!view.isMapping || project.files.partial) return found;
  const report = reporter(view.document, found);
  for (const rule of rulesAcross) rule.job?.({ view, project, report });
  return found;
}

const rulesAcross = rules.filter((rule) => rule.across);
const rulesOfOne = rules.filter((rule) => !rule.across);

const known = new WeakMap<JobView, readonly Diagnostic[]>();

/** What one file says by itself, in its scope: remembered, since it does not change with the other files. */
export function ownFindings(view: JobView, project: Project): readonly Diagnostic[] {
  let found = known.get(view);
  if (!found) {
    const own = [...view.diagnostics];
    if (view.isMapping) look(view, project, own);
    known.set(view, own);
    found = own;
  }
  return found;
}

function look(view: JobView, project: Project, found: Diagnostic[]): void {
  const report = reporter(view.document, found);
  for (const rule of rulesOfOne) {
    rule.job?.({ view, project, report });
    for (const stream of view.streams) rule.stream?.({ view, stream, project, report });
  }
}

function sorted(found: Diagnostic[]): Diagnostic[] {
  return found.sort((a, b) => a.range.start - b.range.start || a.range.end - b.range.end || (a.code < b.code ? -1 : 1));
}
