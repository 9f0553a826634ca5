import { existsSync, readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { secretStore } from '../src/secrets/secret-store.ts';
import { type ApiLab, apiLab, job } from './api-lab.ts';

let lab: ApiLab;

const ORIGIN = {
  job_name: 'Customer Data Import',
  description: 'Import customer data',
  source_config: {
    source_type: 'local',
    connection_params: { prefix: 'customers/' },
    file_pattern: '*.csv',
    schema_inference: true,
  },
  destination_schema: 'analytics',
  destination_table: 'customers',
  processing_config: { mode: 'batch', format: 'csv', batch_size: 10_000, checkpoint_enabled: true },
  compute_config: {
    cluster_mode: 'multi-node',
    min_workers: 2,
    max_workers: 10,
    autoscaling_enabled: true,
    photon_enabled: true,
  },
  schedule_config: {
    enabled: true,
    cron_expression: '0 2 * * *',
    timezone: 'UTC',
    max_retries: 3,
    retry_delay_seconds: 300,
  },
  tags: ['customer-data', 'analytics'],
};

const PROJECT = `version: 1
name: shop
access:
  rules:
    - match: {tags: hr}
      view: token:admin
    - match: {path: jobs/payroll*.yaml}
      run: token:admin
`;

beforeAll(async () => {
  lab = await apiLab({
    'sluice.yaml': PROJECT,
    'jobs/orders.yaml': job('orders', 'tags: [sales]\nowner: shop-team\n'),
    'jobs/people.yaml': job('people', 'tags: [hr]\n'),
    'jobs/payroll.yaml': job('payroll'),
    'data/orders.csv': 'id,amount\n1,2.50\n',
  });
  await lab.door.reconcile('test');
});

afterAll(() => lab.close());

const names = (answer: { body: { jobs: { job_name: string }[] } }) => answer.body.jobs.map(({ job_name }) => job_name);

describe('jobs', () => {
  it('are created of the origin’s JSON: a file, applied, with what did not come along', async () => {
    const made = await lab.call('POST', '/jobs', { as: 'editor', body: ORIGIN });
    expect(made.status, made.text).toBe(201);
    expect(made.body).toMatchObject({
      file: 'jobs/customer_data_import.yaml',
      job: {
        job_name: 'customer_data_import',
        status: 'created',
        tags: ['customer-data', 'analytics'],
        destination_schema: 'analytics',
        destination_table: 'customers',
        compute_config: { min_workers: 2, max_workers: 10 },
        schedule_config: { cron_expression: '0 2 * * *', max_retries: 3, retry_delay_seconds: 300 },
      },
    });
    expect(made.body.job.job_id).toMatch(/^[0-9a-f-]{36}$/);
    expect(made.body.warnings.join('\n')).toMatch(/batch_size/);
    expect(readFileSync(join(lab.dir, 'jobs/customer_data_import.yaml'), 'utf8')).toBe(made.body.yaml);
    const { body } = await lab.call('GET', `/jobs/${made.body.job.job_id}`, { as: 'viewer' });
    expect(body).toEqual(made.body.job);
    expect((await lab.call('GET', '/plan')).body.empty).toBe(true);
    expect((await lab.call('POST', '/jobs', { body: ORIGIN })).status).toBe(409);
  });

  it('are created of YAML and of JSON of the language', async () => {
    const headers = { 'content-type': 'application/yaml' };
    const yaml = `# by hand\n${job('stock')}`;
    const made = await lab.call('POST', '/jobs', { body: yaml, headers });
    expect(made.status, made.text).toBe(201);
    expect(readFileSync(join(lab.dir, 'jobs/stock.yaml'), 'utf8')).toBe(yaml);
    const value = { name: 'prices', source: { type: 'local', path: 'p.csv' }, destination: { type: 'duckdb' } };
    expect((await lab.call('POST', '/jobs', { body: value })).status).toBe(201);
  });

  it('are refused with the diagnostics that validate prints', async () => {
    const headers = { 'content-type': 'application/yaml' };
    const cases: [string, string][] = [
      ['name: broken\nsource:\n  type: locl\n  path: x.csv\ndestination:\n  type: duckdb\n', 'type'],
      [
        'name: broken\nsource:\n  type: postgres\n  url: postgres://u:hunter2@h/d\n  table: t\ndestination:\n  type: duckdb\n',
        'secret',
      ],
    ];
    for (const [body, code] of cases) {
      const found = await lab.call('POST', '/jobs', { body, headers });
      expect([found.status, found.body.code]).toEqual([422, 'job/invalid']);
      expect(found.body.diagnostics.map((one: { code: string }) => one.code).join()).toContain(code);
      expect(found.text).not.toContain('hunter2');
    }
    expect((await lab.call('POST', '/jobs', { body: ': no', headers })).status).toBe(422);
    expect((await lab.call('POST', '/jobs', { body: { description: 'x' } })).status).toBe(422);
    expect(existsSync(join(lab.dir, 'jobs/broken.yaml'))).toBe(false);
  });

  it('keep secrets of a request in the encrypted store alone', async () => {
    const params = {
      bucket: 'lake',
      prefix: 'customers/',
      access_key: 'AKIACANARY1',
      secret_key: 'canary-secret-2',
      region: 'us-east-1',
    };
    const body = {
      ...ORIGIN,
      job_name: 'lake',
      source_config: { source_type: 's3', connection_params: params, file_pattern: '*.csv' },
    };
    const made = await lab.call('POST', '/jobs', { body });
    expect(made.status, made.text).toBe(201);
    expect(made.body.yaml).toContain('secret_access_key: ${secret:store/lake/secret_access_key}');
    const secrets = secretStore({ store: lab.store, projectDir: lab.dir, env: process.env, ...lab.door.key });
    const found = await secrets.get(['lake/access_key_id', 'lake/secret_access_key']);
    expect([...found.values()].sort()).toEqual(['AKIACANARY1', 'canary-secret-2']);
    let seen = made.text + readFileSync(join(lab.dir, 'jobs/lake.yaml'), 'utf8');
    for (const path of ['/jobs', '/jobs/lake', '/plan', '/audit', '/jobs/lake/executions'])
      seen += (await lab.call('GET', path)).text;
    for (const { name } of await lab.db.query(
      `SELECT relname AS name FROM pg_class WHERE relkind = 'r' AND relnamespace = 'sluice'::regnamespace`,
    ))
      seen += JSON.stringify(await lab.db.query(`SELECT * FROM sluice.${name}`));
    expect(seen).not.toMatch(/AKIACANARY1|canary-secret-2/);
  });

  it('are listed by page and by filter, without those that one may not see', async () => {
    const all = names(await lab.call('GET', '/jobs'));
    expect(all).toContain('people');
    const seen = names(await lab.call('GET', '/jobs', { as: 'viewer' }));
    expect(seen).toEqual(all.filter((name) => name !== 'people'));
    const paged: string[] = [];
    let cursor = '';
    do {
      const page = await lab.call('GET', `/jobs?limit=2${cursor}`, { as: 'viewer' });
      paged.push(...names(page));
      cursor = page.body.next_cursor === null ? '' : `&cursor=${page.body.next_cursor}`;
    } while (cursor !== '');
    expect(paged).toEqual(seen);
    expect(names(await lab.call('GET', '/jobs?tag=sales'))).toEqual(['orders']);
    expect(names(await lab.call('GET', '/jobs?owner=shop-team'))).toEqual(['orders']);
    expect(names(await lab.call('GET', '/jobs?q=customer_data'))).toEqual(['customer_data_import']);
    expect(names(await lab.call('GET', '/jobs?status=running'))).toEqual([]);
    expect((await lab.call('GET', '/jobs?status=nothing')).status).toBe(422);
  });

  it('answer 404 to whoever may not see them, and 403 to whoever may only see them', async () => {
    for (const path of ['/jobs/people', '/jobs/nothing', '/jobs/people/logs', '/jobs/people/executions']) {
      expect([path, (await lab.call('GET', path, { as: 'editor' })).status]).toEqual([path, 404]);
    }
    expect((await lab.call('POST', '/jobs/people/start', { as: 'editor' })).status).toBe(404);
    expect((await lab.call('POST', '/jobs/payroll/start', { as: 'editor' })).status).toBe(403);
    expect((await lab.call('POST', '/jobs/orders/start', { as: 'viewer' })).status).toBe(403);
    expect((await lab.call('GET', '/jobs/people')).status).toBe(200);
    const plan = await lab.call('GET', '/plan', { as: 'viewer' });
    expect(plan.text).not.toContain('people');
  });
});

describe('runs', () => {
  it('are started once while one is alive, stopped, and shown', async () => {
    const started = await lab.call('POST', '/jobs/orders/start', { as: 'operator', body: { reason: 'by hand' } });
    expect(started.status, started.text).toBe(202);
    expect((await lab.call('POST', '/jobs/orders/start', { as: 'operator' })).body.code).toBe('run/busy');
    const { body } = await lab.call('GET', '/jobs/orders/executions', { as: 'viewer' });
    expect(body.executions[0]).toMatchObject({
      execution_id: started.body.execution_id,
      status: 'queued',
      kind: 'manual',
      requested_by: 'operator',
      reason: 'by hand',
    });
    const stopped = await lab.call('POST', '/jobs/orders/stop', { as: 'operator' });
    expect(stopped.body.executions).toEqual([{ execution_id: started.body.execution_id, status: 'cancelled' }]);
    expect((await lab.call('POST', '/jobs/orders/stop', { as: 'operator' })).status).toBe(409);
    expect((await lab.call('GET', '/jobs/orders')).body.status).toBe('cancelled');
    expect((await lab.call('GET', `/jobs/payroll/executions/${started.body.execution_id}`)).status).toBe(404);
    expect((await lab.call('POST', '/jobs/orders/start', { body: { stream: 'nothing' } })).status).toBe(404);
  });

  it('are one under skip, however many ask at once, with an empty body or none', async () => {
    await lab.file('jobs/once.yaml', job('once'));
    await lab.door.reconcile('test');
    const headers = { 'content-type': 'application/json' };
    const asked = Array.from({ length: 6 }, (_, i) => lab.call('POST', '/jobs/once/start', i % 2 ? { headers } : {}));
    const answers = (await Promise.all(asked)).map(({ status }) => status);
    expect(answers.sort()).toEqual([202, 409, 409, 409, 409, 409]);
  });

  it('follow `overlap_policy`', async () => {
    const policy = (name: string) => job(`with_${name}`, `schedule:\n  cron: "0 3 * * *"\n  overlap_policy: ${name}\n`);
    await lab.file('jobs/with_queue.yaml', policy('queue'));
    await lab.file('jobs/with_cancel.yaml', policy('cancel'));
    await lab.door.reconcile('test');
    for (const [name, states] of [
      ['with_queue', ['queued', 'queued']],
      ['with_cancel', ['queued', 'cancelled']],
    ] as const) {
      for (let i = 0; i < 2; i++) expect((await lab.call('POST', `/jobs/${name}/start`)).status).toBe(202);
      const { body } = await lab.call('GET', `/jobs/${name}/executions`);
      expect(body.executions.map(({ status }: { status: string }) => status)).toEqual(states);
    }
  });

  it('rest and go on', async () => {
    const until = new Date(Date.now() + 3_600_000).toISOString();
    const paused = await lab.call('POST', '/jobs/orders/pause', {
      as: 'operator',
      body: { reason: 'stocktaking', until },
    });
    expect(paused.body).toMatchObject({ status: 'paused', paused: { by: 'operator', reason: 'stocktaking', until } });
    expect((await lab.call('POST', '/jobs/orders/pause', { body: { until: '2020-01-01T00:00:00Z' } })).status).toBe(
      422,
    );
    expect((await lab.call('POST', '/jobs/orders/resume')).body.paused).toBeNull();
    expect((await lab.call('POST', '/jobs/orders/resume')).status).toBe(409);
  });

  it('are shown in lists as they are, whoever changed them, however many ask at once', async () => {
    const key = { ...lab.door.key, job: 'orders' };
    const reasons = async () => {
      const lists = await Promise.all(Array.from({ length: 8 }, () => lab.call('GET', '/jobs', { as: 'viewer' })));
      const seen = lists.map(({ body }) => {
        const { jobs } = body as { jobs: { job_name: string; paused: { reason: string } | null }[] };
        return jobs.find(({ job_name }) => job_name === 'orders')?.paused?.reason ?? null;
      });
      return [...new Set(seen)];
    };
    for (const reason of ['one', 'two']) {
      await lab.store.jobs.pause(key, { until: null, by: 'me', reason });
      expect([await reasons(), await reasons()]).toEqual([[reason], [reason]]);
      await lab.db.query(`UPDATE sluice.job_states SET paused_reason = 'by hand' WHERE job = 'orders'`);
      expect(await reasons()).toEqual(['by hand']);
      await lab.store.jobs.resume(key, 'me');
      expect(await reasons()).toEqual([null]);
    }
    await lab.db.query(
      `UPDATE sluice.job_states SET paused_at = now(), paused_until = clock_timestamp() + interval '300 ms' WHERE job = 'orders'`,
    );
    await expect.poll(reasons, { timeout: 20_000 }).toEqual([null]);
    await lab.store.jobs.liftPauses(lab.door.key);
  });

  it('cannot be filled back where there is neither window nor cursor', async () => {
    const found = await lab.call('POST', '/jobs/orders/backfill', { body: { from: '2026-01-01', to: '2026-02-01' } });
    expect([found.status, found.body.code]).toEqual([422, 'backfill/none']);
  });
});

describe('a job', () => {
  it('is deleted with its file, unless it runs or files are not ours to change', async () => {
    const [run] = (await lab.call('POST', '/jobs/stock/start')).body.executions;
    await lab.store.queue.claim({
      ...lab.door.key,
      owner: 'h/1',
      host: hostname(),
      leaseMs: 60_000,
      memory: 1e12,
      limits: {},
    });
    const busy = await lab.call('GET', '/jobs?status=running');
    const [name = ''] = names(busy);
    expect(await lab.call('DELETE', `/jobs/${name}`)).toMatchObject({ status: 409, body: { code: 'run/busy' } });
    const compute = await lab.call('PATCH', `/jobs/${name}/compute`, { body: { max_workers: 2 } });
    expect([compute.status, compute.body.code]).toEqual([409, 'run/busy']);
    expect(run).toBeTruthy();
    const gone = await lab.call('DELETE', '/jobs/prices', { as: 'editor' });
    expect(gone.body).toMatchObject({ job_name: 'prices', file: 'jobs/prices.yaml' });
    expect(existsSync(join(lab.dir, 'jobs/prices.yaml'))).toBe(false);
    expect((await lab.call('GET', '/jobs/prices')).status).toBe(404);
    expect((await lab.call('DELETE', '/jobs/prices')).status).toBe(404);
    const { body } = await lab.call('GET', '/audit?limit=3&subject=prices');
    expect(body.entries[0]).toMatchObject({ action: 'job.delete', subject: 'prices', status: 404 });
    expect(body.entries[1]).toMatchObject({ actor: 'editor', status: 200 });
  });

  it('is answered with the YAML for a pull request where the API writes nothing', async () => {
    const other = await apiLab({
      'sluice.yaml': 'version: 1\nname: fixed\napi: {writes: off}\n',
      'jobs/a.yaml': job('a'),
    });
    try {
      await other.door.reconcile('test');
      const created = await other.call('POST', '/jobs', { body: ORIGIN });
      expect(created).toMatchObject({
        status: 409,
        body: { code: 'api/read-only', file: 'jobs/customer_data_import.yaml' },
      });
      expect(created.body.yaml).toContain('name: customer_data_import');
      expect(await other.call('DELETE', '/jobs/a')).toMatchObject({ status: 409, body: { file: 'jobs/a.yaml' } });
      expect(existsSync(join(other.dir, 'jobs/a.yaml'))).toBe(true);
      expect((await other.call('GET', '/me')).body.read_only).toContain('api.writes');
    } finally {
      await other.close();
    }
  });

  it('of a git revision is read alone', async () => {
    const files = { 'sluice.yaml': 'version: 1\nname: fixed\n', 'jobs/a.yaml': job('a') };
    const other = await apiLab(files, { readOnly: 'this daemon follows https://git.example/jobs.git@main' });
    try {
      await other.door.reconcile('test');
      const changed = await other.call('PATCH', '/jobs/a/compute', { body: { max_workers: 2 } });
      expect(changed).toMatchObject({ status: 409, body: { code: 'api/read-only', file: 'jobs/a.yaml' } });
      expect(changed.body.yaml).toContain('max: 2');
      expect(readFileSync(join(other.dir, 'jobs/a.yaml'), 'utf8')).toBe(job('a'));
      expect((await other.call('POST', '/jobs', { body: ORIGIN })).body.detail).toContain('git.example');
      expect((await other.call('POST', '/jobs/a/start')).status).toBe(202);
    } finally {
      await other.close();
    }
  });
});
