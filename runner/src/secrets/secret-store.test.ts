import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type TestDatabase, testDatabase } from '../../../core/test/postgres.ts';
import { openStore, type Store } from '../store/store.ts';
import { secretKeys } from './keys.ts';
import { seal, unseal } from './seal.ts';
import { rotateKeys, secretStore } from './secret-store.ts';

let db: TestDatabase;
let store: Store;
let dir: string;
let projects = 0;
let project: string;

const KEY = Buffer.alloc(32, 1).toString('base64');
const OTHER = Buffer.alloc(32, 2).toString('hex');
const VALUE = 'p$HOME\'@#%/:"x';

beforeAll(async () => {
  db = await testDatabase();
  store = await openStore({ url: db.url });
});
afterAll(async () => {
  await store?.close();
  await db?.drop();
});
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'sluice-secrets-'));
  project = `shop-${++projects}`;
  await db.query('DELETE FROM sluice.secrets');
  return () => rm(dir, { recursive: true, force: true });
});

const opened = (env: Record<string, string> = {}, target = 'dev') =>
  secretStore({ store, projectDir: dir, env, project, target });
const keyFile = () => join(dir, '.sluice', 'secret.key');

describe('seal', () => {
  it('opens again with the same key at the same place alone, and is never the same twice', async () => {
    const [key] = await secretKeys(dir, { SLUICE_SECRET_KEY: KEY });
    const [other] = await secretKeys(dir, { SLUICE_SECRET_KEY: OTHER });
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const plain = text.toWellFormed();
        const sealed = seal(key!, ['p', 't', 'a'], plain);
        expect(seal(key!, ['p', 't', 'a'], plain)).not.toBe(sealed);
        expect(unseal(key!, ['p', 't', 'a'], sealed)).toBe(plain);
        expect(unseal(other!, ['p', 't', 'a'], sealed)).toBeNull();
        expect(unseal(key!, ['p', 't', 'b'], sealed)).toBeNull();
        const bytes = Buffer.from(sealed, 'base64');
        bytes[bytes.length - 1]! ^= 1;
        expect(unseal(key!, ['p', 't', 'a'], bytes.toString('base64'))).toBeNull();
        expect(unseal(key!, ['p', 't', 'a'], sealed.slice(0, 8))).toBeNull();
      }),
      { seed: 43 },
    );
  });
});

describe('the encrypted store', () => {
  it('keeps, gives, lists and forgets, by project and target', async () => {
    const secrets = opened();
    await secrets.put('crm/database', 'first', 'jane');
    await secrets.put('crm/database', VALUE, 'joe');
    expect(await secrets.get(['crm/database', 'none'])).toEqual(new Map([['crm/database', VALUE]]));
    expect(await opened({}, 'prod').get(['crm/database'])).toEqual(new Map());
    expect(await secrets.list()).toMatchObject([{ path: 'crm/database', updated_by: 'joe' }]);
    expect(JSON.stringify(await db.query('SELECT * FROM sluice.secrets'))).not.toContain(VALUE.slice(0, 6));
    expect(await secrets.remove('crm/database')).toBe(true);
    expect(await secrets.remove('crm/database')).toBe(false);
  });

  it('makes a key file for its owner alone, and refuses one that others may read', async () => {
    await opened().put('a', 'x', null);
    expect((await stat(keyFile())).mode & 0o777).toBe(0o600);
    expect(await readFile(join(dir, '.sluice/.gitignore'), 'utf8')).toBe('*\n');
    await chmod(keyFile(), 0o640);
    await expect(opened().get(['a'])).rejects.toMatchObject({
      code: 'secret/key',
      message: expect.stringContaining('Others'),
    });
  });

  it('two that make the first key at once end with one', async () => {
    await Promise.all(['a', 'b', 'c', 'd'].map((path) => opened().put(path, path, null)));
    expect((await opened().get(['a', 'b', 'c', 'd'])).size).toBe(4);
  });

  it('names the key that is missing, and says when a row was moved or changed', async () => {
    await opened({ SLUICE_SECRET_KEY: KEY }).put('a', VALUE, null);
    await opened({ SLUICE_SECRET_KEY: KEY }).put('b', 'other', null);
    const [key] = await secretKeys(dir, { SLUICE_SECRET_KEY: KEY });
    for (const env of [{}, { SLUICE_SECRET_KEY: OTHER }] as Record<string, string>[])
      await expect(opened(env).get(['a'])).rejects.toMatchObject({
        code: 'secret/key',
        message: expect.stringContaining(key!.id),
      });
    await db.query(
      `UPDATE sluice.secrets SET sealed = (SELECT sealed FROM sluice.secrets WHERE path = 'a') WHERE path = 'b'`,
    );
    await expect(opened({ SLUICE_SECRET_KEY: KEY }).get(['b'])).rejects.toMatchObject({ code: 'secret/damaged' });
  });

  it.each(['', '/a', 'a//b', 'a/../b', 'a b', 'a#b', 'a}', 'x'.repeat(201)])('refuses the path %j', async (path) => {
    await expect(opened().put(path, 'x', null)).rejects.toMatchObject({ code: 'secret/path' });
  });

  it('refuses what is no key and what is too large, and shows neither', async () => {
    await writeFile(join(dir, 'key'), 'c2hvcnQ=', { mode: 0o600 });
    for (const env of [
      { SLUICE_SECRET_KEY: 'hunter2' },
      { SLUICE_SECRET_KEY_FILE: join(dir, 'key') },
      { SLUICE_SECRET_KEY_FILE: '/none' },
    ]) {
      const error = await opened(env as Record<string, string>)
        .put('a', 'x', null)
        .catch((caught: Error) => caught);
      expect(error).toMatchObject({ code: 'secret/key' });
      expect(JSON.stringify(error)).not.toMatch(/hunter2|c2hvcnQ/);
    }
    await expect(opened().put('a', 'x'.repeat(65_537), null)).rejects.toMatchObject({ code: 'secret/size' });
  });
});

describe('rotation', () => {
  it('of the key file seals all projects anew and drops the old key', async () => {
    await opened().put('a', VALUE, null);
    const before = await readFile(keyFile(), 'utf8');
    expect(await rotateKeys(store, dir, {})).toBe(1);
    const after = await readFile(keyFile(), 'utf8');
    expect(after).not.toContain(before.trim());
    expect(after.trim().split('\n')).toHaveLength(1);
    expect((await opened().get(['a'])).get('a')).toBe(VALUE);
    await writeFile(keyFile(), before, { mode: 0o600 });
    await expect(opened().get(['a'])).rejects.toMatchObject({ code: 'secret/key' });
  });

  it('by SLUICE_SECRET_KEY goes on where it was broken off, and reads with old and new keys meanwhile', async () => {
    const old = { SLUICE_SECRET_KEY: KEY };
    const both = { SLUICE_SECRET_KEY: `${OTHER} ${KEY}` };
    await opened(old).put('a', VALUE, null);
    await opened(old).put('b', 'bb', null);
    await opened(both).put('b', 'new', null);
    expect(await opened(both).get(['a', 'b'])).toEqual(
      new Map([
        ['a', VALUE],
        ['b', 'new'],
      ]),
    );
    await expect(rotateKeys(store, dir, { SLUICE_SECRET_KEY: OTHER })).rejects.toMatchObject({ code: 'secret/key' });
    expect(await rotateKeys(store, dir, both)).toBe(1);
    expect(await rotateKeys(store, dir, both)).toBe(0);
    expect((await opened({ SLUICE_SECRET_KEY: OTHER }).get(['a', 'b'])).get('a')).toBe(VALUE);
  });
});
