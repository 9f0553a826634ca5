import { describe, expect, it } from 'vitest';
import { createProject } from '../check/project.ts';
import type { Job } from '../model/job.ts';
import { parseDocument } from '../text/parse.ts';
import { type CompileOptions, compile } from './compile.ts';

interface Files {
  project?: string;
  file?: string;
  options?: CompileOptions;
}

function compiled(text: string, { project, file = 'jobs/a.yaml', options = {} }: Files = {}) {
  const config = project === undefined ? null : parseDocument(project, 'sluice.yaml');
  const document = parseDocument(text, file);
  return compile(document, createProject({ config, jobs: [document], name: 'lone' }), options);
}

function job(text: string, files: Files = {}): Job {
  const { job: result, diagnostics } = compiled(text, files);
  expect(diagnostics).toEqual([]);
  return result!;
}

const SMALL = 'name: a\nsource: {type: local, path: in.csv}\n';

describe('compile', () => {
  it('fills in everything that a job leaves out', () => {
    expect(job(SMALL)).toMatchObject({
      name: 'a',
      project: 'lone',
      target: 'default',
      file: 'jobs/a.yaml',
      enabled: true,
      compute: { preset: 'small-batch', workers: { min: 1, max: 1 }, memory: 1e9 },
      schedule: null,
      retries: { max: 0, delay_ms: 30_000, backoff: 'exponential' },
      timeout_ms: null,
      streams: [
        {
          name: 'a',
          source: {
            type: 'local',
            connection: null,
            settings: { path: 'in.csv', min_age: '0s', compression: 'auto' },
          },
          format: null,
          incremental: { type: 'files', on_change: 'fail' },
          destination: {
            type: 'duckdb',
            settings: { path: '.sluice/warehouse.duckdb' },
            schema: null,
            table: 'a',
            write_disposition: 'append',
            primary_key: [],
          },
          schema_contract: { columns: 'evolve', data_type: 'freeze' },
          limits: { max_rejected: null },
          on_bad_row: 'fail',
          on_no_data: 'succeed',
        },
      ],
    });
  });

  it('lays project defaults under the job in order, by path and tags; null removes', () => {
    const project = `version: 1
name: acme
defaults:
  - set: {owner: all, timeout: 1h, retries: {max: 2, delay: 10s}, tags: [none]}
  - match: {path: "jobs/crm/**"}
    set: {owner: crm, retries: {max: 5}}
  - match: {tags: [slow]}
    set: {timeout: 9h}
`;
    const inCrm = job(`${SMALL}retries: {backoff: fixed}\n`, { project, file: 'jobs/crm/a.yaml' });
    expect(inCrm).toMatchObject({ owner: 'crm', timeout_ms: 3_600_000, tags: ['none'] });
    expect(inCrm.retries).toEqual({ max: 5, delay_ms: 10_000, backoff: 'fixed' });
    const slow = job(`${SMALL}tags: [slow]\nowner: null\n`, { project });
    expect(slow).toMatchObject({ owner: null, timeout_ms: 32_400_000, tags: ['slow'] });
  });

  it('replaces a mapping whole where its type differs', () => {
    const project =
      'version: 1\nname: p\ndefaults: [{set: {destination: {type: postgres, url: "${env:U}", schema: raw}}}]\n';
    const same = job(`${SMALL}destination: {table: t}\n`, { project });
    expect(same.streams[0]!.destination).toMatchObject({
      type: 'postgres',
      schema: 'raw',
      table: 't',
      settings: { url: '${env:U}' },
    });
    const other = job(`${SMALL}destination: {type: duckdb}\n`, { project });
    expect(other.streams[0]!.destination).toMatchObject({ type: 'duckdb', schema: null });
  });

  it('merges the keys of a connection into the settings, and takes the type from it', () => {
    const project =
      'version: 1\nname: p\nconnections: {lake: {type: local, root: /srv}, pg: {type: postgres, host: db, password: "${env:PW}"}}\n';
    const { streams } = job('name: a\nsource: {connection: lake, path: in.csv}\ndestination: {connection: pg}\n', {
      project,
    });
    expect(streams[0]!.source).toMatchObject({
      type: 'local',
      connection: 'lake',
      settings: { root: '/srv', path: 'in.csv' },
    });
    expect(streams[0]!.destination).toMatchObject({
      type: 'postgres',
      connection: 'pg',
      settings: { host: 'db', password: '${env:PW}' },
    });
  });

  it('lays streams over the job', () => {
    const { streams } = job(`name: crm
source: {type: local, format: {type: csv, delimiter: ";"}}
columns: [{name: id, primary_key: true}]
destination: {type: duckdb, schema: raw, write_disposition: merge}
streams:
  - name: orders
    source: {path: orders.csv, format: {quote: "'"}}
  - name: countries
    enabled: false
    source: {path: c.parquet, format: parquet}
    columns: []
    destination: {write_disposition: replace}
`);
    expect(streams.map((s) => [s.name, s.enabled, s.destination.table, s.destination.write_disposition])).toEqual([
      ['orders', true, 'orders', 'merge'],
      ['countries', false, 'countries', 'replace'],
    ]);
    expect(streams[0]!.format).toMatchObject({ type: 'csv', settings: { delimiter: ';', quote: "'" } });
    expect(streams[1]!.format).toMatchObject({ type: 'parquet' });
    expect(streams.map((s) => s.destination.primary_key)).toEqual([['id'], []]);
    expect(streams.map((s) => s.incremental.type)).toEqual(['files', 'none']);
    expect(streams[1]!.destination.schema).toBe('raw');
  });

  it('puts checks of columns before those of the job and takes on_failure out of the settings', () => {
    const { streams } = job(`${SMALL}columns:
  - {name: id, checks: [not_null: {on_failure: quarantine}, unique]}
checks:
  - unique: [id, line]
  - expression: amount >= 0
`);
    expect(streams[0]!.checks).toEqual([
      { type: 'not_null', settings: {}, column: 'id', on_failure: 'quarantine' },
      { type: 'unique', settings: {}, column: 'id', on_failure: 'fail' },
      { type: 'unique', settings: { columns: ['id', 'line'] }, column: null, on_failure: 'fail' },
      { type: 'expression', settings: { sql: 'amount >= 0' }, column: null, on_failure: 'fail' },
    ]);
    expect(streams[0]!.limits.max_rejected).toEqual({ rows: null, ratio: 0.05 });
  });

  it("takes the job's own limit over the project's", () => {
    const project = 'version: 1\nname: p\nlimits: {max_rejected: {rows: 10}}\n';
    expect(job(SMALL, { project }).streams[0]!.limits.max_rejected).toEqual({ rows: 10, ratio: null });
    const own = job(`${SMALL}limits: {max_rejected: {ratio: 0.5}}\n`, { project });
    expect(own.streams[0]!.limits.max_rejected).toEqual({ rows: null, ratio: 0.5 });
  });

  it('lays own keys over a preset', () => {
    expect(job(`${SMALL}compute: {preset: large-batch, workers: {max: 2}}\n`).compute).toEqual({
      preset: 'large-batch',
      workers: { min: 2, max: 2 },
      memory: 16e9,
    });
  });

  it('keeps the text of what looks like a number where text is wanted', () => {
    const { owner, tags } = job(`${SMALL}owner: 02134\ntags: [1.10, NO, 12:30:45, on, 0x1F]\n`);
    expect([owner, ...tags]).toEqual(['02134', '1.10', 'NO', '12:30:45', 'on', '0x1F']);
  });

  it('puts variables of the target in, never twice, and leaves other references as symbols', () => {
    const project = `version: 1
name: p
variables: {dir: {default: base}, odd: {default: "$\${env:X}"}}
targets: {dev: {default: true}, prod: {variables: {dir: live}}}
`;
    const text =
      'name: a\nsource: {type: local, path: "${var:dir}/${env:D}/${var:odd}"}\ntransform: [filter: "d = \'${var:dir}\'"]\n';
    const path = (options: CompileOptions) =>
      job(text, { project: project.replace('$${env:X}', 'x'), options }).streams[0]!.source.settings.path;
    expect(path({})).toBe('base/${env:D}/x');
    expect(path({ target: 'prod' })).toBe('live/${env:D}/x');
    expect(path({ target: 'prod', vars: { dir: '${env:SECRET}' } })).toBe('$${env:SECRET}/${env:D}/x');
    expect(() => compiled(text, { project, options: { target: 'stage' } })).toThrow(
      expect.objectContaining({ code: 'config/target' }),
    );
    expect(() => compiled(text, { project, options: { vars: { dri: 'x' } } })).toThrow(
      expect.objectContaining({ code: 'config/variable' }),
    );
  });

  it('reads a variable as the type that is wanted', () => {
    const project =
      'version: 1\nname: p\nvariables: {on: {default: false}, max: {default: "3"}, text: {default: 007}}\n';
    const made = job(`${SMALL}enabled: \${var:on}\nretries: {max: "\${var:max}"}\nowner: \${var:text}\n`, { project });
    expect(made).toMatchObject({ enabled: false, retries: { max: 3 }, owner: '007' });
    expect(compiled(`${SMALL}enabled: \${var:max}\n`, { project }).diagnostics.map((d) => d.code)).toEqual([
      'schema/type',
    ]);
  });

  it('gives no job where the file or sluice.yaml has an error', () => {
    expect(compiled('name: a\n').job).toBeNull();
    const broken = compiled(SMALL, { project: 'version: 1\nname: P\n' });
    expect(broken.job).toBeNull();
    expect(broken.diagnostics[0]).toMatchObject({ code: 'schema/pattern', related: [{ file: 'sluice.yaml' }] });
  });
});

describe('the hash', () => {
  const text = `name: a
# nightly
source: {type: local, path: "in/\${env:DIR}.csv", min_age: 0s}
limits:
  max_rejected: {rows: 1e3}
schedule: "0  6 * * *"
tags: [b, a]
destination:
  type: duckdb
  table: t`;

  it('does not see comments, key order, formatting, written defaults or ways to write a number', () => {
    const other = `destination: {table: t, type: duckdb, write_disposition: append}
tags: [b, a]
schedule: {cron: 0 6 * * *, timezone: UTC}
limits: {max_rejected: {rows: 1000}}
source:
  path: in/\${env:DIR}.csv
  type: local # files
name: "a"
enabled: true
`;
    expect(job(other).hash).toBe(job(text).hash);
    expect(job(text, { file: 'moved/b.yaml' }).hash).toBe(job(text).hash);
  });

  it('does not see the ./ that a path or pattern begins with', () => {
    const at = (path: string, warehouse: string) =>
      job(`name: a
source: {type: local, path: "${path}", exclude: ["${path}"]}
destination: {type: duckdb, path: "${warehouse}"}
`);
    const plain = at('in/*.csv', 'x/w.duckdb');
    expect(plain.streams[0]?.source.settings.path).toBe('in/*.csv');
    expect(at('./in/*.csv', './/./x/w.duckdb').hash).toBe(plain.hash);
    for (const kept of ['../in/*.csv', '/in/*.csv', '.in/*.csv', './/'])
      expect(at(kept, 'x/w.duckdb').streams[0]?.source.settings.path).toBe(kept);
  });

  it('sees every value', () => {
    const changed = [
      text.replace('0  6', '1 6'),
      text.replace('[b, a]', '[a, b]'),
      text.replace('DIR', 'DIR2'),
      text.replace('1e3', '1001'),
      text.replace('table: t', 'table: u'),
    ];
    const hashes = new Set([text, ...changed].map((t) => job(t).hash));
    expect(hashes.size).toBe(changed.length + 1);
  });
});
