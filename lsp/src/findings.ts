import { check, type Diagnostic, type Document, observe } from '@sluice/core';
import type { Diagnostic as LspDiagnostic } from 'vscode-languageserver/node';
import { diagnosticOf } from './convert.ts';
import type { ProjectFiles } from './project-files.ts';
import type { Workspace } from './workspace.ts';

interface Remembered {
  revision: number;
  found: Diagnostic[];
}

const cache = new WeakMap<Document, Remembered>();

/** Every finding of a document: what `sluice validate` says, and what the records of its sources say. Remembered until something changes. */
export function findingsOf(document: Document, files: ProjectFiles): Diagnostic[] {
  const known = cache.get(document);
  if (known?.revision === files.revision) return known.found;
  const own = check(document, files.project);
  const found = [...own, ...observe(files.context(document), own)];
  cache.set(document, { revision: files.revision, found });
  return found;
}

export function lspFindings(document: Document, files: ProjectFiles, workspace: Workspace): LspDiagnostic[] {
  return findingsOf(document, files).map((found) => diagnosticOf(found, document, files, workspace));
}

/** What was last said about each document, with a number that the client can name to be told of changes alone. */
export class Reports {
  readonly #said = new Map<string, { id: string; text: string }>();
  #next = 1;

  /** The number of what is to be said, and whether it is what was said last. */
  note(uri: string, items: readonly LspDiagnostic[]): { id: string; same: boolean } {
    const text = JSON.stringify(items);
    const last = this.#said.get(uri);
    if (last?.text === text) return { id: last.id, same: true };
    const id = String(this.#next++);
    this.#said.set(uri, { id, text });
    return { id, same: false };
  }

  forget(uri: string): void {
    this.#said.delete(uri);
  }
}
