import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CreateSecretCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { noMoto, type S3Server, startMoto } from '../../core/test/moto.ts';
import { type TestDatabase, testDatabase } from '../../core/test/postgres.ts';

/** A value of each provider: each with what shells, URLs and JSON would change, and one word to look for. */
const CANARIES = {
  store: 'p$HOME\'@#%/:"canary1x',
  file: 'canary2x $Wren7!{a}',
  env: 'canary3x%2F&=+',
  /** By `${env:…}` and `${file:…}` where no specification knows of a secret. */
  header: 'canary6x-plain',
  cookie: 'canary7x/file',
  vault: 'canary4x/ü',
  aws: 'canary5x"\\',
};
const WORD = /canary\dx/;
/** The same words as base64 may hold them, and as the encrypted store must not. */
const ENCODED = Object.values(CANARIES).flatMap((value) =>
  [0, 1, 2].map((n) =>
    Buffer.from('u'.repeat(n) + value)
      .toString('base64')
      .slice(n === 0 ? 0 : 4, 16),
  ),
);

const SLUICE = fileURLToPath(new URL('../dist/sluice.js', import.meta.url));

let dir: string;
let db: TestDatabase;
let moto: S3Server | null = null;
let written = '';
const vault = createServer((request, response) => {
  const known = request.headers['x-vault-token'] === CANARIES.env && request.url === '/v1/secret/data/crm';
  response.writeHead(known ? 200 : 403, { 'Content-Type': 'application/json' });
  response.end(JSON.stringify(known ? { data: { data: { token: CANARIES.vault } } } : { errors: [CANARIES.vault] }));
});
const titles: string[] = [];

/** Command lines and titles of this project's processes, as anybody on the machine may read them. */
function processTitles(): string[] {
  if (!existsSync('/proc/self')) return [];
  return readdirSync('/proc').flatMap((pid) => {
    try {
      if (!/^\d+$/.test(pid) || readlinkSync(`/proc/${pid}/cwd`) !== dir) return [];
      return [readFileSync(`/proc/${pid}/cmdline`, 'utf8'), readFileSync(`/proc/${pid}/comm`, 'utf8')];
    } catch {
      // It has ended.
      return [];
    }
  });
}

/** An API that shows what it was asked with, and fails where it is asked to. */
const api = createServer((request, response) => {
  titles.push(...processTitles());
  const told = `${request.headers.authorization} ${request.headers['x-cookie']} ${request.url}`;
  response.writeHead(request.url?.startsWith('/rows') ? 200 : 500, { 'Content-Type': 'application/json' });
  response.end(request.url?.startsWith('/rows') ? JSON.stringify([{ id: 1, told: '' }]) : JSON.stringify({ told }));
});

const listen = (server: typeof api) =>
  new Promise<string>((resolve) =>
    server.listen(0, '127.0.0.1', () => resolve(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)),
  );

async function file(name: string, text: string): Promise<void> {
  await mkdir(dirname(join(dir, name)), { recursive: true });
  await writeFile(join(dir, name), text);
}

async function sluice(
  args: readonly string[],
  input = '',
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const { PATH = '', HOME = '' } = process.env;
  const env = {
    PATH,
    HOME,
    DATABASE_URL: db.url,
    APP_TOKEN: CANARIES.env,
    HEADER_TOKEN: CANARIES.header,
    SLUICE_RETRY_MS: '5',
  };
  const child = spawn(process.execPath, [SLUICE, ...args], { cwd: dir, env });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk) => {
    stdout += chunk;
  });
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
  });
  child.stdin.end(input);
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
  written += `$ ${args.join(' ')}\n${stdout}${stderr}`;
  return { code, stdout, stderr };
}

beforeAll(async () => {
  dir = await realpath(await mkdtemp(join(tmpdir(), 'sluice-canary-')));
  db = await testDatabase();
  const [vaultUrl, apiUrl] = [await listen(vault), await listen(api)];
  moto = noMoto ? null : await startMoto();
  if (moto) {
    const credentials = { accessKeyId: 'key', secretAccessKey: 'secret' };
    const client = new SecretsManagerClient({ endpoint: moto.url, region: 'eu-central-1', credentials });
    await client.send(new CreateSecretCommand({ Name: 'mask', SecretString: JSON.stringify({ key: CANARIES.aws }) }));
    client.destroy();
  }
  const url = new URL(db.url);
  await db.query(`CREATE ROLE ${db.database} LOGIN SUPERUSER PASSWORD '${CANARIES.store.replaceAll("'", "''")}'`);
  await file('mounted/cookie', CANARIES.cookie);
  await file('mounted/token', `${CANARIES.file}\n`);
  await file(
    'sluice.yaml',
    `version: 1
name: canary
connections:
  warehouse:
    type: postgres
    host: ${url.hostname}
    port: ${url.port || 5432}
    database: ${db.database}
    user: ${db.database}
    password: \${secret:store/pg/password}
masking:
  key: \${secret:${moto ? 'aws/mask#key' : 'env/APP_TOKEN'}}
secrets:
  vault:
    type: vault
    address: ${vaultUrl}
    token: \${env:APP_TOKEN}
  mounted:
    type: file
    folder: mounted
  aws:
    type: aws
    region: eu-central-1
    endpoint: ${moto?.url ?? 'http://127.0.0.1:1'}
    access_key_id: \${env:APP_KEY:-key}
    secret_access_key: \${env:APP_KEY:-secret}
`,
  );
  const job = (name: string, path: string) => `name: ${name}
source:
  type: http
  base_url: ${apiUrl}
  path: ${path}
  auth:
    type: bearer
    token: \${secret:vault/crm#token}
  headers:
    X-Cookie: \${file:mounted/cookie}
  params:
    plain: \${env:HEADER_TOKEN}
    api_key: \${secret:mounted/token}
    other: \${secret:env/APP_TOKEN}
  format: json
columns:
  - name: told
    mask: hash
destination:
  type: postgres
  connection: warehouse
  write_disposition: replace
`;
  await file('jobs/good.yaml', job('good', 'rows'));
  await file('jobs/bad.yaml', `${job('bad', 'fail')}retries:\n  max: 1\n  delay: 0s\n`);
});
afterAll(async () => {
  await moto?.stop();
  for (const server of [vault, api]) await new Promise((resolve) => server.close(resolve));
  await db.query(`DROP OWNED BY ${db.database}; DROP ROLE ${db.database}`).catch(() => undefined);
  await db?.drop();
  await rm(dir, { recursive: true, force: true });
});

describe('secrets of every provider', () => {
  it('come to a run, and to nothing that anybody reads', async () => {
    expect(await sluice(['secret', 'set', 'pg/password'], `${CANARIES.store}\n`)).toMatchObject({ code: 0 });
    expect((await sluice(['secret', 'list'])).stdout).toContain('pg/password');
    expect(await sluice(['validate'])).toMatchObject({ code: 0 });
    expect(await sluice(['plan', '--json'])).toMatchObject({ code: 0 });
    expect(await sluice(['apply', '--yes'])).toMatchObject({ code: 0 });
    expect(await sluice(['show', 'good'])).toMatchObject({ code: 0 });
    const good = await sluice(['run', 'good', '--verbose', '--json']);
    expect(good, good.stderr).toMatchObject({ code: 0 });
    expect(JSON.parse(good.stdout)).toMatchObject({ status: 'succeeded', rows_written: 1 });
    const bad = await sluice(['run', 'bad', '--verbose', '--json']);
    expect(bad.code).toBe(1);
    expect(JSON.parse(bad.stdout)).toMatchObject({
      status: 'failed',
      error: { code: expect.stringMatching(/^(http|source)\//) },
    });
    for (const args of [
      ['preview', 'bad'],
      ['doctor', 'bad'],
      ['state', 'show', 'good'],
      ['preview', 'good', '--json'],
    ])
      await sluice([...args, '--verbose']);
    expect(await sluice(['sql', 'select 1 as one', '--job', 'good', '--json'])).toMatchObject({ code: 0 });
    expect(await sluice(['state', 'export', 'state.ndjson'])).toMatchObject({ code: 0 });
    if (existsSync('/proc/self')) expect(titles.join('\n')).toContain('executor');
    expect(titles.join('\n')).not.toMatch(WORD);
    expect(written).toContain('***');
    expect(written).not.toMatch(WORD);
    for (const piece of ENCODED) expect(written).not.toContain(piece);
  });

  it('are in no table of the database, the encrypted store included', async () => {
    const tables = await db.query(
      `SELECT format('%I.%I', n.nspname, c.relname) AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
       WHERE c.relkind IN ('r', 'p') AND n.nspname NOT IN ('pg_catalog', 'information_schema')`,
    );
    expect(tables.length).toBeGreaterThan(10);
    for (const { name } of tables) {
      const rows = await db.query(`SELECT t::text AS row FROM ${name} t`);
      const text = rows.map(({ row }) => row).join('\n');
      expect(text, String(name)).not.toMatch(WORD);
      for (const piece of ENCODED) expect(text, String(name)).not.toContain(piece);
    }
    const [row] = await db.query('SELECT count(*) AS n FROM sluice.secrets');
    expect(row?.n).toBe('1');
  });

  it('are in no file that a run leaves behind', async () => {
    const names = await readdir(dir, { recursive: true, withFileTypes: true });
    const files = names.filter((entry) => entry.isFile() && !entry.parentPath.endsWith('mounted'));
    expect(files.map(({ name }) => name)).toContain('secret.key');
    for (const entry of files) {
      const text = await readFile(join(entry.parentPath, entry.name), 'latin1');
      expect(text, entry.name).not.toMatch(WORD);
    }
  });

  it('that are missing are told by provider, path, cause and next step', async () => {
    expect(await sluice(['secret', 'remove', 'pg/password'])).toMatchObject({ code: 0 });
    const failed = await sluice(['run', 'good', '--json']);
    expect(failed.code).toBe(1);
    const { error } = JSON.parse(failed.stdout);
    expect(error).toMatchObject({ code: 'secret/unknown', message: expect.stringContaining('pg/password of store') });
    expect(failed.stderr).toContain('sluice secret set pg/password');
  });
});
