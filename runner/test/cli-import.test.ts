import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseDocument } from '@sluice/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CliResult, folderWith, sluice } from './cli.ts';

/** Commands around a project: what comes in from elsewhere, what shells, hooks and code hosts are told. */

let dir: string;
let remove: () => Promise<void>;

const ORIGIN = {
  job_name: 'Customer Data Import',
  description: 'Import customer data from S3',
  source_config: {
    source_type: 's3',
    connection_params: {
      bucket: 'my-data-bucket',
      prefix: 'customers/',
      access_key: 'YOUR_KEY',
      secret_key: 'S3cr-Kk1',
      region: 'us-east-1',
    },
    file_pattern: '*.csv',
    schema_inference: true,
  },
  destination_schema: 'analytics',
  destination_table: 'customers',
  processing_config: { mode: 'batch', format: 'csv', batch_size: 10000, checkpoint_enabled: true },
  compute_config: {
    cluster_mode: 'multi-node',
    instance_type: 'compute_optimized',
    min_workers: 2,
    max_workers: 10,
    autoscaling_enabled: true,
    photon_enabled: true,
    adaptive_query_execution: true,
    dynamic_partition_pruning: true,
    cbo_enabled: true,
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

beforeAll(async () => {
  const local = {
    job_name: 'orders',
    source_config: { source_type: 'local', connection_params: { path: 'in' }, file_pattern: '*.csv', sampling: 3 },
    processing_config: { mode: 'streaming', format: 'auto', checkpoint_enabled: false, watermark: '1h' },
    schedule_config: { enabled: false, cron_expression: '* * * * *' },
    job_id: 'abc',
    status: 'created',
  };
  const jdbc = {
    job_name: 'replica',
    source_config: {
      source_type: 'jdbc',
      connection_params: { url: 'jdbc:postgresql://u:S3cr-Kk1@h/db', table: 'public.orders', driver: 'x' },
    },
  };
  ({ dir, remove } = await folderWith({
    'sluice.yaml': 'version: 1\nname: shop\nconnections:\n  files:\n    type: local\n',
    'jobs/good.yaml': 'name: good\ntags: [nightly]\nsource:\n  type: local\n  path: in/*.csv\n',
    'jobs/two words #1.yaml': 'name: odd\ntags: [odd]\nsource:\n  typ: local\n  path: in/*.csv\n',
    'in/a.csv': 'id\n1\n',
    'origin.json': JSON.stringify(ORIGIN),
    'answer.json': JSON.stringify({ jobs: [local, jdbc] }),
    'bad.json': '{"job_name": 1}',
    'broken.json': '{"job_name": ',
  }));
});
afterAll(() => remove());

function run(...args: string[]): Promise<CliResult> {
  return sluice(args, { cwd: dir, env: { DATABASE_URL: 'postgres://127.0.0.1:1/none' } });
}

describe('import', () => {
  it('gives the job of the origin in this language, without its secrets', async () => {
    const { code, stdout, stderr } = await run('import', 'origin.json');
    expect(code).toBe(0);
    expect(stdout + stderr).not.toContain('S3cr-Kk1');
    expect(stdout).toBe(`name: customer_data_import
description: Import customer data from S3
tags: [customer-data, analytics]
source:
  type: s3
  bucket: my-data-bucket
  access_key_id: \${env:CUSTOMER_DATA_IMPORT_ACCESS_KEY_ID}
  secret_access_key: \${env:CUSTOMER_DATA_IMPORT_SECRET_ACCESS_KEY}
  region: us-east-1
  path: customers/*.csv
  format: csv
destination:
  type: duckdb
  schema: analytics
  table: customers
compute:
  workers:
    min: 2
    max: 10
schedule:
  cron: 0 2 * * *
retries:
  max: 3
  delay: 300s
`);
    for (const field of ['cluster_mode', 'instance_type', 'photon_enabled', 'batch_size', 'secret_key']) {
      expect(stderr).toContain(`${field}:`);
    }
    expect(stderr).not.toContain('error[');
  });

  it('writes files, names what is not known, and passes over what the server adds', async () => {
    const made = await run('import', 'answer.json', '--write', '--json');
    expect(made.code).toBe(0);
    const [orders, replica] = JSON.parse(made.stdout);
    expect(orders).toMatchObject({ name: 'orders', file: 'jobs/orders.yaml', written: true });
    expect(orders.yaml).toContain('path: in/*.csv\n');
    expect(orders.yaml).toContain('incremental:\n  type: none\n');
    expect(orders.yaml).not.toContain('schedule');
    const warned = orders.warnings.map((text: string) => text.split(':')[0]);
    expect(warned).toEqual([
      'source_config.sampling',
      'processing_config.mode',
      'processing_config.watermark',
      'schedule_config.enabled',
    ]);
    expect(replica.yaml).toContain('  type: postgres\n');
    expect(replica.yaml + made.stderr).not.toContain('S3cr-Kk1');
    expect((await run('validate', 'jobs/orders.yaml')).code).toBe(0);
    await writeFile(join(dir, 'jobs/orders.yaml'), '# mine\nname: orders\n');
    const again = await run('import', 'answer.json', '--write');
    expect(again.stdout).toBe('');
    expect(await readFile(join(dir, 'jobs/orders.yaml'), 'utf8')).toContain('# mine');
  });

  it.each([
    [1, 'bad.json', 'import/file'],
    [1, 'broken.json', 'import/file'],
    [2, 'none.json', 'usage/file'],
    [2, 'jobs', 'usage/file'],
  ])('%i: %s is %s', async (status, file, code) => {
    const { code: found, stdout, stderr } = await run('import', file);
    expect([found, stdout]).toEqual([status, '']);
    expect(stderr).toContain(`error[${code}]`);
  });
});

describe('completion', () => {
  it.each(['bash', 'zsh', 'fish'])('prints a script for %s', async (shell) => {
    const { code, stdout } = await run('completion', shell);
    expect([code, stdout.includes('sluice __complete')]).toEqual([0, true]);
  });

  it('knows commands, options, values, jobs and connections', async () => {
    const words = async (...args: string[]) => (await run('__complete', ...args)).stdout.split('\n').filter(Boolean);
    expect(await words('va')).toEqual(['validate']);
    expect(await words('state', 're')).toEqual(['reset', 'restore']);
    expect(await words('run', 'go')).toEqual(['good']);
    expect(await words('validate', '--fail')).toEqual(['--fail-on']);
    expect(await words('validate', '-o', 's')).toEqual(['sarif']);
    expect(await words('discover', '')).toEqual(['files']);
    expect(await words('completion', 'z')).toEqual(['zsh']);
    expect(await words('nonsense', 'x')).toEqual([]);
  });
});

describe('validation elsewhere', () => {
  it('a SARIF log names files as URIs, and each result its rule', async () => {
    const { code, stdout } = await run('validate', '-o', 'sarif', '--select', 'tag:odd');
    const [one] = JSON.parse(stdout).runs;
    expect([code, one.results.length > 0]).toEqual([1, true]);
    for (const result of one.results) {
      expect(one.tool.driver.rules[result.ruleIndex].id).toBe(result.ruleId);
      const { artifactLocation, region } = result.locations[0].physicalLocation;
      expect(artifactLocation.uri).toBe('jobs/two%20words%20%231.yaml');
      expect(region.startLine >= 1 && region.startColumn >= 1 && region.endColumn >= 1).toBe(true);
      expect(['error', 'warning', 'note']).toContain(result.level);
    }
  });

  it('selects files by their jobs', async () => {
    expect((await run('validate', '--select', 'tag:nightly')).code).toBe(0);
    expect((await run('validate', '--select', 'tag:none')).code).toBe(2);
  });

  it('the hook of pre-commit runs, and its pattern fits the files of a project', async () => {
    const text = await readFile(new URL('../../.pre-commit-hooks.yaml', import.meta.url), 'utf8');
    expect(parseDocument(text, 'hooks').diagnostics).toEqual([]);
    const value = (key: string) => new RegExp(`^  ${key}: (.*)$`, 'm').exec(text)?.[1] ?? '';
    const [program, ...args] = value('entry').split(' ');
    expect(program).toBe('sluice');
    expect((await run(...args)).code).toBe(1);
    const files = new RegExp(value('files'));
    const fits = [
      'sluice.yaml',
      'a/sluice.yaml',
      'jobs/a/b.yml',
      'x/jobs/a.yaml',
      'b.sluice.yaml',
      'README.md',
      'a.yaml',
    ];
    expect(fits.map((file) => files.test(file))).toEqual([true, true, true, true, true, false, false]);
  });
});
