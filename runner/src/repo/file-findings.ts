import { type Diagnostic, type Document, positionAt } from '@sluice/core';

/** A finding in a job or project file, as `sluice validate -o json` prints it. */
export interface FileFinding {
  file: string;
  code: string;
  severity: string;
  message: string;
  path: string;
  range: { start: { line: number; character: number }; end: { line: number; character: number } };
}

/** Findings with positions in the place of offsets. */
export function fileFindings(document: Document, found: readonly Diagnostic[]): FileFinding[] {
  return found.map(({ code, severity, message, path, range }) => ({
    ...{ file: document.file, code, severity, message, path },
    range: { start: positionAt(document, range.start), end: positionAt(document, range.end) },
  }));
}
