import { channelTypes } from '../check/channel-schema.ts';
import { providerTypes } from '../check/secrets-schema.ts';
import type { Spec } from '../model/component.ts';
import type { Job, Stream, TypedSettings } from '../model/job.ts';
import type { Json, JsonObject } from '../model/json.ts';
import { textParts } from '../model/reference.ts';
import { type Schema, secretKeys } from '../spec/schema.ts';
import { destinations, sources } from '../specs.ts';

const HIDDEN = '***';

/** A job as it may be shown: of the same shape, with `***` for every secret. References stay. */
export function withoutSecrets(job: Job): Job {
  // What was applied before there was such a key lacks it.
  const notify = (job.notify ?? []).map((entry) => ({ ...entry, ...typedWithoutSecrets(entry, channelTypes) }));
  const providers = Object.entries(job.secret_providers ?? {}).map(([name, provider]) => {
    return [name, typedWithoutSecrets(provider, providerTypes)] as const;
  });
  return {
    ...job,
    streams: job.streams.map(streamWithoutSecrets),
    notify,
    secret_providers: Object.fromEntries(providers),
  };
}

function typedWithoutSecrets(
  { type, settings }: TypedSettings,
  types: Readonly<Record<string, Schema>>,
): TypedSettings {
  const secrets = secretKeys(Object.hasOwn(types, type) ? types[type] : undefined);
  const shown = secrets.filter((key) => Object.hasOwn(settings, key)).map((key) => [key, hideWhole(settings[key])]);
  return { type, settings: { ...(hidePasswords(settings) as JsonObject), ...Object.fromEntries(shown) } };
}

function hideWhole(value: Json | undefined): Json {
  return typeof value === 'string' ? symbolsOf(value) : HIDDEN;
}

function streamWithoutSecrets(stream: Stream): Stream {
  const source = { ...stream.source, settings: hide(stream.source.settings, sources[stream.source.type]) };
  const { destination } = stream;
  const settings = hide(destination.settings, destinations[destination.type]);
  const key = stream.masking_key === undefined ? {} : { masking_key: symbolsOf(stream.masking_key) };
  return { ...stream, source, destination: { ...destination, settings }, ...key };
}

/** A variable's value may have come to stand where a secret belongs, so that checks of the files alone do not hold it off. */
function hide(settings: JsonObject, spec: Spec | undefined): JsonObject {
  let result = settings;
  for (const key of spec?.secrets ?? []) result = hideAt(result, key.split('.')) as JsonObject;
  return hidePasswords(result) as JsonObject;
}

function hideAt(value: Json, path: readonly string[]): Json {
  const [key, ...rest] = path;
  if (key === undefined) return hideAll(value);
  if (value === null || typeof value !== 'object' || Array.isArray(value) || !Object.hasOwn(value, key)) return value;
  return { ...value, [key]: hideAt(value[key] ?? null, rest) };
}

function hideAll(value: Json): Json {
  if (typeof value === 'string') return value.includes('://') ? hidePassword(value) : symbolsOf(value);
  if (Array.isArray(value)) return value.map(hideAll);
  if (value === null || typeof value !== 'object') return value === null ? null : HIDDEN;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, hideAll(inner)]));
}

const SECRET_NAME = /(?:authorization|cookie|api[-_]?key|access[-_]?key|token|secret|password|passwd|pwd|signature)$/i;

function hidePasswords(value: Json): Json {
  if (typeof value === 'string') return hidePassword(value);
  if (Array.isArray(value)) return value.map(hidePasswords);
  if (value === null || typeof value !== 'object') return value;
  const entries = Object.entries(value).map(([key, inner]) => {
    return [key, SECRET_NAME.test(key) && typeof inner === 'string' ? symbolsOf(inner) : hidePasswords(inner)] as const;
  });
  return Object.fromEntries(entries);
}

/** The password of an address, and what its parameters carry under a secret's name. */
function hidePassword(text: string): string {
  return text
    .replace(
      /(:\/\/(?:\$\{[^}]*\}|\$(?!\{)|[^/?#\s:@$])*:)([^/?#\s]+)@/g,
      (_, head: string, password: string) => `${head}${symbolsOf(password)}@`,
    )
    .replace(
      /([?&;](?:\w+[-_])*(?:key|token|secret|password|pwd|sig|signature)=)([^&;#\s]+)/gi,
      (_, head: string, found: string) => {
        return `${head}${symbolsOf(found)}`;
      },
    );
}

/** A secret's references as they are written, without any letter beside them; an env's default is one. */
function symbolsOf(text: string): string {
  if (text === '') return '';
  const parts = textParts(text).map((part) => {
    if (part.kind === 'literal' || part.kind === 'bad') return HIDDEN;
    const fallback = part.fallback === null || part.fallback === '' ? '' : `:-${HIDDEN}`;
    return `\${${part.kind}:${part.name}${fallback}}`;
  });
  return parts.join('');
}
