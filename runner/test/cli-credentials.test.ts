import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { HttpServer } from '../../core/test/http-server.ts';
import { type TestDatabase, testDatabase } from '../../core/test/postgres.ts';
import { type CliResult, folderWith, sluice } from './cli.ts';

/** Passwords go out as they are and come back in nothing that anyone can read. */

let db: TestDatabase;
let api: HttpServer;
let dir: string;
let remove: () => Promise<void>;

const PASSWORDS = { PW1: `p$HOME'@#%/:"x`, PW2: '$Wren7!{a}' };
const ROLES = { PW1: '', PW2: '' };

beforeAll(async () => {
  db = await testDatabase();
  api = await HttpServer.start();
  ({ dir, remove } = await folderWith({ 'sluice.yaml': 'version: 1\nname: keys\n' }));
  await db.query(`CREATE SCHEMA src; CREATE TABLE src.t (id int, mark text);
    INSERT INTO src.t VALUES (1, '$1'), (2, '$$'), (3, 'x'), (4, '\${env:PW1}')`);
  for (const [name, password] of Object.entries(PASSWORDS)) {
    const role = `${name.toLowerCase()}_${db.database}`;
    ROLES[name as keyof typeof ROLES] = role;
    await db.query(
      `CREATE ROLE ${role} LOGIN PASSWORD '${password.replaceAll("'", "''")}'; GRANT USAGE ON SCHEMA src TO ${role}; GRANT SELECT ON src.t TO ${role}`,
    );
  }
});
afterAll(async () => {
  await remove?.();
  await api?.stop();
  for (const role of Object.values(ROLES)) await db?.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
  await db?.drop();
});

function run(args: string[], env: Record<string, string> = {}): Promise<CliResult> {
  return sluice(args, { cwd: dir, env: { DATABASE_URL: db.url, SLUICE_RETRY_MS: '20', ...env } });
}

const file = (name: string, text: string) => writeFileSync(join(dir, name), text);

/** All that is written anywhere but into the destination: what the command said, files of the project, tables of the state store. */
async function written(...results: CliResult[]): Promise<string> {
  const files = readdirSync(join(dir, '.sluice'), { recursive: true, withFileTypes: true }).filter((one) =>
    one.isFile(),
  );
  const texts = files.map((one) => readFileSync(join(one.parentPath, one.name), 'latin1'));
  const tables = await db.query(
    `SELECT query_to_xml(format('TABLE sluice.%I', relname), true, false, '')::text AS rows FROM pg_stat_user_tables WHERE schemaname = 'sluice'`,
  );
  return [
    ...results.flatMap(({ stdout, stderr }) => [stdout, stderr]),
    ...texts,
    ...tables.map((one) => one.rows),
  ].join('\n');
}

it('a password of any signs is put in once, and signs of SQL stay as they are', async () => {
  const results: CliResult[] = [];
  for (const [name, password] of Object.entries(PASSWORDS)) {
    const role = ROLES[name as keyof typeof ROLES];
    file(
      `${name}.sluice.yaml`,
      `name: ${name.toLowerCase()}
source:
  type: postgres
  host: ${db.host}
  port: ${db.port}
  database: ${db.database}
  user: ${role}
  password: \${env:${name}}
  table: src.t
  where: mark IN ('$1', '$$', '$\${env:PW1}')
transform:
  - filter: mark <> '$2' AND mark <> '$$$'
destination:
  type: duckdb
`,
    );
    const done = await run(['run', name.toLowerCase(), '-v', '--json'], PASSWORDS);
    expect([done.code, JSON.parse(done.stdout).rows_written]).toEqual([0, 3]);
    results.push(done, await run(['doctor', name.toLowerCase(), '-v'], PASSWORDS));
    const wrong = await run(['run', name.toLowerCase(), '-v'], { [name]: `${password}!` });
    expect([wrong.code, wrong.stderr]).toEqual([1, expect.stringContaining('source/access-denied')]);
    results.push(wrong);
  }
  const all = await written(...results);
  for (const secret of ['Wren7', PASSWORDS.PW1, encodeURIComponent(PASSWORDS.PW1), `p%24HOME'%40%23%25%2F%3A%22x`]) {
    expect([secret, all.includes(secret)]).toEqual([secret, false]);
  }
});

it('a name that is not set is told with its place, before anything is reached', async () => {
  const { code, stderr } = await run(['run', 'pw2'], { PW1: 'x' });
  expect(code).toBe(1);
  expect(stderr).toMatch(/PW2[\s\S]*PW2\.sluice\.yaml:8:13/);
});

it('what cannot be reached is told without its credentials', async () => {
  api.handler = (_seen, response) =>
    response.writeHead(500, { 'content-type': 'text/plain' }).end('no ?api_key=S3cr-Kk1');
  const target = 'destination:\n  type: duckdb\nretries:\n  max: 2\n  delay: 0s\n';
  file('gone.sluice.yaml', `name: gone\nsource:\n  type: postgres\n  url: \${env:URL}\n  table: t\n${target}`);
  file(
    'api.sluice.yaml',
    `name: api\nsource:\n  type: http\n  base_url: ${api.url}\n  path: r\n  auth: {type: api_key, in: query, key: "\${env:KEY}"}\n${target}`,
  );
  const gone = await run(['run', 'gone', '-v'], { URL: 'postgresql://app:S3cr%40t-Zq9@127.0.0.1:1/db' });
  expect([gone.code, gone.stderr]).toEqual([
    1,
    expect.stringMatching(/127\.0\.0\.1[\s\S]*1\b[\s\S]*ECONNREFUSED|refused/),
  ]);
  const bad = await run(['run', 'gone', '-v'], { URL: 'postgresql://app:S3cr%40t-Zq9@:bad/db' });
  expect(bad.code).toBe(1);
  const refused = await run(['run', 'api', '-v', '--json'], { KEY: 'S3cr-Kk1' });
  expect([refused.code, refused.stdout + refused.stderr]).toEqual([1, expect.stringContaining('500')]);
  expect(api.seen.every(({ query }) => query.api_key === 'S3cr-Kk1')).toBe(true);
  const all = await written(gone, bad, refused);
  for (const secret of ['S3cr', 'S3cr@t-Zq9', 'S3cr-Kk1']) {
    expect([secret, all.includes(secret)]).toEqual([secret, false]);
    expect([secret, all.includes(Buffer.from(secret).toString('base64').replace(/=*$/, ''))]).toEqual([secret, false]);
  }
});
