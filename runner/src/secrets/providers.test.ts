import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateSecretCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import type { TypedSettings } from '@sluice/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { noMoto, type S3Server, startMoto } from '../../../core/test/moto.ts';
import { redactorOf } from '../executor/redact.ts';
import { lookUpSecrets } from './lookup.ts';

const CANARY = 'Wren7-q"ä/+';
let dir: string;

beforeAll(async () => {
  dir = await realpath(await mkdtemp(join(tmpdir(), 'sluice-providers-')));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

async function look(
  name: string,
  providers: Record<string, TypedSettings>,
  env: Record<string, string> = {},
): Promise<string | undefined> {
  const request = { project: 'p', target: 't', projectDir: dir, env, providers, stateStore: null };
  return (await lookUpSecrets([name], request, new AbortController().signal)).get(name);
}

const failure = async (work: Promise<unknown>): Promise<{ code: string; kind: string; text: string }> => {
  const error = await work.then(
    () => ({ code: 'none' }),
    (caught: Error) => caught,
  );
  return { ...(error as unknown as { code: string; kind: string }), text: JSON.stringify(error) };
};

describe('files and the environment', () => {
  const files = { mounted: { type: 'file', settings: { folder: 'mounted' } } };

  it('are read below one folder, whole or by a key of their JSON', async () => {
    await mkdir(join(dir, 'mounted/crm'), { recursive: true });
    await writeFile(join(dir, 'mounted/crm/password'), `${CANARY}\n`);
    await writeFile(join(dir, 'mounted/crm.json'), JSON.stringify({ user: 'u', port: 5432 }));
    expect(await look('mounted/crm/password', files)).toBe(CANARY);
    expect(await look('mounted/crm.json#port', files)).toBe('5432');
    expect(await look('env/PW', {}, { PW: CANARY })).toBe(CANARY);
    const prefixed = { vars: { type: 'env', settings: { prefix: 'APP_' } } };
    expect(await look('vars/PW#a', prefixed, { APP_PW: '{"a":"b"}' })).toBe('b');
  });

  it('are told where they are missing or lie elsewhere, without a value', async () => {
    await writeFile(join(dir, 'outside'), CANARY);
    await symlink(join(dir, 'outside'), join(dir, 'mounted/link'));
    expect(await failure(look('mounted/none', files))).toMatchObject({ code: 'secret/unknown', kind: 'config' });
    expect(await failure(look('mounted/crm', files))).toMatchObject({ code: 'secret/refused' });
    expect(await failure(look('mounted/link', files))).toMatchObject({ code: 'secret/refused' });
    expect(await failure(look('env/constructor', {}))).toMatchObject({ code: 'secret/unknown' });
    const noJson = await failure(look('env/PW#key', {}, { PW: CANARY }));
    expect(noJson).toMatchObject({ code: 'secret/refused' });
    expect(noJson.text).not.toContain('Wren7');
    expect(await failure(look('nobody/x', {}))).toMatchObject({ code: 'secret/provider' });
    const unset = { mounted: { type: 'file', settings: { folder: '${env:NOWHERE}' } } };
    expect(await failure(look('mounted/x', unset))).toMatchObject({ code: 'reference/unset' });
  });
});

/** Answers as Vault's API reference says; it is no Vault. */
class FakeVault {
  readonly asked: string[] = [];
  readonly server: Server;

  constructor() {
    this.server = createServer((request, response) => {
      void this.#answer(request).then(([status, body]) => {
        response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body));
      });
    });
  }

  async #answer(request: IncomingMessage): Promise<[number, unknown]> {
    const { method, url, headers } = request;
    this.asked.push(`${method} ${url}`);
    let text = '';
    for await (const chunk of request) text += chunk;
    if (url === '/v1/auth/approle/login') {
      const { role_id, secret_id } = JSON.parse(text);
      return role_id === 'sluice' && secret_id === 'open'
        ? [200, { auth: { client_token: 'issued', lease_duration: 60 } }]
        : [400, { errors: ['invalid role or secret ID'] }];
    }
    if (headers['x-vault-request'] !== 'true' || !['issued', 'root'].includes(String(headers['x-vault-token'])))
      return [403, { errors: [`permission denied ${CANARY}`] }];
    const data = { password: CANARY, port: 5432, nested: { a: 1 } };
    switch (url) {
      case '/v1/secret/data/crm/data%20base':
      case '/v1/team/kv/data/x':
        return [200, { data: { data, metadata: { version: 3 } } }];
      case '/v1/kv1/x':
        return [200, { data }];
      case '/v1/secret/data/deleted':
        return [404, { data: { data: null, metadata: { deletion_time: '2026-01-01T00:00:00Z' } } }];
      case '/v1/secret/data/sealed':
        return [503, { errors: ['Vault is sealed'] }];
      default:
        return [404, { errors: [] }];
    }
  }
}

describe('vault', () => {
  const fake = new FakeVault();
  let address: string;
  beforeAll(async () => {
    await new Promise<void>((resolve) => fake.server.listen(0, '127.0.0.1', resolve));
    address = `http://127.0.0.1:${(fake.server.address() as AddressInfo).port}`;
  });
  afterAll(() => new Promise((resolve) => fake.server.close(resolve)));

  const vault = (settings: Record<string, string | number>) => ({
    vault: { type: 'vault', settings: { address, mount: 'secret', version: 2, auth_mount: 'approle', ...settings } },
  });

  it('version 2 by a token that comes from the environment, version 1, a mount with a slash', async () => {
    const token = { token: '${env:VAULT_TOKEN}' };
    const env = { VAULT_TOKEN: 'root' };
    expect(await look('vault/x#port', vault({ ...token, mount: 'team/kv' }), env)).toBe('5432');
    expect(await look('vault/x#nested', vault({ ...token, mount: 'kv1', version: 1 }), env)).toBe('{"a":1}');
  });

  it('by an AppRole: one login and one request serve all keys of a path', async () => {
    fake.asked.length = 0;
    const providers = vault({ role_id: 'sluice', secret_id: 'open', mount: 'team/kv' });
    const request = { project: 'p', target: 't', projectDir: dir, env: {}, providers, stateStore: null };
    const found = await lookUpSecrets(['vault/x#password', 'vault/x#port'], request, new AbortController().signal);
    expect([...found.values()]).toEqual([CANARY, '5432']);
    expect(fake.asked).toEqual(['POST /v1/auth/approle/login', 'GET /v1/team/kv/data/x']);
  });

  it.each([
    ['a wrong token', { token: 'wrong' }, 'vault/x#a', 'secret/refused', 'config'],
    ['a wrong role', { role_id: 'sluice', secret_id: 'wrong' }, 'vault/x#a', 'secret/refused', 'config'],
    ['no such path', { token: 'root' }, 'vault/none#a', 'secret/unknown', 'config'],
    ['a deleted version', { token: 'root' }, 'vault/deleted#a', 'secret/unknown', 'config'],
    ['no such key', { token: 'root', mount: 'kv1', version: 1 }, 'vault/x#none', 'secret/unknown', 'config'],
    ['no key named', { token: 'root', mount: 'kv1', version: 1 }, 'vault/x', 'secret/refused', 'config'],
    ['a sealed server', { token: 'root' }, 'vault/sealed#a', 'secret/unreachable', 'transient'],
    ['nobody there', { token: 'root', address: 'http://127.0.0.1:1' }, 'vault/x#a', 'secret/unreachable', 'transient'],
  ])('%s', async (_, settings, name, code, kind) => {
    const found = await failure(look(name, vault(settings as Record<string, string | number>)));
    expect(found).toMatchObject({ code, kind });
    expect(found.text).not.toMatch(/Wren7|wrong|"root"/);
  });
});

describe.skipIf(noMoto)(`aws secrets manager against moto${noMoto ? ` (${noMoto})` : ''}`, () => {
  let server: S3Server;
  beforeAll(async () => {
    server = await startMoto();
    const credentials = { accessKeyId: 'key', secretAccessKey: 'secret' };
    const client = new SecretsManagerClient({ endpoint: server.url, region: 'eu-central-1', credentials });
    await client.send(
      new CreateSecretCommand({ Name: 'crm/database', SecretString: JSON.stringify({ password: CANARY }) }),
    );
    await client.send(new CreateSecretCommand({ Name: 'plain', SecretString: CANARY }));
    client.destroy();
  });
  afterAll(() => server?.stop());

  const aws = (settings: Record<string, string> = {}) => ({
    aws: {
      type: 'aws',
      settings: {
        endpoint: server.url,
        region: 'eu-central-1',
        access_key_id: '${env:K}',
        secret_access_key: 'secret',
        ...settings,
      },
    },
  });

  it('whole and by a key, by name', async () => {
    expect(await look('aws/plain', aws(), { K: 'key' })).toBe(CANARY);
    expect(await look('aws/crm/database#password', aws(), { K: 'key' })).toBe(CANARY);
  });

  it('tells what is missing and who is not there', async () => {
    expect(await failure(look('aws/none', aws(), { K: 'key' }))).toMatchObject({ code: 'secret/unknown' });
    expect(await failure(look('aws/crm/database#none', aws(), { K: 'key' }))).toMatchObject({ code: 'secret/unknown' });
    const nobody = await failure(look('aws/plain', aws({ endpoint: 'http://127.0.0.1:1' }), { K: 'key' }));
    expect(nobody).toMatchObject({ code: 'secret/unreachable', kind: 'transient' });
  });
});

it('what was looked up is taken out of texts, plain and encoded, wherever it stands', async () => {
  await look('env/PW', {}, { PW: 'S3cret-Zq9!x' });
  const redact = redactorOf({ streams: [] });
  const secret = 'S3cret-Zq9!x';
  const basic = [0, 1, 2].map((n) => Buffer.from(`${'u'.repeat(n)}:${secret}:tail`).toString('base64'));
  for (const text of [secret, encodeURIComponent(secret), ...basic]) {
    const shown = redact(`before ${text} after`);
    expect(shown).toContain('***');
    expect(Buffer.from(shown.replace(/.*before (\S+) after/, '$1'), 'base64').toString()).not.toContain('S3cret');
  }
});
