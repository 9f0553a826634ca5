import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type TestDatabase, testDatabase } from '../../core/test/postgres.ts';
import { folderWith, sluice, startSluice } from './cli.ts';

let db: TestDatabase;
let dir: string;
let remove: () => Promise<void>;

/** The first of a month so many before this one, in UTC. */
function month(before: number): string {
  const now = new Date();
  return new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - before, 1)).toISOString().slice(0, 10);
}

const months = [3, 2, 1].map(month);
const job = `name: monthly
source:
  path: in/\${window:start|%Y-%m}.csv
incremental:
  type: window
  column: at
  every: month
streams:
  - name: facts
    columns:
      - name: at
        type: date
    destination:
      write_disposition: replace
  - name: countries
    source:
      path: countries.csv
    incremental:
      type: none
    destination:
      write_disposition: replace
schedule:
  cron: "@monthly"
  start: ${months[0]}
  catchup: all
`;

beforeAll(async () => {
  db = await testDatabase();
  ({ dir, remove } = await folderWith({
    'jobs/monthly.yaml': job.replace('source:\n', 'source:\n  type: local\n'),
    'countries.csv': 'code\nde\n',
    [`in/${months[0]?.slice(0, 7)}.csv`]: `id,at\n1,${months[0]}\n`,
    [`in/${months[1]?.slice(0, 7)}.csv`]: 'id,at\n2,soon\n',
    [`in/${months[2]?.slice(0, 7)}.csv`]: `id,at\n3,${months[2]}\n`,
  }));
});
afterAll(async () => {
  await remove();
  await db.drop();
});

const run = (...args: string[]) => sluice([...args, '--json'], { cwd: dir, env: { DATABASE_URL: db.url } });

interface Line {
  job: string;
  status: string;
  window?: { from: string; to: string };
  streams: { stream: string; status: string }[];
}
const lines = (stdout: string): Line[] =>
  stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));

it('runs the windows that are due, stops at the first that fails, and goes on from there', async () => {
  const first = await run('run', 'monthly');
  expect(first.code).toBe(1);
  const seen = lines(first.stdout);
  expect(seen.map((line) => [line.window?.from.slice(0, 10), line.status])).toEqual([
    [months[0], 'succeeded'],
    [months[1], 'failed'],
  ]);
  // Streams without windows are run once, beside the first one.
  expect(seen.map((line) => line.streams.map(({ stream }) => stream))).toEqual([['facts', 'countries'], ['facts']]);
  await writeFile(join(dir, `in/${months[1]?.slice(0, 7)}.csv`), `id,at\n2,${months[1]}\n`);
  const events = join(dir, 'events.ndjson');
  const second = await run('run', 'monthly/facts', '--events', events);
  expect([second.code, lines(second.stdout).map((line) => line.window?.from.slice(0, 10))]).toEqual([
    0,
    months.slice(1),
  ]);
  const told = lines(await readFile(events, 'utf8')) as unknown as { type: string; from: string }[];
  expect(told.filter(({ type }) => type === 'window')).toMatchObject(
    months.slice(1).map((month, i, all) => ({ from: expect.stringContaining(month), number: i + 1, of: all.length })),
  );
  const third = await run('run', 'monthly/facts');
  expect([third.code, lines(third.stdout)[0]]).toMatchObject([0, { status: 'succeeded', streams: [] }]);
  const rows = await run('sql', 'select id from facts order by id');
  expect(JSON.parse(rows.stdout)).toEqual([{ id: 1 }, { id: 2 }, { id: 3 }]);
});

it('a kill between two windows repeats and loses nothing', async () => {
  const days = Array.from({ length: 6 }, (_, i) => `2026-02-0${i + 1}`);
  for (const [i, day] of days.entries()) {
    await writeFile(join(dir, `${day}.csv`), `id,at\n${i},${day}T00:00:00\n${i + 10},${day}T23:59:59.999999\n`);
  }
  await writeFile(
    join(dir, 'jobs/daily.yaml'),
    'name: daily\nsource:\n  type: local\n  path: ${window:start|%Y-%m-%d}.csv\ncolumns:\n  - name: at\n    type: timestamp\n' +
      'incremental:\n  type: window\n  column: at\n  every: day\n',
  );
  const args = ['backfill', 'daily', '--from', '2026-02-01', '--to', '2026-02-07', '--json'];
  let done = 0;
  // Killed as soon as a window was told of: at the first one, then at the second of those that are left.
  for (const after of [1, 2]) {
    const { child, ended } = startSluice(args, { cwd: dir, env: { DATABASE_URL: db.url } });
    let told = 0;
    child.stdout?.on('data', (chunk: Buffer) => {
      told += chunk.toString().split('\n').length - 1;
      if (told >= after) child.kill('SIGKILL');
    });
    const { code, stdout } = await ended;
    expect(code).toBe(null);
    done += lines(stdout).filter(({ status }) => status === 'succeeded').length;
  }
  const last = await sluice(args, { cwd: dir, env: { DATABASE_URL: db.url } });
  expect(last.code).toBe(0);
  const left = lines(last.stdout);
  // A window may have been committed as the kill came.
  expect(done + left.length).toBeGreaterThanOrEqual(4);
  expect(left.at(-1)?.window?.from.slice(0, 10)).toBe(days.at(-1));
  const rows = await run(
    'sql',
    'select count(*) as n, count(distinct id) as ids, min("at")::date as a, max("at")::date as z from daily',
  );
  expect(JSON.parse(rows.stdout)).toEqual([{ n: 12, ids: 12, a: days[0], z: days.at(-1) }]);
  expect((await sluice(args, { cwd: dir, env: { DATABASE_URL: db.url } })).stdout).not.toContain('"window"');
});

it('fills several jobs, by name and by what selects them; one without windows keeps no other from its turn', async () => {
  const more = (name: string) =>
    `name: ${name}\ntags: [both]\nsource:\n  type: local\n  path: \${window:start|%Y-%m-%d}.csv\ncolumns:\n  - name: at\n    type: timestamp\n` +
    'incremental:\n  type: window\n  column: at\n  every: day\n';
  for (const name of ['one', 'other']) await writeFile(join(dir, `jobs/${name}.yaml`), more(name));
  const bounds = ['--from', '2026-02-01', '--to', '2026-02-03'];
  const { code, stdout, stderr } = await run('backfill', 'monthly/countries', '--select', 'tag:both', ...bounds);
  expect([code, stderr]).toEqual([1, expect.stringContaining('backfill/none')]);
  expect(lines(stdout).map(({ job, window }) => [job, window?.from.slice(0, 10)])).toEqual([
    ['one', '2026-02-01'],
    ['one', '2026-02-02'],
    ['other', '2026-02-01'],
    ['other', '2026-02-02'],
  ]);
});

it.each([
  [1, ['run', 'monthly', '--full-refresh']],
  [1, ['backfill', 'monthly/countries', '--from', '1', '--to', '2']],
  [2, ['backfill', 'monthly', '--from', '2026-01-01']],
  [2, ['backfill', 'monthly', '--from', 'soon', '--to', 'later']],
  [2, ['backfill', 'monthly', '--from', '2026-02-01', '--to', '2026-01-01']],
])('exit %i: %j', async (code, args) => {
  expect((await run(...args)).code).toBe(code);
});
