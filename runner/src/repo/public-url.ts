import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createProject, parseDocument, projectSettings, resolveReferences } from '@sluice/core';
import { valuesFor } from './values.ts';

export interface PublicUrlRequest {
  /** Folder of the checkout. */
  folder: string;
  target: string | null;
  vars: Readonly<Record<string, string>>;
  env: Readonly<Record<string, string | undefined>>;
}

/** `api.url` of a checkout as it is now; null: there is none, or sluice.yaml cannot be read. */
export async function publicUrl({ folder, target, vars, env }: PublicUrlRequest): Promise<string | null> {
  const text = await readFile(join(folder, 'sluice.yaml'), 'utf8').catch(() => null);
  if (text === null) return null;
  const project = createProject({ config: parseDocument(text, 'sluice.yaml'), jobs: [] });
  const written = projectSettings(project.scope(target ?? undefined, vars)).api.url;
  if (written === null) return null;
  const { value, missing } = resolveReferences(written, valuesFor({ projectDir: folder, env }, ''));
  return missing.length > 0 || value === '' ? null : value;
}
