import { createHash, randomBytes } from 'node:crypto';
import { mkdir, open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { SluiceError } from '@sluice/core';

/** A key of the encrypted store. `id` tells keys apart and says nothing of the key. */
export interface SecretKey {
  id: string;
  bytes: Buffer;
}

export type Environment = Readonly<Record<string, string | undefined>>;

const BYTES = 32;

/**
 * The keys of the encrypted store, the current one first: of SLUICE_SECRET_KEY, else of the key file (SLUICE_SECRET_KEY_FILE, else
 * `.sluice/secret.key` of the project). Earlier ones, which still open what they sealed, stand behind it, divided by spaces, commas
 * or lines. [] where there is neither. Throws `secret/key`.
 */
export async function secretKeys(projectDir: string, env: Environment): Promise<SecretKey[]> {
  const written = env.SLUICE_SECRET_KEY?.trim();
  if (written) return keysIn(written, 'SLUICE_SECRET_KEY');
  const file = keyFile(projectDir, env);
  const found = await stat(file).catch(() => null);
  if (!found) {
    if (env.SLUICE_SECRET_KEY_FILE) throw badKey(`There is no key file ${file}`, 'Check SLUICE_SECRET_KEY_FILE.');
    return [];
  }
  if (process.platform !== 'win32' && (found.mode & 0o077) !== 0)
    throw badKey(`Others may read the key file ${file}`, `Take that right away: chmod 600 ${file}`);
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw badKey(`The key file ${file} cannot be read (${error.code})`, 'Give its owner the right to read it.');
  });
  return keysIn(text, file);
}

/** As `secretKeys`; where there is no key one is made and written into the key file, for its owner alone. */
export async function secretKeysOrNew(projectDir: string, env: Environment): Promise<SecretKey[]> {
  const known = await secretKeys(projectDir, env);
  if (known.length > 0) return known;
  await writeKeys(keyFile(projectDir, env), [newKey()], false);
  return secretKeys(projectDir, env);
}

/**
 * Puts a new key before those of the key file and gives all of them. Throws `secret/key` where the keys come from SLUICE_SECRET_KEY,
 * which only the user can change.
 */
export async function addKey(projectDir: string, env: Environment): Promise<SecretKey[]> {
  const known = await secretKeys(projectDir, env);
  await writeKeys(keyFile(projectDir, env), [newKey(), ...known.map(({ bytes }) => bytes)], true);
  return secretKeys(projectDir, env);
}

/** Leaves only the current key in the key file. */
export async function dropOldKeys(projectDir: string, env: Environment): Promise<void> {
  const [current] = await secretKeys(projectDir, env);
  if (current) await writeKeys(keyFile(projectDir, env), [current.bytes], true);
}

function newKey(): Buffer {
  return randomBytes(BYTES);
}

function keyFile(projectDir: string, env: Environment): string {
  return env.SLUICE_SECRET_KEY_FILE || join(projectDir, '.sluice', 'secret.key');
}

/** Two processes that both make the first key end with one and the same. */
async function writeKeys(file: string, keys: readonly Buffer[], replace: boolean): Promise<void> {
  const text = keys.map((key) => `${key.toString('base64')}\n`).join('');
  await mkdir(dirname(file), { recursive: true });
  // A key in a repository is no secret any more.
  if (basename(dirname(file)) === '.sluice')
    await writeFile(join(dirname(file), '.gitignore'), '*\n', { flag: 'wx' }).catch(() => undefined);
  const draft = replace ? `${file}.${process.pid}` : file;
  try {
    const handle = await open(draft, 'wx', 0o600);
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    if (replace) await rename(draft, file);
  } catch (error) {
    if (!replace && (error as NodeJS.ErrnoException).code === 'EEXIST') return;
    if (replace) await rm(draft, { force: true });
    throw badKey(
      `The key file ${file} cannot be written (${(error as NodeJS.ErrnoException).code})`,
      'Set SLUICE_SECRET_KEY.',
    );
  }
}

function keysIn(text: string, where: string): SecretKey[] {
  const words = text.split(/[\s,]+/).filter((word) => word !== '');
  const keys = words.map((word) => {
    const bytes = Buffer.from(word, /^[0-9a-f]{64}$/i.test(word) ? 'hex' : 'base64');
    if (bytes.length !== BYTES || !/^[\w+/-]+={0,2}$/.test(word))
      throw badKey(`${where} holds no key of ${BYTES} bytes`, `Make one: openssl rand -base64 ${BYTES}`);
    return { id: createHash('sha256').update('sluice secret key').update(bytes).digest('hex').slice(0, 12), bytes };
  });
  if (keys.length === 0) throw badKey(`${where} is empty`, `Make a key: openssl rand -base64 ${BYTES}`);
  return keys;
}

function badKey(message: string, hint: string): SluiceError {
  return new SluiceError('secret/key', 'config', message, { hint });
}
