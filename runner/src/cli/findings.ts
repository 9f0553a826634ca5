import { check, type Diagnostic, type Document } from '@sluice/core';
import { type FindFile, type Finding, renderFinding } from './diagnostics.ts';
import { documentsOf, type OpenProject, shownPath } from './project.ts';
import { plural, type Style } from './terminal.ts';

/** Findings of some files of a project, or of all with sluice.yaml first. */
export function findingsOf(project: OpenProject, files?: ReadonlySet<string>): Finding[] {
  const documents = [...(project.config ? [project.config] : []), ...project.jobs.values()];
  const wanted = documents.filter((document) => document === project.config || !files || files.has(document.file));
  return wanted.flatMap((document) => asFindings(project, document, check(document, project.project, project.scope)));
}

export function asFindings(project: OpenProject, document: Document, found: readonly Diagnostic[]): Finding[] {
  const file = shownPath(project, document.file);
  return found.map((diagnostic) => ({ document, diagnostic, file }));
}

/** Findings as text, an empty line between them. */
export function renderFindings(project: OpenProject, findings: readonly Finding[], style: Style): string {
  const documents = documentsOf(project);
  const findFile: FindFile = (file) => {
    const document = documents.get(file);
    return document ? { document, shown: shownPath(project, file) } : null;
  };
  return findings.map((finding) => renderFinding(finding, findFile, style)).join('\n\n');
}

export function summaryOf(findings: readonly Finding[], files: number): string {
  const number = (severity: string) => findings.filter(({ diagnostic }) => diagnostic.severity === severity).length;
  const parts = [plural(number('error'), 'error'), plural(number('warning'), 'warning')];
  return `${plural(files, 'file')}: ${parts.join(', ')}`;
}
