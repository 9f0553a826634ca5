import type { Json, JsonObject, Stream } from '@sluice/core';
import { destinations, sources } from '@sluice/core/specs';
import { knownSecrets, SECRET_NAME } from '../secrets/known.ts';

const MASK = '***';
/** Lengths of values that are also looked for where lines break inside them. */
const [LEAST_WRAPPED, MOST_WRAPPED] = [6, 200];
/** A line of a key, or a value inside a document of credentials, that is long enough to be told from words. */
const LEAST_PART = 16;

/** Takes secret values out of texts: each in its plain, URL-encoded and base64 form. */
export type Redact = (text: string) => string;

/** Collects the secret values of a job whose references are put in; short ones are kept out of the way of common words. */
export function redactorOf(job: {
  streams: readonly Partial<Pick<Stream, 'source' | 'destination' | 'masking_key'>>[];
}): Redact {
  const values = new Set<string>();
  for (const { source, destination, masking_key } of job.streams) {
    if (masking_key !== undefined) values.add(masking_key);
    if (source) collect(source.settings, sources[source.type]?.secrets ?? [], values);
    if (destination) collect(destination.settings, destinations[destination.type]?.secrets ?? [], values);
  }
  return redactorOfValues(values);
}

/** Takes these values out, and every secret that this process has looked up. */
export function redactorOfValues(given: Iterable<string>): Redact {
  const values = new Set(given);
  for (const secret of knownSecrets()) addSecret(secret, values);
  const long = [...values].filter((v) => v.length >= 3);
  const ordered = [...new Set(long.flatMap(encodings))].sort((a, b) => b.length - a.length);
  const wrapped = long.filter((v) => v.length >= LEAST_WRAPPED && v.length <= MOST_WRAPPED).map(acrossLines);
  return (text) => {
    const plain = ordered.reduce((result, value) => result.replaceAll(value, MASK), text);
    return /\n|\\n/.test(plain) ? wrapped.reduce((result, value) => result.replace(value, MASK), plain) : plain;
  };
}

/** A value that a text of fixed width broke into lines, as it is or in JSON. */
function acrossLines(value: string): RegExp {
  const letters = [...value].map((letter) => letter.replace(/[\\^$.*+?()[\]{}|/-]/, '\\$&'));
  return new RegExp(letters.join(String.raw`(?:[ \t]*(?:\r?\n|\\r\\n|\\n)[ \t]*)?`), 'g');
}

function collect(settings: JsonObject, secrets: readonly string[], into: Set<string>): void {
  for (const name of secrets) {
    const value = name.split('.').reduce<Json | undefined>(inside, settings);
    if (typeof value === 'string') addSecret(value, into);
  }
}

/** A secret and what is one inside it: the password of an address, the lines of a key, the keys of a JSON document. */
function addSecret(value: string, into: Set<string>): void {
  into.add(value);
  for (const password of passwordsIn(value)) {
    into.add(password);
    into.add(decode(password));
  }
  const lines = value.split(/\r?\n/);
  if (lines.length > 1)
    for (const line of lines) if (line.length >= LEAST_PART && !line.startsWith('-----')) into.add(line);
  if (/^\s*\{/.test(value)) for (const part of keysIn(value)) if (part !== value) addSecret(part, into);
}

/** The password of an address: before its first or its last `@`, in its query or among settings with `;`, or of `user/password@host`. */
function passwordsIn(value: string): string[] {
  const found = PASSWORDS.flatMap((pattern) => [...value.matchAll(pattern)].map((match) => match[1] ?? match[2] ?? ''));
  return found.filter((text) => text !== '');
}

const PASSWORDS = [
  /^[a-z][\w+:.-]*?:\/\/[^@/]*?:([^@]*)@/gi,
  /^[a-z][\w+:.-]*?:\/\/[^:@/]*:(.+)@/gi,
  /^(?:jdbc:oracle:thin:)?[^\s/:@]+\/([^\s/]+)@/gi,
  /[?&;](?:password|passwd|pwd|[\w-]*(?:secret|token|key))=(?:\{([^}]*)\}|([^&;#]*))/gi,
];

/** Texts of a JSON document of credentials that are secrets by their names. */
function keysIn(document: string): string[] {
  try {
    const fields = Object.entries(JSON.parse(document) as Record<string, Json>);
    return fields.flatMap(([name, value]) =>
      typeof value === 'string' && value.length >= LEAST_PART && SECRET_NAME.test(name) ? [value] : [],
    );
  } catch {
    return [];
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

function encodings(given: string): string[] {
  // Halves of surrogate pairs have no form in a URL.
  const value = given.toWellFormed();
  // Programs differ in what they leave as it is, in spaces and in the case of the digits.
  const escaped = [encodeURIComponent(value), encodeURI(value), new URLSearchParams({ v: value }).toString().slice(2)];
  const strict = escaped.map((text) => text.replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16)}`));
  const urls = [...escaped, ...strict];
  const hex = Buffer.from(value).toString('hex');
  return [
    value,
    ...urls.flatMap((text) => [text, withDigits(text, 'upper'), withDigits(text, 'lower')]),
    ...[0, 1, 2].flatMap((before) => base64Inside(value, before)),
    JSON.stringify(value).slice(1, -1),
    ...(value.length < LEAST_WRAPPED ? [] : [hex, hex.toUpperCase()]),
  ];
}

function withDigits(text: string, letters: 'upper' | 'lower'): string {
  return text.replace(/%[0-9a-f]{2}/gi, (code) => (letters === 'upper' ? code.toUpperCase() : code.toLowerCase()));
}

/** Base64 of a text that stands behind so many other bytes, modulo 3, without the letters that hold parts of its neighbours. */
function base64Inside(value: string, before: number): string[] {
  const bytes = Buffer.concat([Buffer.alloc(before), Buffer.from(value)]);
  const start = Math.ceil((before * 8) / 6);
  const letters = bytes.toString('base64').slice(start, Math.floor((bytes.length * 8) / 6));
  const safe = letters.replaceAll('+', '-').replaceAll('/', '_');
  return letters.length < 4 ? [] : [letters, safe];
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
