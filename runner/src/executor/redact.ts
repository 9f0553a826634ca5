import type { Json, JsonObject, Stream } from '@sluice/core';
import { destinations, sources } from '@sluice/core/specs';

const MASK = '***';

/** Takes secret values out of texts: each in its plain, URL-encoded and base64 form. */
export type Redact = (text: string) => string;

/** Collects the secret values of a job whose references are put in; short ones are kept out of the way of common words. */
export function redactorOf(job: { streams: readonly Partial<Pick<Stream, 'source' | 'destination'>>[] }): Redact {
  const values = new Set<string>();
  for (const { source, destination } of job.streams) {
    if (source) collect(source.settings, sources[source.type]?.secrets ?? [], values);
    if (destination) collect(destination.settings, destinations[destination.type]?.secrets ?? [], values);
  }
  const forms = [...values].filter((v) => v.length >= 3).flatMap(encodings);
  const ordered = [...new Set(forms)].sort((a, b) => b.length - a.length);
  return (text) => ordered.reduce((result, value) => result.replaceAll(value, MASK), text);
}

function collect(settings: JsonObject, secrets: readonly string[], into: Set<string>): void {
  for (const name of secrets) {
    const value = name.split('.').reduce<Json | undefined>(inside, settings);
    if (typeof value !== 'string') continue;
    into.add(value);
    const password = /^[a-z][\w+:.-]*?:\/\/[^@/]*?:([^@]*)@/i.exec(value)?.[1];
    if (password) {
      into.add(password);
      into.add(decode(password));
    }
  }
}

function inside(value: Json | undefined, key: string): Json | undefined {
  return value !== null && typeof value === 'object' && !Array.isArray(value) ? value[key] : undefined;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function encodings(value: string): string[] {
  return [
    value,
    encodeURIComponent(value),
    Buffer.from(value).toString('base64').replace(/=+$/, ''),
    JSON.stringify(value).slice(1, -1),
  ];
}

/** Applies a redactor to every text of a JSON value. */
export function redactDeep<T>(value: T, redact: Redact): T {
  if (typeof value === 'string') return redact(value) as T;
  if (Array.isArray(value)) return value.map((item) => redactDeep(item, redact)) as T;
  if (value !== null && typeof value === 'object') {
    return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, redactDeep(v, redact)])) as T;
  }
  return value;
}
