import { execFileSync } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type TestDatabase, testDatabase } from '../../core/test/postgres.ts';
import { folderWith, sluice } from './cli.ts';

/** `plan`, `apply` and `list`, step by step on one project. */

let db: TestDatabase;
let dir: string;
let remove: () => Promise<void>;

const job = (name: string, more = '') => `name: ${name}\nsource:\n  type: local\n  path: ${name}/*.csv\n${more}`;

beforeAll(async () => {
  db = await testDatabase();
  ({ dir, remove } = await folderWith({
    'sluice.yaml': 'version: 1\nname: shop\n',
    'jobs/a.yaml': job('a', 'schedule:\n  cron: "0  6 * * *"\nretries:\n  delay: 60s\n  max: 1\n'),
    'jobs/b.yaml': job('b', 'incremental: {type: none}\ndestination:\n  type: duckdb\n  write_disposition: append\n'),
  }));
});
afterAll(async () => {
  await remove?.();
  await db?.drop();
});

async function run(...args: string[]) {
  return sluice(args, { cwd: dir, env: { DATABASE_URL: db.url } });
}

async function planned(): Promise<{ hash: string; changes: { address: string; action: string; fields: unknown[] }[] }> {
  const { stdout, stderr, code } = await run('plan', '--json');
  expect([code, stderr]).toEqual([0, '']);
  return JSON.parse(stdout);
}

const edit = (file: string, text: string) => writeFile(join(dir, file), text);
const stateRows = () =>
  db.query(
    'SELECT (SELECT count(*) FROM sluice.applied_plans)::int AS plans, (SELECT count(*) FROM sluice.applied_jobs)::int AS jobs',
  );

it('plans without writing, and applies with leave alone', async () => {
  expect((await planned()).changes).toMatchObject([
    { address: 'a', action: 'create' },
    { address: 'b', action: 'create' },
  ]);
  expect(await stateRows()).toEqual([{ plans: '0', jobs: '0' }]);
  expect((await run('plan', '--assert-empty')).code).toBe(3);
  const asked = await run('apply');
  expect([asked.code, asked.stderr]).toEqual([2, expect.stringContaining('usage/confirm')]);
  expect(await stateRows()).toEqual([{ plans: '0', jobs: '0' }]);
  expect((await run('apply', '--yes')).code).toBe(0);
  expect(await stateRows()).toEqual([{ plans: '1', jobs: '2' }]);
  expect((await run('plan', '--assert-empty')).code).toBe(0);
});

it('sees no change in another way of writing, and one field where one changed', async () => {
  await edit('jobs/a.yaml', `# c\nretries: {max: 1, delay: 1m}\nschedule: 0 6 * * *\n${job('a').trimEnd()}`);
  expect((await run('plan', '--assert-empty')).code).toBe(0);
  await edit('jobs/a.yaml', job('a', 'schedule: 5 6 * * *\nretries: {max: 1, delay: 1m}\n'));
  const changed = (await planned()).changes.filter(({ action }) => action !== 'none');
  expect(changed).toMatchObject([
    { address: 'a', action: 'update', fields: [{ path: 'schedule.cron', old: '0 6 * * *', new: '5 6 * * *' }] },
  ]);
  expect((await run('plan', '-o', 'markdown')).stdout).toContain('schedule.cron');
});

it('applies the plan of a hash and no other', async () => {
  const { hash } = await planned();
  const other = await run('apply', '--plan-hash', hash.replace(/./g, '0'));
  expect([other.code, other.stderr]).toEqual([1, expect.stringContaining('plan/hash')]);
  const { stdout, code } = await run('apply', '--plan-hash', hash, '--json');
  expect([code, JSON.parse(stdout)]).toEqual([0, { version: 2, hash, changed: 1, problems: [] }]);
  expect((await run('apply', '--plan-hash', hash)).code).toBe(1);
});

it('keeps the job of a broken file, shows the problem, and blocks no other', async () => {
  await edit('jobs/a.yaml', 'name: a\nsource: [\n');
  await edit(
    'jobs/b.yaml',
    job('b', 'owner: me\nincremental: {type: none}\ndestination:\n  type: duckdb\n  write_disposition: append\n'),
  );
  expect((await run('apply', '--yes')).code).toBe(0);
  const rows = JSON.parse((await run('list', '--json')).stdout);
  expect(rows).toMatchObject([
    { job: 'a', schedule: '5 6 * * * UTC', problem: expect.stringContaining('jobs/a.yaml') },
    { job: 'b', problem: null, next: null },
  ]);
  expect((await run('plan', '--assert-empty')).code).toBe(3);
  await edit('jobs/a.yaml', job('a', 'schedule: 5 6 * * *\nretries: {max: 1, delay: 1m}\n'));
  expect((await run('apply')).code).toBe(0);
  expect(JSON.parse((await run('list', '--json')).stdout)[0].problem).toBeNull();
});

it('destroys nothing without leave', async () => {
  await edit(
    'jobs/b.yaml',
    job('b', 'owner: me\nincremental: {type: none}\ndestination:\n  type: duckdb\n  write_disposition: replace\n'),
  );
  const refused = await run('apply', '--yes');
  expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('plan/destructive')]);
  expect((await run('apply', '--yes', '--allow-destructive')).code).toBe(0);
});

it('deletes what no file declares', async () => {
  await rm(join(dir, 'jobs/b.yaml'));
  expect((await run('apply', '--yes')).code).toBe(0);
  const { stdout } = await run('list');
  expect(stdout).toContain('a');
  expect(JSON.parse((await run('list', '--json')).stdout)).toHaveLength(1);
});

it('wants a target where there are several', async () => {
  await mkdir(join(dir, 'many'));
  await edit('many/sluice.yaml', 'version: 1\nname: many\ntargets:\n  dev: {default: true}\n  prod: {}\n');
  for (const command of ['plan', 'apply', 'list']) {
    const { code, stderr } = await run(command, '--project', 'many');
    expect([code, stderr]).toEqual([2, expect.stringContaining('usage/target')]);
  }
  const { stdout } = await sluice(['plan', '--project', 'many', '--json'], {
    cwd: dir,
    env: { DATABASE_URL: db.url, SLUICE_TARGET: 'prod' },
  });
  expect(JSON.parse(stdout).target).toBe('prod');
});

it('takes back no revision unasked', async () => {
  const git = (...args: string[]) => {
    const own = ['-c', 'user.name=Ann', '-c', 'user.email=ann@example.com', '-c', 'init.defaultBranch=main'];
    return execFileSync('git', [...own, '-C', join(dir, 'repo'), ...args], { encoding: 'utf8', stdio: 'pipe' }).trim();
  };
  const apply = (...flags: string[]) => run('apply', '--project', 'repo', '--yes', ...flags);
  await mkdir(join(dir, 'repo/jobs'), { recursive: true });
  await edit('repo/sluice.yaml', 'version: 1\nname: followed\n');
  await edit('repo/jobs/a.yaml', job('a'));
  git('init', '-q');
  git('add', '.');
  git('commit', '-qm', 'first');
  expect((await apply()).code).toBe(0);
  git('checkout', '-qb', 'ahead');
  await edit('repo/jobs/a.yaml', job('a', 'owner: ahead\n'));
  git('commit', '-qam', 'ahead');
  expect((await apply()).code).toBe(0);
  git('checkout', '-q', 'main');
  const behind = await apply();
  expect([behind.code, behind.stderr]).toEqual([1, expect.stringContaining('plan/revision')]);
  await edit('repo/jobs/a.yaml', job('a', 'owner: beside\n'));
  git('commit', '-qam', 'beside');
  expect((await apply()).stderr).toContain('plan/revision');
  expect((await apply('--force')).code).toBe(0);
  const [row] = await db.query(
    `SELECT definition->>'owner' AS owner FROM sluice.applied_jobs WHERE project = 'followed' AND job = 'a'`,
  );
  expect(row).toEqual({ owner: 'beside' });
});
