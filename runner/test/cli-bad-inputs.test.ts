import { execFileSync, spawn } from 'node:child_process';
import { chmod, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type TestDatabase, testDatabase } from '../../core/test/postgres.ts';
import { type CliResult, folderWith, sluice } from './cli.ts';

/** What goes wrong outside of Sluice: each has a code and an exit status, and once it is mended no row is lost or doubled. */

let db: TestDatabase;
let dir: string;
let remove: () => Promise<void>;

const job = (name: string, more = '', destination = `type: duckdb\n  path: ${name}.duckdb`) =>
  `name: ${name}\nsource:\n  type: local\n  path: ${name}/*.csv\n${more}destination:\n  ${destination}\n  table: ${name}\n`;
const NAMES = ['unreadable', 'typed', 'held', 'foreign', 'lost', 'full', 'folder', 'readonly'];

beforeAll(async () => {
  db = await testDatabase();
  const postgres = 'type: postgres\n  url: ${env:PG_URL}\n  schema: wh';
  const files = Object.fromEntries(NAMES.map((name) => [`jobs/${name}.yaml`, job(name)]));
  const rows = Object.fromEntries(NAMES.map((name) => [`${name}/a.csv`, 'id,v\n1,a\n2,b\n']));
  ({ dir, remove } = await folderWith({
    'sluice.yaml': 'version: 1\nname: bad\n',
    ...files,
    ...rows,
    'jobs/lost.yaml': job('lost', '', postgres),
    'jobs/typed.yaml': job('typed', 'columns:\n  - name: v\n    type: int\n'),
    'jobs/missing.yaml': job('missing', '  on_no_data: fail\n'),
    'jobs/unknown.yaml': job('unknown').replace('type: local', 'type: local\n  pth: x'),
  }));
});
afterAll(async () => {
  await remove();
  await db.drop();
});

function run(args: string[], env: Record<string, string> = {}, obeysModes = false): Promise<CliResult> {
  return sluice(args, { cwd: dir, obeysModes, env: { DATABASE_URL: db.url, PG_URL: db.url, ...env } });
}

/** The run fails with this code and exit status 1, and says the next step. */
async function fails(name: string, code: string, env?: Record<string, string>, obeysModes?: boolean): Promise<string> {
  const { code: status, stdout, stderr } = await run(['run', name, '--json'], env, obeysModes);
  expect([status, stderr]).toEqual([1, expect.stringContaining(`error[${code}]`)]);
  expect(JSON.parse(stdout)).toMatchObject({ job: name, status: 'failed', rows_written: 0, error: { code } });
  expect(stderr).toContain('hint ');
  return stderr;
}

/** Once mended it loads all rows; `again`: and the run after that none. */
async function loads(name: string, rows = 2, again = false): Promise<void> {
  for (const expected of again ? [rows, 0] : [rows]) {
    const { code, stdout } = await run(['run', name, '--json']);
    expect([code, JSON.parse(stdout).rows_written]).toEqual([0, expected]);
  }
}

it('a file that is not there', async () => {
  await fails('missing', 'source/no-data');
  await mkdir(join(dir, 'missing'));
  await writeFile(join(dir, 'missing/a.csv'), 'id,v\n1,a\n2,b\n');
  const { code, stdout } = await run(['run', 'missing', '--json']);
  expect([code, JSON.parse(stdout).rows_written]).toEqual([0, 2]);
});

it('a file that may not be read is named', async () => {
  const path = join(dir, 'unreadable/a.csv');
  await chmod(path, 0);
  expect(await fails('unreadable', 'source/unreadable', {}, true)).toContain('unreadable/a.csv');
  await chmod(path, 0o644);
  await loads('unreadable');
});

it('a value of the wrong type is named with its row and column', async () => {
  expect(await fails('typed', 'type/value')).toContain('typed/a.csv, row 1, column v');
  await writeFile(join(dir, 'typed/a.csv'), 'id,v\n1,1\n2,2\n');
  await loads('typed');
});

it('an unknown key stops before anything is read, with the place in the file', async () => {
  expect(await fails('unknown', 'job/invalid')).toContain('jobs/unknown.yaml:4:3: error[schema/unknown-key]');
});

it('a destination that cannot be reached, and a state store that is lost', async () => {
  const gone = 'postgresql://app:S3cr-Kk1@127.0.0.1:1/db';
  expect(await fails('lost', 'destination/unreachable', { PG_URL: gone })).not.toContain('S3cr-Kk1');
  expect(await fails('lost', 'store/unreachable', { DATABASE_URL: gone })).not.toContain('S3cr-Kk1');
  await loads('lost');
});

it('a warehouse that another process holds: who it is, is told', async () => {
  const path = join(dir, 'held.duckdb');
  const hold = `const { DuckDBInstance } = require('@duckdb/node-api');
    DuckDBInstance.create(${JSON.stringify(path)}).then(() => console.log('held'));
    setInterval(() => {}, 1000);`;
  const holder = spawn(process.execPath, ['-e', hold], {
    cwd: new URL('..', import.meta.url),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await new Promise((resolve) => holder.stdout.once('data', resolve));
  try {
    const told = await fails('held', 'destination/locked');
    expect(told).toContain(`process ${holder.pid}`);
    expect(told).toContain('node');
    const { code, stderr } = await run(['sql', 'select 1', '--job', 'held']);
    expect([code, stderr]).toEqual([1, expect.stringContaining('error[destination/locked]')]);
    const doctor = await run(['doctor', 'held', '--json']);
    expect([doctor.code, doctor.stdout]).toEqual([1, expect.stringContaining('destination/locked')]);
  } finally {
    const ended = new Promise((resolve) => holder.once('close', resolve));
    holder.kill('SIGKILL');
    await ended;
  }
  await loads('held', 2, true);
});

it('a warehouse that is none stays as it is', async () => {
  await writeFile(
    join(dir, 'foreign.duckdb'),
    'a text that somebody put here, longer than any header of a database\n'.repeat(200),
  );
  await fails('foreign', 'destination/not-a-database');
  await rm(join(dir, 'foreign.duckdb'));
  await loads('foreign');
});

it('a warehouse in a folder that may not be written to', async () => {
  const folder = join(dir, 'locked');
  await mkdir(folder, { mode: 0o555 });
  const path = join(dir, 'jobs/readonly.yaml');
  await writeFile(path, job('readonly', '', 'type: duckdb\n  path: locked/w.duckdb'));
  await fails('readonly', 'destination/unreachable', {}, true);
  await chmod(folder, 0o755);
  await loads('readonly');
});

describe('a disk that is full', () => {
  const mounted: string[] = [];
  afterEach(() => {
    for (const folder of mounted.splice(0)) execFileSync('umount', ['-l', folder]);
  });

  it.runIf(process.getuid?.() === 0)('fails the run; with room for it nothing is lost', async (context) => {
    const folder = join(dir, 'small');
    await mkdir(folder);
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=2000000', 'tmpfs', folder], { stdio: 'ignore' });
    } catch {
      context.skip('tmpfs cannot be mounted here');
    }
    mounted.push(folder);
    await writeFile(join(dir, 'jobs/full.yaml'), job('full', '', 'type: duckdb\n  path: small/w.duckdb'));
    const wide = Array.from({ length: 60_000 }, (_, n) => `${n},${(n * 2_654_435_761).toString(36).repeat(6)}\n`);
    await writeFile(join(dir, 'full/a.csv'), `id,v\n${wide.join('')}`);
    await fails('full', 'engine/disk-full');
    execFileSync('mount', ['-o', 'remount,size=500000000', folder]);
    await loads('full', 60_000, true);
  });
});
