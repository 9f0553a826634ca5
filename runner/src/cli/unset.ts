import { type Document, findReferences, type Job, positionAt, resolveReferences, SluiceError } from '@sluice/core';
import { missingReferences } from '../executor/resolve.ts';
import { valuesFor } from '../repo/values.ts';
import { type OpenProject, shownPath } from './project.ts';

const HINT =
  'Set it in the environment or in `.env` beside sluice.yaml, or give a default: ${env:NAME:-default}. A file has to exist and be readable.';

/** Throws `reference/unset` for the references of a job that have no value on this machine, with their places in the files. */
export function requireReferences(project: OpenProject, document: Document, job: Job): void {
  const missing = missingReferences({ projectDir: project.dir, job, env: project.env }, job.streams);
  if (missing.length > 0) throw unset(project, missing, [document, project.config], job.name);
}

/**
 * URL of the state store: the project's, else DATABASE_URL, which may stand in `.env`; null: the embedded server.
 * Throws `reference/unset`.
 */
export function stateStoreOf(project: OpenProject): string | null {
  const { dir, env } = project;
  const written = project.project.stateStore ?? '';
  const { value, missing } = resolveReferences(written, valuesFor({ projectDir: dir, env }, ''));
  if (missing.length > 0) throw unset(project, missing, [project.config], null);
  return value || env.DATABASE_URL || null;
}

function unset(
  project: OpenProject,
  missing: readonly string[],
  documents: readonly (Document | null)[],
  job: string | null,
): SluiceError {
  const places = missing.map((text) => {
    const at = documents.flatMap((document) => placesIn(project, document, text));
    return at.length > 0 ? `${text} at ${at.join(', ')}` : text;
  });
  return new SluiceError('reference/unset', 'config', `No value for ${places.join('; ')}`, {
    ...(job === null ? {} : { where: { job } }),
    hint: HINT,
  });
}

function placesIn(project: OpenProject, document: Document | null, text: string): string[] {
  if (!document) return [];
  const found = findReferences(document).filter((reference) => reference.text === text);
  return found.map(({ range }) => {
    const { line, character } = positionAt(document, range.start);
    return `${shownPath(project, document.file)}:${line + 1}:${character + 1}`;
  });
}
