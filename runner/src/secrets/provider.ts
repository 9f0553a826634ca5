import { type JsonObject, type SecretAddress, SluiceError } from '@sluice/core';
import type { SecretStore } from './secret-store.ts';

/** What a provider may ask of the process that it works in. */
export interface ProviderContext {
  /** Name of the provider in the project, for errors. */
  name: string;
  /** With its references put in. */
  settings: JsonObject;
  projectDir: string;
  env: Readonly<Record<string, string | undefined>>;
  /** The encrypted store, opened when it is asked for. */
  store(): Promise<SecretStore>;
}

/** A system that keeps secrets. */
export interface SecretProvider {
  /** The value of a secret. Throws `secret/…` with provider, path, cause and next step, never with a value. */
  read(address: SecretAddress, signal: AbortSignal): Promise<string>;
}

export type MakeProvider = (context: ProviderContext) => SecretProvider;

/** Trying again may help: the network, or a server that is not ready. */
export function unreachable(address: SecretAddress, why: string): SluiceError {
  return failure(
    'secret/unreachable',
    'transient',
    address,
    `cannot be asked: ${why}`,
    'Check the address of the provider and that it is up.',
  );
}

export function notFound(address: SecretAddress, hint: string): SluiceError {
  return failure('secret/unknown', 'config', address, 'is not there', hint);
}

export function refused(address: SecretAddress, why: string, hint: string): SluiceError {
  return failure('secret/refused', 'config', address, `may not be read: ${why}`, hint);
}

function failure(
  code: string,
  kind: 'config' | 'transient',
  { provider, path, key }: SecretAddress,
  what: string,
  hint: string,
): SluiceError {
  return new SluiceError(code, kind, `The secret ${path}${key === null ? '' : `#${key}`} of ${provider} ${what}`, {
    hint,
  });
}

/** The value itself, or with a key that of the JSON object that it holds. */
export function pick(address: SecretAddress, text: string): string {
  if (address.key === null) return text;
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    // Told below, without the text.
  }
  if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed))
    return keyOf(address, parsed as JsonObject);
  throw refused(
    address,
    'it holds no JSON object, so that it has no keys',
    'Leave `#` and what follows out, or keep a JSON object there.',
  );
}

/** The value of a key of a secret; what is no text as JSON. */
export function keyOf(address: SecretAddress, data: Readonly<Record<string, unknown>>): string {
  const { key } = address;
  const value = key !== null && Object.hasOwn(data, key) ? data[key] : undefined;
  if (value === undefined || value === null)
    throw notFound(address, 'The secret exists and lacks this key; check its spelling.');
  return typeof value === 'string' ? value : JSON.stringify(value);
}
