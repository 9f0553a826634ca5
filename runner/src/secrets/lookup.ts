import {
  providerTypes,
  resolveReferences,
  type SecretAddress,
  SluiceError,
  secretAddress,
  secretKeys,
  settleSettings,
  type TypedSettings,
} from '@sluice/core';
import { valuesFor } from '../repo/values.ts';
import { openStateStore, openStore, type Store } from '../store/store.ts';
import type { TargetKey } from '../store/types.ts';
import { makeAws } from './aws.ts';
import type { Environment } from './keys.ts';
import { remember } from './known.ts';
import { makeEnv, makeFile, makeStore } from './local-providers.ts';
import type { MakeProvider, SecretProvider } from './provider.ts';
import { type SecretStore, secretStore } from './secret-store.ts';
import { makeVault } from './vault.ts';

const PROVIDERS: Readonly<Record<string, MakeProvider>> = {
  store: makeStore,
  file: makeFile,
  env: makeEnv,
  vault: makeVault,
  aws: makeAws,
};

/** What a project's `store`, `file` and `env` are where sluice.yaml says nothing of them. */
const BUILT_IN: Readonly<Record<string, TypedSettings>> = {
  store: { type: 'store', settings: {} },
  file: { type: 'file', settings: {} },
  env: { type: 'env', settings: {} },
};

export interface SecretRequest extends TargetKey {
  projectDir: string;
  env: Environment;
  /** The declared providers, references kept. */
  providers: Readonly<Record<string, TypedSettings>>;
  /** `state_store` with its references put in; null: DATABASE_URL, else the embedded server. */
  stateStore: string | null;
  /** The store's own address, where it is known already. */
  storeUrl?: string;
}

/**
 * The values of secrets, by `provider/path#key`, each looked up once. From here on this process takes them out of whatever it writes.
 * Throws `secret/…`, and `reference/unset` where a provider itself lacks a value.
 */
export async function lookUpSecrets(
  names: readonly string[],
  request: SecretRequest,
  signal: AbortSignal,
): Promise<Map<string, string>> {
  const values = new Map<string, string>();
  if (names.length === 0) return values;
  const opened = new OpenedStore(request);
  const providers = new Map<string, SecretProvider>();
  try {
    for (const name of names) {
      const address = secretAddress(name);
      if (!address) throw unknownProvider(name);
      const provider = providers.get(address.provider) ?? makeProvider(address, request, opened);
      providers.set(address.provider, provider);
      const value = await provider.read(address, signal);
      remember(value);
      values.set(name, value);
    }
  } finally {
    await opened.close();
  }
  return values;
}

function makeProvider({ provider: name }: SecretAddress, request: SecretRequest, opened: OpenedStore): SecretProvider {
  const { projectDir, env, providers } = request;
  const use = own(providers, name) ?? own(BUILT_IN, name);
  const make = use && own(PROVIDERS, use.type);
  if (!use || !make) throw unknownProvider(name);
  const schema = own<(typeof providerTypes)[keyof typeof providerTypes]>(providerTypes, use.type);
  const { value, missing } = resolveReferences(use.settings, valuesFor({ projectDir, env }, ''));
  if (missing.length > 0) {
    throw new SluiceError('reference/unset', 'config', `The secret provider ${name} lacks ${missing.join(', ')}`, {
      hint: 'Set it in the environment, or look at `secrets` in sluice.yaml.',
    });
  }
  const { settings, wrong } = settleSettings(value, schema);
  if (wrong.length > 0)
    throw new SluiceError('reference/value', 'config', `${wrong.join(', ')} of the secret provider ${name} got a text`);
  for (const key of secretKeys(schema)) if (typeof settings[key] === 'string') remember(settings[key]);
  return make({ name, settings, projectDir, env, store: () => opened.secrets() });
}

/** Own state store of a lookup: opened where a secret lies in it, and closed with the lookup. */
class OpenedStore {
  readonly #request: SecretRequest;
  #store: Promise<Store> | undefined;

  constructor(request: SecretRequest) {
    this.#request = request;
  }

  async secrets(): Promise<SecretStore> {
    const { projectDir, stateStore, storeUrl } = this.#request;
    this.#store ??= storeUrl === undefined ? openStateStore({ projectDir, stateStore }) : openStore({ url: storeUrl });
    return secretStore({ ...this.#request, store: await this.#store });
  }

  async close(): Promise<void> {
    const store = await this.#store?.catch(() => undefined);
    await store?.close();
  }
}

function own<T>(map: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(map, key) ? map[key] : undefined;
}

function unknownProvider(name: string): SluiceError {
  return new SluiceError('secret/provider', 'config', `There is no secret provider ${name}`, {
    hint: 'Declare it under `secrets` in sluice.yaml.',
  });
}
