import { execFile } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TestDatabase, testDatabase } from '../../core/test/postgres.ts';
import { folderWith, sluice, startSluice } from './cli.ts';
import { until } from './harness.ts';

let dir: string;
let remove: () => Promise<void>;
let db: TestDatabase;
let daemon: ReturnType<typeof startSluice>;
let base: string;
let token: string;
let env: Record<string, string>;

const FILES = {
  'sluice.yaml': 'version: 1\nname: neurolake\n',
  'data/a.csv': 'id,amount\n1,2.50\n2,3.00\n',
};

beforeAll(async () => {
  ({ dir, remove } = await folderWith(FILES));
  db = await testDatabase();
  // Nothing of these tests asks the real S3.
  env = { DATABASE_URL: db.url, AWS_ENDPOINT_URL_S3: 'http://127.0.0.1:1' };
  daemon = startSluice(['daemon', '--port', '0', '--drain', '1s'], { cwd: dir, env });
  await until(() => statSync(join(dir, '.sluice/daemon.json'), { throwIfNoEntry: false }) !== undefined);
  base = `http://127.0.0.1:${JSON.parse(readFileSync(join(dir, '.sluice/daemon.json'), 'utf8')).port}/api/v1`;
  token = (await sluice(['token', 'create', 'me', '--role', 'admin'], { cwd: dir, env })).stdout.trim();
});

afterAll(async () => {
  daemon?.child.kill('SIGTERM');
  await daemon?.ended;
  await remove?.();
  await db?.drop();
});

/** What a person would type: curl, with the token's header added. */
async function curl(
  ...args: string[]
): Promise<{ status: number; text: string; body: Record<string, never> & { [key: string]: never } }> {
  const { stdout } = await promisify(execFile)('curl', [
    '-sS',
    '-H',
    `Authorization: Bearer ${token}`,
    '-w',
    '\n%{http_code}',
    ...args,
  ]);
  const at = stdout.lastIndexOf('\n');
  const text = stdout.slice(0, at);
  return { status: Number(stdout.slice(at + 1)), text, body: JSON.parse(text) };
}

const JSON_HEADER = ['-H', 'Content-Type: application/json'];

const CREATE = `{
    "job_name": "Customer Data Import",
    "description": "Import customer data from S3",
    "source_config": {
      "source_type": "s3",
      "connection_params": {
        "bucket": "my-data-bucket",
        "prefix": "customers/",
        "access_key": "YOUR_KEY",
        "secret_key": "YOUR_SECRET",
        "region": "us-east-1"
      },
      "file_pattern": "*.csv",
      "schema_inference": true
    },
    "destination_schema": "analytics",
    "destination_table": "customers",
    "processing_config": {
      "mode": "batch",
      "format": "csv",
      "batch_size": 10000,
      "checkpoint_enabled": true
    },
    "compute_config": {
      "cluster_mode": "multi-node",
      "instance_type": "compute_optimized",
      "min_workers": 2,
      "max_workers": 10,
      "autoscaling_enabled": true,
      "photon_enabled": true,
      "adaptive_query_execution": true,
      "dynamic_partition_pruning": true,
      "cbo_enabled": true
    },
    "schedule_config": {
      "enabled": true,
      "cron_expression": "0 2 * * *",
      "timezone": "UTC",
      "max_retries": 3,
      "retry_delay_seconds": 300
    },
    "tags": ["customer-data", "analytics"]
  }`;

const LOCAL = JSON.stringify({
  job_name: 'Local Orders',
  source_config: { source_type: 'local', connection_params: { prefix: 'data/' }, file_pattern: '*.csv' },
  destination_table: 'orders',
  processing_config: { mode: 'batch', format: 'csv' },
});

describe('the origin’s examples', () => {
  it('create a job from S3, start it and stop it', async () => {
    const made = await curl('-X', 'POST', `${base}/jobs`, ...JSON_HEADER, '-d', CREATE);
    expect(made.status, made.text).toBe(201);
    const { job } = made.body as unknown as { job: Record<string, unknown> };
    expect(job).toMatchObject({
      job_name: 'customer_data_import',
      status: 'created',
      tags: ['customer-data', 'analytics'],
    });
    expect(made.text + readFileSync(join(dir, 'jobs/customer_data_import.yaml'), 'utf8')).not.toMatch(
      /YOUR_KEY|YOUR_SECRET/,
    );
    const started = await curl('-X', 'POST', `${base}/jobs/${job.job_id}/start`);
    expect(started.status, started.text).toBe(202);
    const stopped = await curl('-X', 'POST', `${base}/jobs/${job.job_id}/stop`);
    expect(stopped.status, stopped.text).toBe(202);
    await until(async () => (await curl(`${base}/jobs/${job.job_id}`)).text.includes('"status":"cancelled"'));
    expect((await curl(`${base}/jobs/${job.job_id}/logs?level=ERROR&limit=500`)).status).toBe(200);
    expect((await curl('-X', 'DELETE', `${base}/jobs/${job.job_id}`)).status).toBe(200);
  });

  it('run a job and show its logs, figures and history', async () => {
    const made = await curl('-X', 'POST', `${base}/jobs`, ...JSON_HEADER, '-d', LOCAL);
    expect(made.status, made.text).toBe(201);
    const id = 'local_orders';
    await curl('-X', 'POST', `${base}/jobs/${id}/start`);
    await until(async () => /"status":"(completed|failed)"/.test((await curl(`${base}/jobs/${id}`)).text));
    const logs = await curl(`${base}/jobs/${id}/logs`);
    const figures = await curl(`${base}/jobs/${id}/metrics`);
    expect(figures.body, logs.text).toMatchObject({
      status: 'succeeded',
      metrics: { records_processed: 2, records_failed: 0 },
    });
    expect((logs.body as unknown as { logs: unknown[] }).logs.length).toBeGreaterThan(0);
    expect((logs.body as unknown as { end: object }).end).toMatchObject({ status: 'succeeded' });
    const history = await curl(`${base}/jobs/${id}/executions`);
    expect(history.body).toMatchObject({
      executions: [{ status: 'succeeded', kind: 'manual', counts: { rows_written: 2 } }],
    });
    expect((await curl(`${base}/jobs?status=completed`)).text).toContain('local_orders');
    const nodes = await curl(`${base}/nodes`);
    expect(nodes.body).toMatchObject({ nodes: [{ draining: false }], reconciler: { read_only: false } });
  });

  it('test a source', async () => {
    const body = `{
    "source_type": "s3",
    "connection_params": {
      "bucket": "my-bucket",
      "access_key": "YOUR_KEY",
      "secret_key": "YOUR_SECRET"
    },
    "schema_inference": true
  }`;
    const { status, text } = await curl('-X', 'POST', `${base}/jobs/sources/test`, ...JSON_HEADER, '-d', body);
    expect(status, text).toBe(200);
    expect(text).not.toMatch(/YOUR_KEY|YOUR_SECRET/);
    expect(JSON.parse(text)).toMatchObject({ success: false, source_type: 's3' });
  });

  it('are for whoever has a token that was not revoked', async () => {
    const made = await sluice(['token', 'create', 'short', '--expires', '1h', '--json'], { cwd: dir, env });
    const { token: text, id, role } = JSON.parse(made.stdout);
    expect(role).toBe('viewer');
    const ask = async () =>
      (
        await promisify(execFile)('curl', [
          '-sS',
          '-o',
          '/dev/null',
          '-w',
          '%{http_code}',
          '-H',
          `Authorization: Bearer ${text}`,
          `${base}/me`,
        ])
      ).stdout;
    expect(await ask()).toBe('200');
    expect((await sluice(['token', 'revoke', 'short'], { cwd: dir, env })).stdout).toContain('Revoked short');
    expect(await ask()).toBe('401');
    const listed = JSON.parse((await sluice(['token', 'list', '--json'], { cwd: dir, env })).stdout);
    expect(listed.find((one: { id: string }) => one.id === id).revoked_at).not.toBeNull();
    expect((await sluice(['token', 'revoke', 'short'], { cwd: dir, env })).code).toBe(2);
    const { text: trail } = await curl(`${base}/audit?subject=${id}`);
    expect(trail).toMatch(/token\.revoke.*token\.create/);
    expect(trail).not.toContain(text);
  });

  it('list presets and sources', async () => {
    expect((await curl(`${base}/jobs/compute/presets`)).status).toBe(200);
    expect((await curl(`${base}/jobs/sources/available`)).status).toBe(200);
    const docs = await promisify(execFile)(
      'curl',
      ['-sS', base.replace('/api/v1', '/docs/files/redoc.standalone.js')],
      { maxBuffer: 1e7 },
    );
    expect(docs.stdout.length).toBeGreaterThan(100_000);
  });
});
