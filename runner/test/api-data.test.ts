import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { tableFromIPC } from 'apache-arrow';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ApiLab, apiLab, job } from './api-lab.ts';
import { sluice } from './cli.ts';

let lab: ApiLab;

const ORDERS = `# nightly
${job('orders').replace('type: local\n  path: out/orders', 'type: duckdb\n  path: out.duckdb')}compute:
  # one is enough
  workers: {min: 1, max: 1} # for now
columns:
  - {name: id, type: int}
  - {name: amount, type: "decimal(20,2)"}
  - {name: card, mask: redact}
checks:
  - expression: {sql: "amount >= 0", on_failure: quarantine}
limits: {max_rejected: {ratio: 0.9}}
`;

beforeAll(async () => {
  lab = await apiLab(
    {
      'sluice.yaml': 'version: 1\nname: shop\napi: {hook_secret: "${env:HOOK_KEY}"}\n',
      '.env': 'HOOK_KEY=hook-canary\nLAKE_KEY=lake-canary-9\n',
      'jobs/orders.yaml': ORDERS,
      'data/orders.csv': 'id,amount,card\n1,99999999999999.99,4111-secret\n2,2.50,x\n3,-1.00,y\n',
    },
    {},
  );
  await lab.door.reconcile('test');
});

afterAll(() => lab.close());

describe('compute', () => {
  it('has four presets', async () => {
    const { body } = await lab.call('GET', '/jobs/compute/presets');
    expect(body.presets.map(({ name }: { name: string }) => name)).toEqual([
      'small-batch',
      'medium-batch',
      'large-batch',
      'streaming',
    ]);
    expect(body.presets[1].compute_config).toEqual({
      preset: 'medium-batch',
      min_workers: 2,
      max_workers: 10,
      autoscaling_enabled: true,
    });
  });

  it('is changed in the file, whose comments stay', async () => {
    const before = readFileSync(join(lab.dir, 'jobs/orders.yaml'), 'utf8');
    const body = { min_workers: 1, max_workers: 3, memory: '2GB', photon_enabled: true };
    const { status, body: found } = await lab.call('PATCH', '/jobs/orders/compute', { as: 'editor', body });
    expect(status).toBe(200);
    expect(found.job.compute_config).toMatchObject({ min_workers: 1, max_workers: 3, memory_bytes: 2e9 });
    expect(found.warnings).toEqual([expect.stringContaining('photon_enabled')]);
    const after = readFileSync(join(lab.dir, 'jobs/orders.yaml'), 'utf8');
    expect(after).toBe(before.replace('{min: 1, max: 1} # for now', '{min: 1, max: 3} # for now\n  memory: 2GB'));
    const preset = await lab.call('PATCH', '/jobs/orders/compute', {
      body: { compute_config: { preset: 'medium-batch' } },
    });
    expect(preset.body.yaml).toContain('compute:\n  # one is enough\n  preset: medium-batch\n');
    expect(preset.body.yaml).not.toContain('memory');
    const fixed = { preset: 'medium-batch', max_workers: 4, autoscaling_enabled: false };
    expect((await lab.call('PATCH', '/jobs/orders/compute', { body: fixed })).body.job.compute_config).toMatchObject({
      min_workers: 4,
      max_workers: 4,
    });
  });

  it('is refused where it makes no sense', async () => {
    for (const body of [{ min_workers: 5, max_workers: 2 }, { max_workers: 0 }, { memory: 'much' }, { other: 1 }])
      expect((await lab.call('PATCH', '/jobs/orders/compute', { body })).status, JSON.stringify(body)).toBe(422);
    expect((await lab.call('PATCH', '/jobs/orders/compute', { as: 'operator', body: {} })).status).toBe(403);
    expect((await lab.call('PATCH', '/jobs/none/compute', { body: {} })).status).toBe(404);
  });
});

describe('sources', () => {
  it('are listed with what they can do', async () => {
    const { body } = await lab.call('GET', '/jobs/sources/available', { as: 'viewer' });
    const s3 = body.sources.find(({ type }: { type: string }) => type === 's3');
    expect(s3).toMatchObject({ batch: true, streaming: false });
    expect(s3.formats).toContain('parquet');
    expect(s3.secrets).toContain('secret_access_key');
    expect(s3.settings.properties).toHaveProperty('path');
  });

  it('are tested by reading a sample', async () => {
    const body = {
      source_type: 'local',
      connection_params: { prefix: 'data' },
      file_pattern: '*.csv',
      schema_inference: true,
    };
    const { status, body: found, text } = await lab.call('POST', '/jobs/sources/test', { as: 'editor', body });
    expect(status, text).toBe(200);
    expect(found).toMatchObject({ success: true, source_type: 'local', format: 'csv', files: 1 });
    expect(found.schema.map(({ name, type }: Record<string, string>) => `${name} ${type}`)[1]).toBe(
      'amount decimal(18,2)',
    );
    expect(found.sample.rows[0][1]).toBe('99999999999999.99');
  });

  it('that are databases are asked for their tables', async () => {
    await lab.db.query(
      'CREATE TABLE public.clients (id int, amount numeric(10,2)); INSERT INTO clients VALUES (1, 2.50)',
    );
    const connection_params = { url: lab.db.url };
    const { status, body, text } = await lab.call('POST', '/jobs/sources/test', {
      body: { source_type: 'jdbc', connection_params },
    });
    expect(status, text).toBe(200);
    expect(body).toMatchObject({ success: true, source_type: 'postgres', files: null });
    expect(body.tables.join()).toContain('clients');
    expect(text).not.toContain(lab.db.password || 'no password');
    const only = {
      source_type: 'jdbc',
      connection_params: { ...connection_params, table: 'clients' },
      schema_inference: false,
    };
    const found = await lab.call('POST', '/jobs/sources/test', { body: only });
    expect(found.body, found.text).toMatchObject({ success: true, tables: null, schema: null, sample: null });
  });

  it('that cannot be reached say why, without a secret', async () => {
    const params = {
      bucket: 'b',
      endpoint: 'http://127.0.0.1:1',
      access_key: 'AKCANARY7',
      secret_key: 'canary-77',
      region: 'eu-central-1',
    };
    const found = await lab.call('POST', '/jobs/sources/test', {
      body: { source_type: 's3', connection_params: params, file_pattern: '*.csv' },
    });
    expect(found.status, found.text).toBe(200);
    expect(found.body).toMatchObject({ success: false, source_type: 's3', schema: null });
    const { body } = await lab.call('GET', '/audit?limit=1');
    expect(body.entries[0]).toMatchObject({ action: 'source.test', subject: 'source:s3' });
    expect(found.text + JSON.stringify(body)).not.toMatch(/canary-77|AKCANARY7/);
    expect((await lab.call('POST', '/jobs/sources/test', { body: {} })).status).toBe(422);
    expect((await lab.call('POST', '/jobs/sources/test', { body: { source: { type: 'nothing' } } })).body.code).toBe(
      'job/invalid',
    );
    expect((await lab.call('POST', '/jobs/sources/test', { as: 'operator', body: {} })).status).toBe(403);
  });
});

describe('rows', () => {
  it('are previewed as JSON with every digit, and as Arrow, masked', async () => {
    const { body, text } = await lab.call('GET', '/jobs/orders/preview?rows=2', { as: 'operator' });
    expect(body.columns[1]).toEqual({ name: 'amount', type: 'decimal(20,2)' });
    expect(body.rows[0].slice(0, 2)).toEqual([1, '99999999999999.99']);
    expect(text).not.toContain('4111-secret');
    const headers = { accept: 'application/vnd.apache.arrow.stream' };
    const response = await lab.api.app.inject({
      method: 'GET',
      url: '/api/v1/jobs/orders/preview?rows=2',
      headers: { host: 'localhost', authorization: `Bearer ${lab.tokens.operator}`, ...headers },
    });
    const table = tableFromIPC(response.rawPayload);
    expect([table.numRows, table.schema.fields.map(({ name }) => name)]).toEqual([2, ['id', 'amount', 'card']]);
    expect((await lab.call('GET', '/jobs/orders/preview', { as: 'viewer' })).status).toBe(403);
    expect((await lab.call('GET', '/jobs/orders/preview?stream=x')).status).toBe(404);
  });

  it('that were set aside are shown and replayed, and commits are gone back to', async () => {
    expect((await lab.call('GET', '/jobs/orders/checkpoints')).body.streams).toEqual([]);
    const ran = await sluice(['run', 'orders'], { cwd: lab.dir, env: { DATABASE_URL: lab.db.url } });
    expect(ran.code, ran.stderr).toBe(0);
    const { body } = await lab.call('GET', '/jobs/orders/quarantine', { as: 'operator' });
    expect(body.streams[0].groups[0]).toMatchObject({ rows: 1, replayed: 0 });
    const queued = await lab.call('POST', '/jobs/orders/quarantine/replay', { as: 'operator' });
    expect(queued.status, queued.text).toBe(202);
    const [run] = (await lab.call('GET', '/jobs/orders/executions')).body.executions;
    expect(run).toMatchObject({ execution_id: queued.body.executions[0], kind: 'replay', status: 'queued' });
    expect((await lab.call('POST', '/jobs/orders/quarantine/replay')).body.code).toBe('run/busy');
    const [stream] = (await lab.call('GET', '/jobs/orders/checkpoints')).body.streams;
    expect(stream).toMatchObject({ stream: 'orders', checkpoints: [{ seq: 1, rows_written: 2 }] });
    expect((await lab.call('POST', '/jobs/orders/checkpoints/restore', { as: 'editor', body: { to: 1 } })).status).toBe(
      403,
    );
    expect((await lab.call('POST', '/jobs/orders/checkpoints/restore', { body: { to: 99 } })).status).toBe(404);
    const reset = await lab.call('POST', '/jobs/orders/checkpoints/restore', { body: { to: null } });
    expect(reset.body.streams[0]).toMatchObject({ stream: 'orders', seq: 2 });
    const again = (await lab.call('GET', '/jobs/orders/checkpoints')).body.streams[0].checkpoints;
    expect(again[0]).toMatchObject({ seq: 2, note: 'reset' });
  });
});

describe('nodes and hooks', () => {
  it('say which daemons are there', async () => {
    const node = {
      ...lab.door.key,
      node: 'h/1',
      host: 'h',
      pid: 1,
      address: null,
      version: '1',
      draining: false,
      memory_bytes: 10,
      max_runs: 2,
    };
    await lab.store.nodes.beat(node);
    const { body } = await lab.call('GET', '/nodes', { as: 'viewer' });
    expect(body).toMatchObject({ nodes: [{ node: 'h/1', running: 0, memory_bytes: 10 }], reconciler: null });
  });

  it('believe a git host by its signature', async () => {
    const payload = JSON.stringify({ ref: 'refs/heads/main' });
    const push = (headers: Record<string, string>) =>
      lab.call('POST', '/hooks/git', {
        as: null,
        body: payload,
        headers: { 'content-type': 'application/json', ...headers },
      });
    const signed = `sha256=${createHmac('sha256', 'hook-canary').update(payload).digest('hex')}`;
    expect(await push({ 'x-hub-signature-256': signed })).toMatchObject({ status: 202, body: { fetching: false } });
    expect((await push({ 'x-gitlab-token': 'hook-canary' })).status).toBe(202);
    for (const headers of [
      {},
      { 'x-hub-signature-256': signed.replace(/.$/, '0') },
      { 'x-gitlab-token': 'x' },
    ] as Record<string, string>[])
      expect((await push(headers)).body.code).toBe('hook/signature');
  });
});
