import type { Json } from '../model/json.ts';
import { type TextPart, textParts } from '../model/reference.ts';
import { instantText } from '../schedule/finished.ts';
import { formatStrftime } from '../schedule/strftime.ts';

/** What references stand for when a run starts. */
export interface ReferenceValues {
  env: Readonly<Record<string, string | undefined>>;
  /**
   * Content of a file for `${file:path}`, or null where it cannot be read. A line end at its end is left out, as editors
   * and `echo` put one there.
   */
  file(path: string): string | null;
  /** Value of a secret by `provider/path#key`; null, or no function: it is not known. */
  secret?(name: string): string | null;
  /** Name of the stream, for `${stream:name}`. */
  stream: string;
  /** The run's window in milliseconds and the zone of its patterns; left out: `${window:…}` stays as it is written. */
  window?: { start: number; end: number; zone: string };
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
    if (part.kind === 'window' && !values.window) {
      result += written;
      continue;
    }
    const found = valueFor(part, values);
    if (found === null) missing.add(written);
    result += found ?? written;
  }
  return result;
}

function valueFor(part: Exclude<TextPart, { kind: 'literal' }>, values: ReferenceValues): string | null {
  if (part.kind === 'env') return fromEnv(part, values);
  if (part.kind === 'file') return fromFile(part.name, values);
  if (part.kind === 'window') return fromWindow(part, values);
  if (part.kind === 'secret') return values.secret?.(part.name) ?? null;
  return part.kind === 'stream' ? values.stream : null;
}

/** As in a shell, `:-` also stands in for an empty value. */
function fromEnv(part: { name: string; fallback: string | null }, values: ReferenceValues): string | null {
  const value = Object.hasOwn(values.env, part.name) ? values.env[part.name] : undefined;
  if (part.fallback !== null && (value === undefined || value === '')) return part.fallback;
  return value ?? null;
}

/** An instant in UTC, or by a pattern on the clock of the schedule's zone. */
function fromWindow(part: { name: string; pattern?: string }, { window }: ReferenceValues): string | null {
  if (!window) return null;
  const instant = part.name === 'end' ? window.end : window.start;
  return part.pattern === undefined ? instantText(instant) : formatStrftime(instant, window.zone, part.pattern);
}

function fromFile(path: string, values: ReferenceValues): string | null {
  return values.file(path)?.replace(/\r?\n$/, '') ?? null;
}
