import type { Diagnostic } from '../model/diagnostic.ts';
import type { Document } from '../text/node.ts';
import type { Project } from './project.ts';

/**
 * Every static finding of one file, sorted by place: of a job file, or of sluice.yaml itself. Needs neither disk nor
 * environment, and never throws on any text. An error among them means that the file does not compile.
 */
export function check(document: Document, _project: Project): Diagnostic[] {
  return document.diagnostics;
}
