import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TestDatabase, testDatabase } from '../../core/test/postgres.ts';
import { openStore } from '../src/store/store.ts';
import { type CliResult, folderWith, sluice, startSluice } from './cli.ts';

/** Commands that run jobs, with the built command in a process of its own. */

let db: TestDatabase;
let dir: string;
let remove: () => Promise<void>;

const job = (name: string, more = '', path = `${name}.csv`) =>
  `name: ${name}\nsource:\n  type: local\n  path: ${path}\ndestination:\n  type: duckdb\n  table: ${name}\n${more}`;

const FILES: Record<string, string> = {
  'sluice.yaml': 'version: 1\nname: shop\n',
  'jobs/good.yaml': job('good', 'columns:\n  - name: amount\n    type: decimal(12,2)\n'),
  'good.csv': 'id,zip,amount\n1,02134,2.50\n9007199254740993,94107,10\n',
  'jobs/bad.yaml': job('bad', 'tags: [broken]\ncolumns:\n  - name: amount\n    type: decimal(12,2)\n'),
  'bad.csv': 'id,amount\n1,2.50\n2,x\n',
  'jobs/invalid.yaml': 'name: invalid\nsource:\n  type: loca\n  path: a.csv\n',
  'jobs/after.yaml': job('after', 'depends_on: [bad]\ntags: [broken]\n', 'good.csv'),
  'jobs/off.yaml': job('off', 'enabled: false\n', 'good.csv'),
  'jobs/secret.yaml':
    'name: secret\nsource:\n  type: local\n  path: good.csv\ndestination:\n  type: postgres\n  url: ${env:WH_URL}\n  table: t\nretries:\n  max: 1\n  delay: 1s\n',
  'jobs/pg.yaml':
    'name: pg\nsource:\n  type: local\n  path: good.csv\ndestination:\n  type: postgres\n  url: ${env:PG_URL}\n  schema: wh\n  table: pg\n',
  'jobs/two.yaml': `${job('two', '', 'good.csv').replace('  table: two\n', '')}streams:\n  - name: a\n  - name: b\n`,
};

beforeAll(async () => {
  db = await testDatabase();
  ({ dir, remove } = await folderWith(FILES));
});
afterAll(async () => {
  await remove();
  await db.drop();
});

function run(args: string[], env: Record<string, string> = {}): Promise<CliResult> {
  return sluice(args, { cwd: dir, env: { DATABASE_URL: db.url, PG_URL: db.url, ...env } });
}

function lines(text: string): Record<string, unknown>[] {
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
}

describe('run', () => {
  it('writes what happens to the file of --events, ended by the result or by why there was no run', async () => {
    const events = join(dir, 'events.ndjson');
    await run(['run', 'bad', 'invalid', '--events', events]);
    const written = lines(await readFile(events, 'utf8'));
    expect(written[0]).toMatchObject({ job: 'bad', type: 'started', run_id: expect.any(String) });
    expect(Number.isNaN(Date.parse(String(written[0]?.time)))).toBe(false);
    const phases = written.filter(({ type }) => type === 'phase').map(({ phase }) => phase);
    expect(phases.slice(0, 3)).toEqual(['open', 'list', 'sniff']);
    const ended = written.filter(({ type }) => type === 'ended');
    expect(ended).toMatchObject([
      { job: 'bad', status: 'failed', streams: [{ stream: 'bad', error: { where: { column: 'amount' } } }] },
      { job: 'invalid', run_id: null, status: 'failed', error: { code: 'job/invalid' } },
    ]);
    const nowhere = await run(['run', 'good', '--events', join(dir, 'none', 'events.ndjson')]);
    expect([nowhere.code, nowhere.stderr]).toEqual([1, expect.stringContaining('events/file')]);
  });

  it('ends with one line of JSON', async () => {
    const { code, stdout, stderr } = await run(['run', 'good', '--json']);
    expect([code, stderr]).toEqual([0, '']);
    const [line, ...others] = lines(stdout);
    expect(others).toEqual([]);
    const optional = ['rows_inserted', 'rows_updated', 'rows_deleted'];
    expect(Object.keys(line ?? {}).filter((key) => !optional.includes(key))).toEqual([
      'run_id',
      'job',
      'status',
      'rows_read',
      'rows_added',
      'rows_written',
      'rows_rejected',
      'rows_filtered',
      'rows_quarantined',
      'bytes_read',
      'duration_ms',
      'destination',
      'checkpoint',
      'streams',
      'error',
    ]);
    expect(line).toMatchObject({ job: 'good', status: 'succeeded', rows_read: 2, rows_written: 2, error: null });
    expect(line?.streams).toMatchObject([{ stream: 'good', status: 'succeeded', rows_written: 2, error: null }]);
  });

  it('loads nothing twice', async () => {
    const { stdout } = await run(['run', 'jobs/good.yaml', '--json']);
    expect(lines(stdout)[0]).toMatchObject({ status: 'succeeded', rows_written: 0 });
    const again = JSON.parse((await run(['sql', '--json', 'select count(*) as n from good'])).stdout);
    expect(again).toEqual([{ n: 2 }]);
  });

  it('says code, file, row and the next step where a value is wrong', async () => {
    const { code, stdout, stderr } = await run(['run', 'bad']);
    expect(code).toBe(1);
    expect(stdout).toContain('failed');
    expect(stderr).toContain('error[type/value]');
    expect(stderr).toMatch(/at bad\.csv, row 2, column amount, job bad\n {2}hint \S/);
  });

  it('runs the other jobs where one fails or does not compile', async () => {
    const { code, stdout } = await run(['run', 'invalid', 'bad', 'after', 'good', '--json']);
    expect(code).toBe(1);
    const found = lines(stdout).map((line) => [line.job, line.status, (line.error as { code: string } | null)?.code]);
    expect(found).toEqual([
      ['invalid', 'failed', 'job/invalid'],
      ['bad', 'failed', 'type/value'],
      ['after', 'failed', 'run/upstream'],
      ['good', 'succeeded', undefined],
    ]);
  });

  it('orders selected jobs by what they depend on', async () => {
    const { stdout } = await run(['run', '--select', 'tag:broken', '--json']);
    expect(lines(stdout).map((line) => line.job)).toEqual(['bad', 'after']);
  });

  it('refuses a job that is switched off', async () => {
    const { code, stdout } = await run(['run', 'off', '--json']);
    expect(code).toBe(1);
    expect(lines(stdout)[0]).toMatchObject({ run_id: null, error: { code: 'job/disabled' } });
  });

  it('passes over a job that is switched off where it is only selected; a selection of nothing is a slip', async () => {
    const off = await run(['run', '--select', 'path:jobs/off.yaml', '--json']);
    expect([off.code, off.stdout]).toEqual([0, '']);
    expect((await run(['run', '--select', 'tag:brokn'])).code).toBe(2);
  });

  it('names the place of a reference that has no value', async () => {
    const { code, stderr } = await run(['run', 'secret']);
    expect(code).toBe(1);
    expect(stderr).toContain('error[reference/unset]');
    expect(stderr).toContain('${env:WH_URL} at jobs/secret.yaml:7:8');
  });

  it('shows no secret, whatever is said', async () => {
    const env = { WH_URL: 'postgresql://app:S3cr%40t-Zq9@127.0.0.1:1/db' };
    const all: string[] = [];
    for (const args of [
      ['run', 'secret', '--verbose'],
      ['run', 'secret', '--json'],
      ['sql', 'select 1', '--job', 'secret'],
      ['state', 'show', 'secret'],
    ]) {
      const { code, stdout, stderr } = await run(args, env);
      expect(code).toBe(1);
      expect(stderr).toContain('127.0.0.1:1');
      all.push(stdout, stderr);
    }
    const text = all.join('\n');
    expect(text).not.toContain('S3cr');
    expect(text).not.toContain(Buffer.from('S3cr@t-Zq9').toString('base64').slice(0, 8));
  });

  it('finds the state store by .env', async () => {
    const other = await folderWith({
      'good.yaml': FILES['jobs/good.yaml'] ?? '',
      '.env': 'DATABASE_URL=postgres://u:pw-x1@127.0.0.1:2/x\n',
    });
    try {
      const { code, stderr } = await sluice(['run', 'good.yaml'], { cwd: other.dir });
      expect(code).toBe(1);
      expect(stderr).toContain('error[store/unreachable]');
      expect(stderr).toContain('127.0.0.1:2');
      expect(stderr).not.toContain('pw-x1');
    } finally {
      await other.remove();
    }
  });

  it.each(['SIGINT', 'SIGTERM'] as const)('%s stops it before its commit, with status 130', async (signal) => {
    const name = `slow_${signal.toLowerCase()}`;
    await writeFile(join(dir, `jobs/${name}.yaml`), job(name, '', 'good.csv'));
    const store = await openStore({ url: db.url });
    const holding = { signal: new AbortController().signal, holder: 'a test', onWait: () => undefined };
    try {
      // The run waits for the warehouse: nothing can outrun the signal.
      const result = await store.withLock(join(dir, '.sluice/warehouse.duckdb'), holding, async () => {
        const { child, ended } = startSluice(['run', name, '--json'], { cwd: dir, env: { DATABASE_URL: db.url } });
        await new Promise<void>((resolve) => {
          child.stderr?.on('data', (chunk: Buffer) => chunk.includes('a test') && resolve());
        });
        child.kill(signal);
        return await ended;
      });
      expect(result.code).toBe(130);
      expect(lines(result.stdout)[0]).toMatchObject({ job: name, status: 'cancelled', rows_written: 0 });
    } finally {
      await store.close();
    }
  });
});

describe('preview', () => {
  it('shows rows and types and writes nothing', async () => {
    const { code, stdout } = await run(['preview', 'bad', '--json', '--rows', '5']);
    expect(code).toBe(0);
    const found = JSON.parse(stdout);
    expect(found.columns.map((c: { name: string }) => c.name)).toEqual(['id', 'amount']);
    expect(found.rows).toEqual([{ id: expect.anything(), amount: '2.50' }]);
    expect(found.rejected).toBe(1);
    const tables = await run(['sql', '--json', `select count(*) as n from duckdb_tables() where table_name = 'bad'`]);
    expect(JSON.parse(tables.stdout)).toEqual([{ n: 0 }]);
  });

  it('shows rows as they stand in the source, also where a merge keeps the last of each key', async () => {
    const ids = Array.from({ length: 40 }, (_, i) => (i * 7) % 40);
    await writeFile(join(dir, 'mixed.csv'), `id,v\n${ids.map((id) => `${id},x`).join('\n')}\n0,last\n`);
    const merge = '  write_disposition: merge\ncolumns:\n  - name: id\n    primary_key: true\n';
    await writeFile(join(dir, 'jobs/mixed.yaml'), job('mixed', merge));
    const { rows } = JSON.parse((await run(['preview', 'mixed', '--json', '--rows', '50'])).stdout);
    expect(rows.map((row: { id: string }) => Number(row.id))).toEqual([...ids.slice(1), 0]);
    await rm(join(dir, 'jobs/mixed.yaml'));
  });

  it('writes an Arrow stream, which is read back to the same rows', async () => {
    const started = startSluice(['preview', 'good', '-o', 'arrow'], { cwd: dir, env: { DATABASE_URL: db.url } });
    const pieces: Buffer[] = [];
    started.child.stdout?.on('data', (piece: Buffer) => pieces.push(piece));
    expect((await started.ended).code).toBe(0);
    await writeFile(join(dir, 'good.arrows'), Buffer.concat(pieces));
    await writeFile(join(dir, 'jobs/back.yaml'), job('back', '', 'good.arrows'));
    const back = JSON.parse((await run(['preview', 'back', '--json'])).stdout);
    expect(back.rows).toEqual([
      { id: '1', zip: '02134', amount: '2.50' },
      { id: '9007199254740993', zip: '94107', amount: '10.00' },
    ]);
    expect(back.columns).toEqual(JSON.parse((await run(['preview', 'good', '--json'])).stdout).columns);
    expect((await run(['preview', 'good', '-o', 'arrow', '--profile'])).code).toBe(2);
    await rm(join(dir, 'jobs/back.yaml'));
  });

  it('wants one stream of several', async () => {
    expect((await run(['preview', 'two'])).code).toBe(2);
    expect(JSON.parse((await run(['preview', 'two/b', '--json'])).stdout).rows).toHaveLength(2);
  });
});

describe('sql', () => {
  it('prints rows exactly, in every form', async () => {
    const query = "select id, zip, amount, timestamp '2026-01-02 03:04:05' as at from good order by zip";
    const expected = [
      { id: 1, zip: '02134', amount: '2.50', at: '2026-01-02T03:04:05' },
      { id: '9007199254740993', zip: '94107', amount: '10.00', at: '2026-01-02T03:04:05' },
    ];
    expect(JSON.parse((await run(['sql', query, '--json'])).stdout)).toEqual(expected);
    expect(lines((await run(['sql', query, '-o', 'ndjson'])).stdout)).toEqual(expected);
    const csv = (await run(['sql', query, '-o', 'csv'])).stdout;
    expect(csv.split('\n')[2]).toBe('9007199254740993,94107,10.00,2026-01-02T03:04:05');
    expect((await run(['sql', query])).stdout).toContain('02134');
  });

  it('asks the destination of a job', async () => {
    expect((await run(['run', 'pg'])).code).toBe(0);
    const { stdout } = await run(['sql', 'select id, amount from wh.pg order by zip', '--job', 'pg', '--json']);
    expect(JSON.parse(stdout)).toMatchObject([{ id: 1 }, { id: '9007199254740993' }]);
  });

  it('reads alone', async () => {
    for (const query of ['delete from good', 'create table x(a int)', "copy good to 'out.csv'"]) {
      const { code, stdout } = await run(['sql', query]);
      expect([query, code, stdout]).toEqual([query, 1, '']);
    }
  });

  it('survives a reader that stops reading', async () => {
    const { child, ended } = startSluice(['sql', 'select * from range(200000)'], {
      cwd: dir,
      env: { DATABASE_URL: db.url },
    });
    child.stdout?.destroy();
    const { code, stderr } = await ended;
    expect([code, stderr.includes('internal')]).toEqual([0, false]);
  });
});

describe('state show', () => {
  it('gives checkpoint, history and runs', async () => {
    const { code, stdout } = await run(['state', 'show', 'good', '--json']);
    expect(code).toBe(0);
    const state = JSON.parse(stdout);
    expect(state).toMatchObject({ job: 'good', target: 'default' });
    expect(state.streams).toMatchObject([{ stream: 'good', state: { seq: 1, files: 1 }, error: null }]);
    expect(state.streams[0].history).toHaveLength(1);
    expect(state.runs.length).toBeGreaterThan(1);
    expect((await run(['state', 'show', 'good'])).stdout).toContain('1 file in the ledger');
  });
});

describe('init', () => {
  it('makes a project that runs at once, and overwrites nothing', async () => {
    const env = { DATABASE_URL: db.url };
    const made = await run(['init', 'new/My Shop 1', '--json']);
    expect(made.code).toBe(0);
    expect(JSON.parse(made.stdout)).toContain('new/My Shop 1/jobs/orders.yaml');
    const cwd = join(dir, 'new/My Shop 1');
    const valid = await sluice(['validate', '--fail-on', 'warning'], { cwd });
    expect([valid.code, valid.stdout]).toEqual([0, '']);
    const ran = await sluice(['run', 'orders', '--json'], { cwd, env });
    expect(lines(ran.stdout)[0]).toMatchObject({
      rows_read: 10,
      rows_written: 7,
      rows_filtered: 2,
      rows_quarantined: 1,
    });
    const rows = await sluice(['sql', '--json', 'select zip from orders where order_id = 1001'], { cwd, env });
    expect(JSON.parse(rows.stdout)).toEqual([{ zip: '02134' }]);

    await writeFile(join(cwd, 'sluice.yaml'), 'mine');
    expect((await run(['init', 'new/My Shop 1'])).code).toBe(2);
    expect(await readFile(join(cwd, 'sluice.yaml'), 'utf8')).toBe('mine');
  });

  it('leaves settings that are there as they are', async () => {
    const other = await folderWith({ '.gitignore': 'mine\n', 'README.md': 'x' });
    try {
      const { code, stderr } = await sluice(['init'], { cwd: other.dir });
      expect(code).toBe(0);
      expect(stderr).toContain('.gitignore');
      expect(await readFile(join(other.dir, '.gitignore'), 'utf8')).toBe('mine\n');
    } finally {
      await other.remove();
    }
  });
});
