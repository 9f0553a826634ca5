import { SluiceError, secretAddress } from '@sluice/core';
import type { SecretRow } from '../store/secrets.ts';
import type { Store } from '../store/store.ts';
import type { TargetKey } from '../store/types.ts';
import { addKey, dropOldKeys, type Environment, type SecretKey, secretKeys, secretKeysOrNew } from './keys.ts';
import { seal, unseal } from './seal.ts';

/** Longest secret, in bytes: keys and certificates fit, files do not. */
const MOST_BYTES = 65_536;

export interface SecretStoreRequest extends TargetKey {
  store: Store;
  projectDir: string;
  /** Where SLUICE_SECRET_KEY is looked for. */
  env: Environment;
}

/** The secrets of a project in a target, in our own store. Whoever has the database alone can open none of them. */
export interface SecretStore {
  /** Keeps a value under a path such as `crm/database`. Throws `secret/path`, `secret/size`, `secret/key`. */
  put(path: string, value: string, by: string | null): Promise<void>;
  /** The values of these paths; those that are not there are left out. Throws `secret/key` where a key is missing. */
  get(paths: readonly string[]): Promise<Map<string, string>>;
  list(): Promise<SecretRow[]>;
  /** Whether there was one. */
  remove(path: string): Promise<boolean>;
}

/** Opens the secrets of a project; keys are read when one is put or got. */
export function secretStore({ store, projectDir, env, project, target }: SecretStoreRequest): SecretStore {
  const key = { project, target };
  return {
    async put(path, value, by) {
      checkPath(path);
      if (Buffer.byteLength(value) > MOST_BYTES)
        throw new SluiceError('secret/size', 'config', `The secret ${path} is larger than ${MOST_BYTES} bytes`);
      const [current] = await secretKeysOrNew(projectDir, env);
      if (!current) throw new Error('a key was made and is not there');
      const sealed = seal(current, [project, target, path], value);
      await store.secrets.put(key, { path, key_id: current.id, sealed, by });
    },
    async get(paths) {
      const found = await store.secrets.sealed(key, paths);
      if (found.length === 0) return new Map();
      const keys = await secretKeys(projectDir, env);
      return new Map(
        found.map(({ path, key_id, sealed }) => [path, open(keys, [project, target, path], key_id, sealed)]),
      );
    },
    list: () => store.secrets.list(key),
    remove: (path) => store.secrets.remove(key, path),
  };
}

/**
 * Seals everything in the store again with the current key and gives how many there were. Of the key file a new key becomes the current
 * one and the earlier ones are dropped in the end; SLUICE_SECRET_KEY holds the new key before the old ones. Every project of the store
 * is done, since they share the keys. Ends well as often as it is done again.
 */
export async function rotateKeys(store: Store, projectDir: string, env: Environment): Promise<number> {
  const inEnvironment = Boolean(env.SLUICE_SECRET_KEY?.trim());
  const keys = inEnvironment ? await secretKeys(projectDir, env) : await addKey(projectDir, env);
  const [current] = keys;
  if (!current) throw new Error('a key was made and is not there');
  let count = 0;
  for (;;) {
    const rows = await store.secrets.ofOtherKeys(current.id, 100);
    for (const { project, target, path, key_id, sealed } of rows) {
      const place = [project, target, path];
      const again = seal(current, place, open(keys, place, key_id, sealed));
      await store.secrets.reseal({ project, target }, { path, key_id, sealed }, { key_id: current.id, sealed: again });
      count++;
    }
    if (rows.length === 0) break;
  }
  if (!inEnvironment) await dropOldKeys(projectDir, env);
  return count;
}

function open(keys: readonly SecretKey[], place: readonly string[], keyId: string, sealed: string): string {
  const key = keys.find(({ id }) => id === keyId);
  const path = place[2] ?? '';
  if (!key) {
    const message = `The secret ${path} was sealed with the key ${keyId}, which is not here`;
    const hint = 'Set SLUICE_SECRET_KEY, or bring `.sluice/secret.key` from where it was set; or set the secret again.';
    throw new SluiceError('secret/key', 'config', message, { hint });
  }
  const text = unseal(key, place, sealed);
  if (text !== null) return text;
  throw new SluiceError(
    'secret/damaged',
    'config',
    `The secret ${path} was changed in the database and does not open`,
    {
      hint: 'Set it again: `sluice secret set`.',
    },
  );
}

function checkPath(path: string): void {
  const address = secretAddress(`store/${path}`);
  if (address && address.key === null && path.length <= 200 && !/[{}]/.test(path)) return;
  throw new SluiceError('secret/path', 'config', `${path} is no path of a secret`, {
    hint: 'Write words divided by `/`, such as crm/database; no spaces, `#`, `{` or `}`, and at most 200 characters.',
  });
}
