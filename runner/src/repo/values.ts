import { readFileSync } from 'node:fs';
import { isAbsolute, join, relative, resolve } from 'node:path';
import type { ReferenceValues } from '@sluice/core';

/** What references of a project stand for on this machine; secrets are looked up elsewhere. */
export function valuesFor(
  { projectDir, env }: { projectDir: string; env: Readonly<Record<string, string | undefined>> },
  stream: string,
): ReferenceValues {
  return { env, file: (path) => readReference(projectDir, path), stream };
}

function readReference(projectDir: string, path: string): string | null {
  const full = resolve(projectDir, path);
  const inside = relative(projectDir, full);
  const allowed = (!inside.startsWith('..') && !isAbsolute(inside)) || full.startsWith(join('/run/secrets', '/'));
  if (!allowed) return null;
  try {
    return readFileSync(full, 'utf8').replace(/\r?\n$/, '');
  } catch {
    return null;
  }
}
