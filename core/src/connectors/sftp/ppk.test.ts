import { execFileSync } from 'node:child_process';
import { createPublicKey, type KeyObject } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { missing, program } from '../../../test/processes.ts';
import { readPpk } from './ppk.ts';

const lacks = missing('puttygen') ?? missing('ssh-keygen');
const folder = mkdtempSync(join(tmpdir(), 'sluice-ppk-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The public half in PEM, as OpenSSH writes it of a line of its own. */
function pem(line: string): string {
  const path = join(folder, 'line.pub');
  writeFileSync(path, line);
  return execFileSync(program('ssh-keygen') ?? '', ['-e', '-m', 'PKCS8', '-f', path], { encoding: 'utf8' });
}

function halfOf(key: KeyObject): string {
  return String(createPublicKey(key).export({ type: 'spki', format: 'pem' }));
}

describe.skipIf(lacks)(lacks ?? 'containers that PuTTY made', () => {
  const puttygen = (...args: string[]) => execFileSync(program('puttygen') ?? '', args, { encoding: 'utf8' });

  function made(name: string, type: string, bits: string, parameters: string, phrase: string) {
    const [path, file] = [join(folder, `${name}.ppk`), join(folder, 'phrase')];
    writeFileSync(file, phrase);
    const options = ['--random-device', '/dev/urandom', '-q', '-C', 'of bob@example (é)', '--new-passphrase', file];
    puttygen('-t', type, '-b', bits, '--ppk-param', parameters, ...options, '-o', path);
    return { text: readFileSync(path, 'utf8'), line: puttygen('-L', path, '--old-passphrase', file) };
  }

  it.each([
    ['rsa', '2048', 'version=2', 'pass phrase#1'],
    ['rsa', '1024', 'version=3', ''],
    ['rsa', '2048', 'version=3,memory=64,passes=2,parallelism=2', 'é'],
    ['rsa', '1024', 'version=3,kdf=argon2i,memory=64,passes=2', 'p'],
    ['rsa', '1024', 'version=3,kdf=argon2d,memory=64,passes=2', 'p'],
    ['ecdsa', '256', 'version=2', ''],
    ['ecdsa', '384', 'version=3', ''],
    ['ecdsa', '521', 'version=2', 'x'.repeat(200)],
    ['ed25519', '255', 'version=2', 'p'],
    ['ed25519', '255', 'version=3', ''],
  ])('%s of %s bits, %s', async (type, bits, parameters, phrase) => {
    const { text, line } = made('key', type, bits, parameters, phrase);
    for (const form of [text, text.replaceAll('\n', '\r\n')]) {
      const key = await readPpk(form, phrase === '' ? undefined : phrase);
      if (type !== 'ed25519') expect(halfOf(key)).toBe(pem(line));
      else
        expect(Buffer.from(key.export({ format: 'jwk' }).x ?? '', 'base64url')).toEqual(
          Buffer.from(line.split(' ')[1] ?? '', 'base64').subarray(-32),
        );
    }
    if (phrase === '') return;
    await expect(readPpk(text, undefined)).rejects.toMatchObject({ reason: 'passphrase-missing' });
    await expect(readPpk(text, `${phrase} `)).rejects.toMatchObject({ reason: 'passphrase-wrong' });
  });

  it('what is cut, changed or of another kind is no key', async () => {
    const { text } = made('bad', 'ed25519', '255', 'version=3', '');
    for (const [bad, reason] of [
      [text.replace(/Private-MAC: .{4}/, 'Private-MAC: 0000'), 'damaged'],
      [text.replace('of bob', 'of eve'), 'damaged'],
      [text.slice(0, text.indexOf('Private-Lines')), 'damaged'],
      [text.replace('Encryption: none', 'Encryption: rot13'), 'kind'],
    ] as const)
      await expect(readPpk(bad, undefined)).rejects.toMatchObject({ reason });
    const locked = made('huge', 'ed25519', '255', 'version=3,memory=64,passes=2', 'p').text;
    const huge = locked.replace(/Argon2-Memory: \d+/, 'Argon2-Memory: 999999999');
    await expect(readPpk(huge, 'p')).rejects.toMatchObject({ reason: 'damaged' });
  });
});
