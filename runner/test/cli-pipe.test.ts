import { execFileSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type TestDatabase, testDatabase } from '../../core/test/postgres.ts';
import { folderWith, sluice, startSluice } from './cli.ts';

/** What comes through a pipe is loaded as the same file would be. */

const TEXT = 'meter;value;at\nM1;1.234,50;31/12/2023\nM2;-0,75;01/02/2024\nM3;12.345.678,9;29/02/2024\n';
const ROWS = [
  { value: '1234.50', at: '2023-12-31' },
  { value: '-0.75', at: '2024-02-01' },
  { value: '12345678.90', at: '2024-02-29' },
];

let db: TestDatabase;
let dir: string;
let remove: () => Promise<void>;

const job = (name: string, path: string) => `name: ${name}
source:
  type: local
  path: ${path}
  format:
    type: csv
    delimiter: ";"
    decimal: ","
    thousands: "."
columns:
  - name: value
    type: decimal(18,2)
  - name: at
    type: date
    format: "%d/%m/%Y"
destination:
  type: postgres
  url: \${env:DATABASE_URL}
  schema: wh
  table: ${name}
`;

beforeAll(async () => {
  db = await testDatabase();
  ({ dir, remove } = await folderWith({
    'given.yaml': job('given', '/dev/stdin'),
    'named.yaml': job('named', 'pipe.csv'),
  }));
});
afterAll(async () => {
  await remove?.();
  await db?.drop();
});

const run = (name: string, stdin?: string) => {
  const env = { DATABASE_URL: db.url };
  return sluice(['run', `${name}.yaml`, '--json'], { cwd: dir, env, ...(stdin === undefined ? {} : { stdin }) });
};
const rows = (name: string) => db.query(`SELECT value::text, at::text FROM wh.${name} ORDER BY meter, at`);

it('standard input, each time that there is some', async () => {
  for (const n of [1, 2]) {
    expect((await run('given', TEXT)).code).toBe(0);
    expect(await rows('given')).toEqual(ROWS.flatMap((row) => Array(n).fill(row)));
  }
  const { code, stdout } = await run('given');
  expect([code, JSON.parse(stdout).error.code]).toEqual([1, 'source/pipe']);
});

it('a named pipe, which only a run reads', async () => {
  const pipe = join(dir, 'pipe.csv');
  execFileSync('mkfifo', [pipe]);
  const preview = await sluice(['preview', 'named.yaml'], { cwd: dir, env: { DATABASE_URL: db.url } });
  expect(preview.stderr).toContain('source/pipe');
  const [{ code }] = await Promise.all([run('named'), writeFile(pipe, TEXT)]);
  expect([code, await rows('named')]).toEqual([0, ROWS]);
});

it('standard input from which nothing comes keeps no run from its end', async () => {
  const { child, ended } = startSluice(['run', 'given.yaml', '--json'], {
    ...{ cwd: dir, env: { DATABASE_URL: db.url }, stdin: null },
  });
  const running = async () => (await db.query(`SELECT state FROM sluice.runs WHERE state = 'running'`)).length;
  await expect.poll(running, { timeout: 60_000 }).toBe(1);
  child.kill('SIGTERM');
  const { code, stdout } = await ended;
  expect([code, JSON.parse(stdout).status]).toEqual([130, 'cancelled']);
  child.stdin?.end();
});
