import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ApiLab, apiLab, job } from './api-lab.ts';
import { type CliResult, folderWith, sluice } from './cli.ts';

let lab: ApiLab;
let url: string;
/** The project as it is checked out where the command is given, ahead of the daemon's. */
let dir: string;
let remove: () => Promise<void>;

const CONFIG = 'version: 1\nname: shop\n';
const DAILY = `name: daily
source:
  type: local
  path: "data/\${window:start|%Y-%m-%d}.csv"
columns:
  - {name: day, type: timestamptz}
incremental: {type: window, column: day, every: day}
schedule: {cron: "0 3 * * *", start: 2026-03-01}
destination: {type: duckdb, path: out.duckdb, write_disposition: replace}
`;

beforeAll(async () => {
  const files = { 'sluice.yaml': CONFIG, 'jobs/orders.yaml': job('orders'), 'jobs/daily.yaml': DAILY };
  lab = await apiLab(files);
  await lab.door.reconcile('test');
  url = await lab.api.app.listen({ host: '127.0.0.1', port: 0 });
  ({ dir, remove } = await folderWith({
    ...files,
    'jobs/orders.yaml': job('orders', 'retries: {max: 3}\n'),
    'jobs/new.yaml': job('new'),
  }));
});

afterAll(async () => {
  await lab.close();
  await remove();
});

/** As a person elsewhere: no state store, an address and a token. */
function there(
  args: string[],
  { as = 'admin', ...more }: { as?: 'admin' | 'viewer'; SLUICE_TOKEN?: string } = {},
): Promise<CliResult> {
  const env = {
    DATABASE_URL: 'postgres://127.0.0.1:1/none',
    SLUICE_SERVER: url,
    SLUICE_TOKEN: lab.tokens[as],
    ...more,
  };
  return sluice(args, { cwd: dir, env });
}

describe('commands that a daemon elsewhere does', () => {
  it('plan the files here against what is applied there', async () => {
    const { code, stdout } = await there(['plan', '-o', 'markdown'], { as: 'viewer' });
    expect(code).toBe(0);
    expect(stdout).toMatch(/retries\.max/);
    expect(stdout).toMatch(/new/);
    const json = await there(['plan', '--json', '--assert-empty']);
    expect(json.code).toBe(3);
    const actions = Object.fromEntries(
      JSON.parse(json.stdout).changes.map((one: Record<string, string>) => [one.address, one.action]),
    );
    expect(actions).toEqual({ daily: 'none', new: 'create', orders: 'update' });
  });

  it('apply what lies there, by its hash', async () => {
    await lab.file('jobs/late.yaml', job('late'));
    const { hash } = (await lab.call('GET', '/plan')).body;
    expect((await there(['apply', '--plan-hash', 'other'])).stderr).toContain('error[plan/hash]');
    expect((await there(['apply', '--plan-hash', hash], { as: 'viewer' })).stderr).toContain('error[api/forbidden]');
    const done = await there(['apply', '--plan-hash', hash, '--json', '-q']);
    expect(JSON.parse(done.stdout)).toMatchObject({ changed: 1, hash });
    expect((await there(['apply', '--yes'])).stdout).toContain('Nothing to apply');
  });

  it('start, list, pause, resume and stop', async () => {
    const started = await there(['start', 'orders', '--reason', 'by hand', '--json']);
    expect(started.code, started.stderr).toBe(0);
    const [run] = JSON.parse(started.stdout).runs;
    const runs = JSON.parse((await there(['runs', '--json'], { as: 'viewer' })).stdout);
    expect(runs[0]).toMatchObject({ run, job: 'orders', state: 'queued', note: 'by hand' });
    expect(JSON.parse((await there(['runs', 'late', '--json'])).stdout)).toEqual([]);
    const busy = await there(['start', 'orders']);
    expect([busy.code, busy.stderr]).toEqual([1, expect.stringContaining('error[run/busy]')]);
    expect((await there(['pause', 'orders', '--reason', 'stock'])).stdout).toContain('orders is paused');
    const jobs = JSON.parse((await there(['list', '--json'])).stdout);
    expect(jobs.map((one: Record<string, string>) => [one.job, one.status])).toEqual([
      ['daily', 'created'],
      ['late', 'created'],
      ['orders', 'paused'],
    ]);
    expect((await there(['resume', 'orders'])).stdout).toContain('goes on');
    expect((await there(['resume', 'orders'])).stdout).toContain('was not paused');
    expect((await there(['stop', run])).stdout).toContain(`${run} cancelled`);
    expect((await there(['stop', 'orders'])).code).toBe(1);
    expect((await there(['start', 'nothing'])).stderr).toContain('error[job/unknown]');
    const both = await there(['start', 'orders', 'nothing', 'late', '--json']);
    expect([both.code, both.stderr]).toEqual([1, expect.stringContaining('error[job/unknown]')]);
    expect(Object.keys(JSON.parse(both.stdout))).toEqual(['orders', 'late']);
    expect((await there(['stop', 'orders', 'late'])).stdout).toMatch(/^orders .* cancelled\nlate .* cancelled\n$/);
  });

  it('backfill windows', async () => {
    const made = await there(['backfill', 'daily', '--from', '2026-03-01', '--to', '2026-03-03', '--json', '-q']);
    expect(made.code, made.stderr).toBe(0);
    const { runs, passedOver } = JSON.parse(made.stdout);
    expect([runs.length, passedOver]).toEqual([2, 0]);
    const { body } = await lab.call('GET', '/jobs/daily/executions');
    expect(body.executions.map(({ window_start }: { window_start: string }) => window_start).sort()).toEqual([
      '2026-03-01T00:00:00.000Z',
      '2026-03-02T00:00:00.000Z',
    ]);
    const none = await there(['backfill', 'orders', '--from', '2026-03-01', '--to', '2026-03-03']);
    expect(none.stderr).toContain('error[backfill/none]');
  });

  it('follow a log until the run is over', async () => {
    const { definition } = (await lab.store.jobs.find(lab.door.key, 'late'))!;
    const claim = {
      ...lab.door.key,
      job: 'late',
      kind: 'manual',
      owner: 'h/1',
      leaseMs: 60_000,
      jobHash: definition.hash,
      definition,
    } as const;
    const { run } = await lab.store.claimJob(claim);
    await lab.store.appendLogs(run, [{ at: '2026-01-01T00:00:00Z', level: 'warn', message: 'careful' }]);
    const following = there(['logs', 'late', '-f', '--json'], { as: 'viewer' });
    const counts = {
      rows_read: 0,
      rows_added: 0,
      rows_written: 0,
      rows_rejected: 0,
      rows_filtered: 0,
      rows_quarantined: 0,
      bytes_read: 0,
    };
    await lab.store.finishRun({ run, owner: 'h/1', state: 'failed', counts, error: null });
    const { code, stdout } = await following;
    expect([code, JSON.parse(stdout).message]).toEqual([1, 'careful']);
    expect((await there(['logs', run, '--level', 'error'])).stdout).toBe('');
  });

  it('say what is wrong with the address and the token', async () => {
    expect((await there(['list', '--server', 'nonsense'])).code).toBe(2);
    expect((await there(['list'], { SLUICE_TOKEN: '' })).stderr).toContain('SLUICE_TOKEN is not set');
    expect((await there(['list'], { SLUICE_TOKEN: 'slc_wrong' })).stderr).toContain('error[api/unauthenticated]');
    const away = await there(['list', '--server', 'http://127.0.0.1:1']);
    expect([away.code, away.stderr]).toEqual([1, expect.stringContaining('error[server/unreachable]')]);
  });
});
