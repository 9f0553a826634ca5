import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { sluice } from './cli.ts';
import { type DaemonProcess, startDaemon } from './daemons.ts';
import { type TestProject, testProject, until } from './harness.ts';

/**
 * Three daemons on one state store, one of them with a clock that is ten minutes ahead, are killed and stopped past their leases at
 * random while they make up for missed due times and windows; then everything has to have run exactly once. SLUICE_SOAK_MINUTES=30 goes
 * on for that long with more jobs; SLUICE_SOAK_SEED=7 takes other moments.
 */
const MINUTES = Number(process.env.SLUICE_SOAK_MINUTES ?? 0);
const PLAIN = MINUTES > 0 ? 60 : 8;
const WINDOWED = MINUTES > 0 ? 10 : 2;
const DUE = MINUTES > 0 ? Math.max(5, MINUTES) : 3;
const ROWS = 25;
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const LEASE_MS = 4000;
const AHEAD_MS = 10 * MINUTE_MS;

let project: TestProject;
let random: () => number;
const daemons: DaemonProcess[] = [];
const now = Math.floor(Date.now() / MINUTE_MS) * MINUTE_MS;
const iso = (at: number) => new Date(at).toISOString();

beforeAll(async () => {
  project = await testProject();
  random = numbers(Number(process.env.SLUICE_SOAK_SEED ?? 1));
  await writeFile(project.path('sluice.yaml'), 'version: 1\nname: soak\n');
  await mkdir(project.path('jobs'));
  await project.file('in/rows.csv', csv(ROWS));
  for (let i = 0; i < PLAIN; i++) await writeFile(project.path(`jobs/plain_${i}.yaml`), plainJob(i));
  for (let i = 0; i < WINDOWED; i++) {
    await writeFile(project.path(`jobs/windowed_${i}.yaml`), windowedJob(i));
    for (const { start } of windows()) await project.file(join(`win_${i}`, `${stamp(start)}.csv`), csv(ROWS, start));
  }
});

afterAll(async () => {
  for (const { child } of daemons) child.kill('SIGKILL');
  await project?.close();
});

it('runs every due time and window exactly once, whatever happens to its daemons', {
  timeout: MINUTES * 4 * MINUTE_MS + 480_000,
}, async () => {
  const env = { ...project.env, DATABASE_URL: project.db.url };
  expect((await sluice(['apply', '--yes'], { cwd: project.dir, env })).code).toBe(0);
  // As if the jobs had been applied a while ago, and no daemon had been there since.
  await project.db.query(`UPDATE sluice.job_states SET first_applied = '${iso(now - DUE * MINUTE_MS)}'`);
  const start = (ahead = 0) => {
    const flags = ['--no-api', '--max-runs', '2', '--drain', '30s'];
    const daemon = startDaemon({ cwd: project.dir, env: { ...env, SLUICE_LEASE_MS: String(LEASE_MS) }, flags, ahead });
    daemons.push(daemon);
    return daemon;
  };
  const alive = [start(), start(), start(AHEAD_MS)];
  await Promise.all(alive.map((one) => one.started));

  let blows = 0;
  const most = MINUTES > 0 ? Number.POSITIVE_INFINITY : 3;
  const end = Date.now() + MINUTES * MINUTE_MS;
  while ((MINUTES > 0 && Date.now() < end) || (MINUTES === 0 && blows < most)) {
    const before = await ended();
    if ((await left()) === 0 && before > 0) break;
    // The next blow falls when some more runs have ended.
    await until(async () => (await ended()) > before + 2 || (await left()) === 0, 120_000);
    const index = Math.floor(random() * alive.length);
    const daemon = alive[index] as DaemonProcess;
    if (random() < 0.5 || blows === 0) {
      daemon.child.kill('SIGKILL');
      await daemon.ended;
      alive[index] = start(index === 2 ? AHEAD_MS : 0);
    } else {
      daemon.child.kill('SIGSTOP');
      await until(async () => (await leasesOf(daemon)) === 0, LEASE_MS + 60_000);
      daemon.child.kill('SIGCONT');
    }
    blows++;
  }
  await allEnded();
  for (const { child } of alive) child.kill('SIGTERM');
  const ends = await Promise.all(alive.map((one) => one.ended));
  expect(ends.map(({ code }) => code)).toEqual(alive.map(() => 0));
  expect(blows).toBeGreaterThan(0);
  await expectOnce();
});

/** How long it takes is the machine's; that nothing ends any more is a fault. */
async function allEnded(): Promise<void> {
  while ((await left()) > 0) {
    const before = await ended();
    await until(async () => (await ended()) > before || (await left()) === 0, 120_000);
  }
}

async function expectOnce(): Promise<void> {
  const runs = await project.db.query(
    `SELECT job, state, due_at::timestamptz AS due, extract(epoch FROM due_at)::bigint * 1000 AS at,
       extract(epoch FROM window_start)::bigint * 1000 AS start, error FROM sluice.runs WHERE kind = 'scheduled'`,
  );
  expect(runs.filter(({ state }) => state !== 'succeeded')).toEqual([]);
  const dues = Array.from({ length: DUE }, (_, i) => now - (DUE - 1 - i) * MINUTE_MS);
  for (let i = 0; i < PLAIN; i++) {
    const found = runs.filter(({ job }) => job === `plain_${i}`).map(({ at }) => Number(at));
    expect(found.sort((a, b) => a - b)).toEqual(dues);
    const [row] = await project.db.query(`SELECT count(*) AS n, count(DISTINCT id) AS ids FROM wh.plain_${i}`);
    expect(row).toEqual({ n: String(DUE * ROWS), ids: String(ROWS) });
  }
  for (let i = 0; i < WINDOWED; i++) {
    const found = runs.filter(({ job }) => job === `windowed_${i}`).map(({ start }) => Number(start));
    expect(found.sort((a, b) => a - b)).toEqual(windows().map(({ start }) => start));
    const [row] = await project.db.query(`SELECT count(*) AS n, count(DISTINCT at) AS ats FROM wh.windowed_${i}`);
    expect(row).toEqual({ n: String(windows().length * ROWS), ats: String(windows().length) });
  }
  expect(await project.db.query('SELECT run FROM sluice.leases')).toEqual([]);
  await until(() => project.executors().length === 0);
  expect(await project.leftovers()).toEqual([]);
  const open = await project.db.query('SELECT run FROM sluice.intents WHERE settled_at IS NULL');
  expect(open).toEqual([]);
}

const count = async (where: string) =>
  Number((await project.db.query(`SELECT count(*) AS n FROM sluice.runs WHERE ${where}`))[0]?.n);
const left = () => count(`state IN ('queued', 'running', 'committing')`);
const ended = () => count('finished_at IS NOT NULL');

async function leasesOf({ child }: DaemonProcess): Promise<number> {
  const rows = await project.db.query(`SELECT 1 FROM sluice.leases WHERE owner LIKE '%/${child.pid}'`);
  return rows.length;
}

function plainJob(i: number): string {
  return `name: plain_${i}
source:
  type: local
  path: in/*.csv
incremental:
  type: none
destination:
  type: postgres
  url: \${env:WAREHOUSE_URL}
  schema: wh
  table: plain_${i}
  write_disposition: append
schedule:
  cron: "* * * * *"
  end: "${iso(now + 1)}"
  overlap_policy: queue
  catchup: all
`;
}

/** The last hours that were over when the test began. */
function windows(): { start: number; end: number }[] {
  const hour = Math.floor(now / HOUR_MS) * HOUR_MS;
  return [3, 2, 1].map((n) => ({ start: hour - n * HOUR_MS, end: hour - (n - 1) * HOUR_MS }));
}

function windowedJob(i: number): string {
  return `name: windowed_${i}
source:
  type: local
  path: win_${i}/\${window:start|%Y%m%d%H}.csv
incremental:
  type: window
  column: at
  every: hour
columns:
  - name: at
    type: timestamptz
destination:
  type: postgres
  url: \${env:WAREHOUSE_URL}
  schema: wh
  table: windowed_${i}
  write_disposition: append
schedule:
  cron: "* * * * *"
  start: "${iso(windows()[0]!.start)}"
  end: "${iso(now + 1)}"
  overlap_policy: queue
  catchup: all
`;
}

function csv(rows: number, at?: number): string {
  const time = at === undefined ? '' : `,${iso(at)}`;
  const lines = Array.from({ length: rows }, (_, i) => `${i},name ${i}${time}`);
  return `id,name${at === undefined ? '' : ',at'}\n${lines.join('\n')}\n`;
}

function stamp(at: number): string {
  return iso(at).slice(0, 13).replaceAll(/[-T]/g, '');
}

/** Numbers from 0 to 1 that a seed decides (mulberry32). */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}
