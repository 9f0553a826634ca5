import { readFileSync } from 'node:fs';
import { type Job, zeroCounts } from '@sluice/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { type TestDatabase, testDatabase } from '../../../core/test/postgres.ts';
import { openStore, type Store } from '../store/store.ts';
import { Exporter } from './prometheus.ts';

let db: TestDatabase;
let store: Store;
const key = { project: 'shop', target: 'prod' };

beforeAll(async () => {
  db = await testDatabase();
  store = await openStore({ url: db.url });
});
afterAll(async () => {
  await store?.close();
  await db?.drop();
});

/** The value of a series by its name and labels, of which every one that is named must be there. */
function valueIn(text: string, name: string, labels: Readonly<Record<string, string>> = {}): number | undefined {
  for (const line of text.split('\n')) {
    const [, found, own = '', value] = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
    const fits = Object.entries(labels).every(([label, wanted]) => own.includes(`${label}="${wanted}"`));
    if (found === name && fits) return Number(value);
  }
  return undefined;
}

const exporter = (running = 0) => new Exporter({ store, key, running: () => running });

describe('/metrics', () => {
  it('has what the state says, and leaves out what does not exist', async () => {
    const empty = (await exporter().text()).text;
    expect(valueIn(empty, 'sluice_state_store_up')).toBe(1);
    expect(valueIn(empty, 'sluice_runs', { state: 'queued', ...key })).toBe(0);
    expect(valueIn(empty, 'sluice_lease_remaining_seconds')).toBeUndefined();
    expect(valueIn(empty, 'sluice_reconcile_age_seconds')).toBeUndefined();
    const definition = { name: 'a', notify: [], compute: { memory: 1 } } as unknown as Job;
    await store.claimJob({ ...key, job: 'a', kind: 'manual', owner: 'x/1', leaseMs: 30_000, jobHash: 'h', definition });
    await db.query(
      `INSERT INTO sluice.alerts (project, target, job, kind, since) VALUES ('shop', 'prod', 'a', 'failure', now()), ('other', 'prod', 'a', 'failure', now());
       INSERT INTO sluice.nodes (node, project, target, host, pid, version, memory_bytes, max_runs, beat_at)
         VALUES ('n/1', 'shop', 'prod', 'n', 1, '0', 1, 1, now()), ('n/2', 'shop', 'prod', 'n', 2, '0', 1, 1, now() - interval '1 hour');
       INSERT INTO sluice.job_states (project, target, job, next_due, lateness_ms, handled_until)
         VALUES ('shop', 'prod', 'a', now() - interval '90 seconds', 2500, now())`,
    );
    const { text, contentType } = await exporter(3).text();
    expect(contentType).toMatch(/^text\/plain; version=0\.0\.4/);
    expect(valueIn(text, 'sluice_runs', { state: 'running' })).toBe(1);
    expect(valueIn(text, 'sluice_leases')).toBe(1);
    expect(valueIn(text, 'sluice_lease_remaining_seconds')).toBeGreaterThan(10);
    expect(valueIn(text, 'sluice_alerts', { kind: 'failure' })).toBe(1);
    expect(valueIn(text, 'sluice_nodes', { state: 'silent' })).toBe(1);
    expect(valueIn(text, 'sluice_schedule_lateness_seconds')).toBe(2.5);
    expect(valueIn(text, 'sluice_schedule_overdue_seconds')).toBeGreaterThan(85);
    expect(valueIn(text, 'sluice_daemon_runs')).toBe(3);
    expect(valueIn(text, 'sluice_pool_connections', { state: 'idle' })).toBeGreaterThanOrEqual(1);
    expect(valueIn(text, 'process_resident_memory_bytes', key)).toBeGreaterThan(1e6);
    // Anyone may read the page.
    expect(text).not.toContain('job="');
  });

  it('counts what ended here', async () => {
    const one = exporter();
    const counts = { ...zeroCounts(), rows_read: 10, rows_written: 8, rows_rejected: 2, bytes_read: 4096 };
    one.ran({ kind: 'scheduled', status: 'succeeded', duration_ms: 4000, counts });
    one.ran({ kind: 'scheduled', status: 'succeeded', duration_ms: 120_000, counts });
    one.ran({ kind: 'manual', status: 'failed', duration_ms: 10, counts: zeroCounts() });
    one.told('slack', 'delivered');
    const { text } = await one.text();
    expect(valueIn(text, 'sluice_runs_total', { kind: 'scheduled', status: 'succeeded' })).toBe(2);
    expect(valueIn(text, 'sluice_runs_total', { kind: 'manual', status: 'failed' })).toBe(1);
    expect(valueIn(text, 'sluice_rows_read_total')).toBe(20);
    expect(valueIn(text, 'sluice_rows_rejected_total')).toBe(4);
    expect(valueIn(text, 'sluice_bytes_read_total')).toBe(8192);
    expect(valueIn(text, 'sluice_run_duration_seconds_bucket', { le: '5', status: 'succeeded' })).toBe(1);
    expect(valueIn(text, 'sluice_run_duration_seconds_count', { status: 'succeeded' })).toBe(2);
    expect(valueIn(text, 'sluice_deliveries_total', { type: 'slack', outcome: 'delivered' })).toBe(1);
  });

  it('asks the state store at most once for many that read it at the same time, and stands where it is away', async () => {
    const asked: object[] = [];
    const gone = {
      connections: () => ({ busy: 0, idle: 0, waiting: 0 }),
      gauges: async (wanted: object) => {
        asked.push(wanted);
        throw new Error('away');
      },
    } as unknown as Store;
    const one = new Exporter({ store: gone, key, running: () => 0 });
    const texts = await Promise.all([one.text(), one.text(), one.text()]);
    expect(asked).toHaveLength(1);
    expect(valueIn(texts[2]!.text, 'sluice_state_store_up')).toBe(0);
  });
});

describe('examples/operations', () => {
  const file = (name: string) => readFileSync(new URL(`../../../examples/operations/${name}`, import.meta.url), 'utf8');
  const named = (text: string) => new Set(text.match(/\b(?:sluice|process|nodejs)_[a-z0-9_]+/g) ?? []);

  it('the dashboard and the rules name metrics that there are', async () => {
    const one = exporter();
    await one.text();
    const known = new Set(await one.names());
    const dashboard = JSON.parse(file('grafana-dashboard.json'));
    const rules = parse(file('alerts.yaml')).groups.flatMap((group: { rules: object[] }) => group.rules);
    const expressions = [
      ...dashboard.panels.flatMap((panel: { targets: { expr: string }[] }) => panel.targets.map(({ expr }) => expr)),
      ...dashboard.templating.list.map(({ query }: { query: string }) => query),
      ...rules.map(({ expr }: { expr: string }) => expr),
    ];
    expect(expressions.length).toBeGreaterThan(30);
    const used = expressions.flatMap((expression: string) => [...named(expression)]);
    expect([...new Set(used)].filter((name) => !known.has(name))).toEqual([]);
    for (const rule of rules) {
      expect(rule).toMatchObject({
        alert: expect.stringMatching(/^Sluice\w+$/),
        annotations: { summary: expect.any(String) },
      });
    }
  });

  it('the page of the documentation names every one', async () => {
    const page = named(readFileSync(new URL('../../../docs/operations.md', import.meta.url), 'utf8'));
    const ours = (await exporter().names()).filter((name) => name.startsWith('sluice_'));
    expect(ours.filter((name) => !page.has(name.replace(/_(bucket|sum|count)$/, '')))).toEqual([]);
  });

  it('the dashboard shows every metric of the daemon', async () => {
    const one = exporter();
    const shown = named(file('grafana-dashboard.json'));
    const ours = (await one.names()).filter((name) => name.startsWith('sluice_') && !/_(sum|count)$/.test(name));
    expect(ours.filter((name) => !shown.has(name))).toEqual([]);
  });
});
