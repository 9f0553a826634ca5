import type { Json } from '../model/json.ts';
import { type TextPart, textParts } from '../model/reference.ts';

/** What references stand for when a run starts. */
export interface ReferenceValues {
  env: Readonly<Record<string, string | undefined>>;
  /**
   * Content of a file for `${file:path}`, or null where it cannot be read. A line end at its end is left out, as editors
   * and `echo` put one there.
   */
  file(path: string): string | null;
  /** Name of the stream, for `${stream:name}`. */
  stream: string;
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
export function resolveReferences<T extends Json>(value: T, values: ReferenceValues): Resolved<T> {
  const missing = new Set<string>();
  const resolved = visit(value, (text) => resolveText(text, values, missing));
  return { value: resolved as T, missing: [...missing] };
}

function visit(value: Json, text: (text: string) => string): Json {
  if (typeof value === 'string') return text(value);
  if (Array.isArray(value)) return value.map((item) => visit(item, text));
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, visit(item, text)]));
}

function resolveText(text: string, values: ReferenceValues, missing: Set<string>): string {
  if (!text.includes('${')) return text;
  let result = '';
  for (const part of textParts(text)) {
    if (part.kind === 'literal') {
      result += part.text;
      continue;
    }
    const written = text.slice(part.start, part.end);
    const found = valueFor(part, values);
    if (found === null) missing.add(written);
    result += found ?? written;
  }
  return result;
}

function valueFor(part: Exclude<TextPart, { kind: 'literal' }>, values: ReferenceValues): string | null {
  if (part.kind === 'env') return fromEnv(part, values);
  if (part.kind === 'file') return fromFile(part.name, values);
  return part.kind === 'stream' ? values.stream : null;
}

/** As in a shell, `:-` also stands in for an empty value. */
function fromEnv(part: { name: string; fallback: string | null }, values: ReferenceValues): string | null {
  const value = Object.hasOwn(values.env, part.name) ? values.env[part.name] : undefined;
  if (part.fallback !== null && (value === undefined || value === '')) return part.fallback;
  return value ?? null;
}

function fromFile(path: string, values: ReferenceValues): string | null {
  return values.file(path)?.replace(/\r?\n$/, '') ?? null;
}
