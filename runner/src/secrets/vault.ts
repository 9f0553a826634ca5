import { type JsonObject, messageOf, type SecretAddress } from '@sluice/core';
import { keyOf, type MakeProvider, notFound, refused, unreachable } from './provider.ts';

/** A server that does not answer for this long is not reached. */
const PATIENCE_MS = 10_000;

/**
 * HashiCorp Vault by its HTTP API: a token or an AppRole login, the key-value engine in version 1 or 2. Each path is read once, and
 * one login serves all. Source of the paths and answers: Vault's API reference, "KV secrets engine" and "AppRole auth method".
 */
export const makeVault: MakeProvider = ({ settings, name }) => {
  const text = (key: string): string | undefined => (typeof settings[key] === 'string' ? settings[key] : undefined);
  const base = (text('address') ?? '').replace(/\/+$/, '');
  const namespace = text('namespace');
  const read = new Map<string, Promise<Readonly<Record<string, unknown>>>>();
  let login: Promise<string> | undefined;

  async function ask(
    address: SecretAddress,
    path: string,
    init: RequestInit,
    signal: AbortSignal,
  ): Promise<JsonObject> {
    const headers = {
      'X-Vault-Request': 'true',
      ...(namespace ? { 'X-Vault-Namespace': namespace } : {}),
      ...init.headers,
    };
    const both = AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_MS)]);
    let response: Response;
    let body: JsonObject;
    try {
      // A redirect to another host would take the token along.
      response = await fetch(`${base}/v1/${path}`, { ...init, headers, signal: both, redirect: 'manual' });
      body = (await response.json().catch(() => ({}))) as JsonObject;
    } catch (error) {
      signal.throwIfAborted();
      const cause = error instanceof Error && error.cause instanceof Error ? error.cause.message : messageOf(error);
      throw unreachable(address, `${base}: ${cause || messageOf(error)}`);
    }
    const { status } = response;
    if (response.ok) return body;
    if (status === 404) throw notFound(address, `Vault knows no ${path}: check \`mount\`, \`version\` and the path.`);
    if (status === 400 || status === 401 || status === 403)
      throw refused(address, `Vault answers ${status}`, `Check the login of \`${name}\` and the policy on ${path}.`);
    throw unreachable(address, status === 503 ? 'Vault is sealed or in maintenance' : `Vault answers ${status}`);
  }

  async function tokenFor(address: SecretAddress, signal: AbortSignal): Promise<string> {
    const token = text('token');
    if (token !== undefined) return token;
    const body = JSON.stringify({ role_id: text('role_id'), secret_id: text('secret_id') });
    const path = `auth/${segments(text('auth_mount') ?? 'approle')}/login`;
    const init = { method: 'POST', body, headers: { 'Content-Type': 'application/json' } };
    const { auth } = await ask(address, path, init, signal);
    const issued = (auth as JsonObject | undefined)?.client_token;
    if (typeof issued === 'string') return issued;
    throw refused(address, 'Vault gave no token', `Check \`role_id\` and \`secret_id\` of \`${name}\`.`);
  }

  async function dataAt(address: SecretAddress, signal: AbortSignal): Promise<Readonly<Record<string, unknown>>> {
    login ??= tokenFor(address, signal);
    const token = await login;
    const mount = segments(text('mount') ?? 'secret');
    const path = `${mount}/${settings.version === 1 ? '' : 'data/'}${segments(address.path)}`;
    const answer = await ask(address, path, { headers: { 'X-Vault-Token': token } }, signal);
    const data = settings.version === 1 ? answer.data : (answer.data as JsonObject | undefined)?.data;
    if (typeof data === 'object' && data !== null && !Array.isArray(data)) return data;
    throw notFound(address, 'Vault has no data at this path: it may have been deleted.');
  }

  return {
    async read(address, signal) {
      if (address.key === null)
        throw refused(
          address,
          'a secret of Vault is an object',
          'Name one of its keys: `${secret:provider/path#key}`.',
        );
      const known = read.get(address.path) ?? dataAt(address, signal);
      read.set(address.path, known);
      return keyOf(address, await known);
    },
  };
};

function segments(path: string): string {
  return path.split('/').map(encodeURIComponent).join('/');
}
