import { execFileSync, spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { dropCommit } from './drop-commit.ts';
import { adds, destination, type TestProject, testProject, until } from './harness.ts';
import { Scenario } from './kill-loop.ts';

let project: TestProject;
beforeAll(async () => {
  project = await testProject();
});
afterAll(() => project.close());

function rows(count: number): string {
  return `id,v\n${Array.from({ length: count }, (_, n) => `${n + 1},v${n}\n`).join('')}`;
}

const RETRIES = 'retries:\n  max: 2\n  delay: 1s\n';

/** Makes a table that refuses the row with this id for as long as wh.boom has a row. */
async function refuse(table: string, id: number): Promise<void> {
  await project.db.query(`
    CREATE SCHEMA IF NOT EXISTS wh;
    CREATE TABLE wh.${table} (id bigint, v text);
    CREATE TABLE IF NOT EXISTS wh.boom (x int);
    DELETE FROM wh.boom;
    INSERT INTO wh.boom VALUES (1);
    CREATE OR REPLACE FUNCTION wh.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        IF NEW.id = ${id} AND EXISTS (SELECT FROM wh.boom) THEN RAISE EXCEPTION 'boom'; END IF;
        RETURN NEW;
      END $$;
    CREATE TRIGGER refuse BEFORE INSERT ON wh.${table} FOR EACH ROW EXECUTE FUNCTION wh.refuse()`);
}

async function attempts(runId: string): Promise<(string | null)[]> {
  const found = await project.db.query(
    `SELECT error->>'code' AS code, finished_at FROM sluice.run_attempts WHERE run = '${runId}' ORDER BY attempt`,
  );
  expect(found.every((row) => row.finished_at !== null)).toBe(true);
  return found.map((row) => row.code ?? null);
}

describe('retries', () => {
  it.each([1, 3])('Postgres refuses two times: the third attempt loads every row once (%d tasks)', async (tasks) => {
    const name = `refused_${tasks}`;
    await refuse(name, 61);
    await project.file(`${name}/a.csv`, rows(40));
    await project.file(`${name}/b.csv`, 'id,v\n');
    const rest = Array.from({ length: 60 }, (_, n) => `${n + 41},v\n`).join('');
    await project.file(`${name}/c.csv`, `id,v\n${rest}`);
    const yaml = `name: ${name}\nsource:\n  type: local\n  path: ${name}/*.csv\n${destination('postgres', name)}${RETRIES}compute:\n  workers:\n    min: ${tasks}\n    max: ${tasks}\n`;
    let mended: Promise<unknown> = Promise.resolve();
    const result = await project.run(yaml, {
      on: (event) => {
        if (event.type === 'retry' && event.attempt === 3) mended = project.db.query('DELETE FROM wh.boom');
      },
    });
    await mended;
    expect(result).toMatchObject({ status: 'succeeded', attempts: 3, counts: { rows_read: 100, rows_written: 100 } });
    expect(adds(result)).toBe(true);
    expect(await project.rows(yaml, `SELECT count(*), count(DISTINCT id) FROM wh.${name}`)).toEqual([['100', '100']]);
    expect(await attempts(result.run_id)).toEqual(['destination/refused', 'destination/refused', null]);
    expect(await project.leftovers()).toEqual([]);
  });

  it.each([1, 3])('files of attempts that died are seen by no reader (%d tasks)', async (tasks) => {
    const name = `files_${tasks}`;
    const texts = [rows(40), 'id,v\n', `id,v\n${Array.from({ length: 60 }, (_, n) => `${n + 41},v\n`).join('')}`];
    for (const [n, text] of texts.entries()) await project.file(`${name}/${n}.csv`, text);
    const yaml = `name: ${name}\nsource:\n  type: local\n  path: ${name}/*.csv\n${destination('local', name)}${RETRIES}compute:\n  workers:\n    min: ${tasks}\n    max: ${tasks}\n`;
    const visible = () =>
      readdirSync(project.dir, { recursive: true, encoding: 'utf8' }).filter(
        (path) =>
          path.includes(`${name}/`) &&
          path.endsWith('.parquet') &&
          !path.split('/').some((part) => part.startsWith('.')),
      );
    const seen: string[] = [];
    const result = await project.run(yaml, {
      fault: `destination.${tasks === 1 ? 'load' : 'commit'}.inside=kill`,
      on: (event) => {
        if (event.type !== 'retry') return;
        seen.push(...visible());
        if (event.attempt === 3) delete process.env.SLUICE_FAULT;
      },
    });
    expect(result).toMatchObject({ status: 'succeeded', attempts: 3, counts: { rows_read: 100, rows_written: 100 } });
    expect(seen).toEqual([]);
    expect(await project.rows(yaml, `SELECT count(*), count(DISTINCT id) FROM ${name}`)).toEqual([['100', '100']]);
    expect(await attempts(result.run_id)).toEqual(['run/executor-died', 'run/executor-died', null]);
    expect(await project.leftovers()).toEqual([]);
  });

  it('another program holds the DuckDB file for two attempts', async () => {
    await project.file('held/a.csv', rows(100));
    const yaml = `name: held\nsource:\n  type: local\n  path: held/*.csv\n${destination('duckdb', 'held')}${RETRIES}`;
    const hold = `const { DuckDBInstance } = require('@duckdb/node-api');
      DuckDBInstance.create(${JSON.stringify(project.path('out.duckdb'))}).then(() => console.log('held'));
      setInterval(() => {}, 1000);`;
    const holder = spawn(process.execPath, ['-e', hold], {
      cwd: new URL('..', import.meta.url),
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    onTestFinished(() => void holder.kill('SIGKILL'));
    await new Promise((resolve) => holder.stdout.once('data', resolve));
    const result = await project.run(yaml, {
      on: (event) => {
        if (event.type === 'retry' && event.attempt === 3) holder.kill('SIGKILL');
      },
    });
    expect(result).toMatchObject({ status: 'succeeded', attempts: 3, counts: { rows_written: 100 } });
    expect(await attempts(result.run_id)).toEqual(['destination/locked', 'destination/locked', null]);
    expect(await project.rows(yaml, 'SELECT count(*), count(DISTINCT id) FROM held')).toEqual([['100', '100']]);
  });

  it('an executor that dies is tried again, and a commit that it made counts once', async () => {
    const scenario = new Scenario(project, 'postgres', { disposition: 'append', tasks: 1 }, '_died');
    await scenario.grow();
    const yaml = `${scenario.yaml}${RETRIES.replace('1s', '0s')}`;
    // Each attempt is a process of its own, so the fault strikes in every one that gets there.
    const result = await project.run(yaml, { fault: 'destination.load.committed=kill' });
    expect(result).toMatchObject({ status: 'succeeded', attempts: 2, counts: { rows_read: 3, rows_written: 3 } });
    expect(adds(result)).toBe(true);
    await scenario.expectWhole(await project.run(scenario.yaml));
  });

  it('only the stream whose failure may pass is tried again', async () => {
    await refuse('passing', 1);
    await project.file('mixed/bad.csv', 'id,v\nx,a\n');
    await project.file('mixed/passing.csv', 'id,v\n1,a\n');
    const streams = ['bad', 'passing'].map((s) => `  - name: ${s}\n    source:\n      path: mixed/${s}.csv\n`);
    const yaml = `name: mixed\nsource:\n  type: local\ncolumns:\n  - name: id\n    type: bigint\ndestination:\n  type: postgres\n  url: \${env:WAREHOUSE_URL}\n  schema: wh\n${RETRIES}streams:\n${streams.join('')}`;
    let mended: Promise<unknown> = Promise.resolve();
    const result = await project.run(yaml, {
      on: (event) => {
        if (event.type === 'retry') mended = project.db.query('DELETE FROM wh.boom');
      },
    });
    await mended;
    expect(result).toMatchObject({ status: 'failed', attempts: 2, error: { code: 'type/value' } });
    expect(result.streams.map((s) => [s.stream, s.status])).toEqual([
      ['bad', 'failed'],
      ['passing', 'succeeded'],
    ]);
    expect(await attempts(result.run_id)).toEqual(['type/value', null]);
  });

  it('a config error is not tried again', async () => {
    await project.file('config/a.csv', rows(1));
    const yaml = `name: config\nsource:\n  type: local\n  path: config/*.csv\ntransform:\n  - filter: nowhere > 1\n${destination('duckdb', 'config')}${RETRIES}`;
    const result = await project.run(yaml);
    expect(result).toMatchObject({ status: 'failed', attempts: 1, error: { kind: 'config' } });
  });
});

describe('a connection that breaks at COMMIT', () => {
  describe.each([1, 3] as const)('%d tasks', (tasks) => {
    it('is settled by the commitId where the server had committed', async () => {
      const scenario = new Scenario(project, 'postgres', { disposition: 'append', tasks }, '_cut_after');
      await scenario.grow();
      const proxy = await dropCommit(project.db.url, 'after');
      const result = await project.run(scenario.yaml, { env: { WAREHOUSE_URL: proxy.url } });
      await proxy.close();
      expect(proxy.dropped).toBe(1);
      expect(result).toMatchObject({ attempts: 1, counts: { rows_written: 3 * tasks } });
      await scenario.expectWhole(result);
      await scenario.expectNothingNew();
    });

    it('is an attempt that failed where the server had not', async () => {
      const scenario = new Scenario(project, 'postgres', { disposition: 'append', tasks }, '_cut_before');
      await scenario.grow();
      const proxy = await dropCommit(project.db.url, 'before');
      const result = await project.run(scenario.yaml, { env: { WAREHOUSE_URL: proxy.url } });
      expect(result).toMatchObject({ status: 'failed', error: { code: 'commit/lost', kind: 'transient' } });
      expect(await project.leftovers()).toEqual([]);
      const again = await project.run(scenario.yaml, { env: { WAREHOUSE_URL: proxy.url } });
      await proxy.close();
      expect(proxy.dropped).toBe(1);
      await scenario.expectWhole(again);
      await scenario.expectNothingNew();
    });
  });
});

describe('a disk that is full', () => {
  const mounted: string[] = [];
  const isRoot = process.getuid?.() === 0;

  async function smallDisk(folder: string, bytes: number): Promise<boolean> {
    await mkdir(folder, { recursive: true });
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', folder], { stdio: 'ignore' });
    } catch {
      return false;
    }
    mounted.push(folder);
    return true;
  }

  afterEach(unmountAll);

  /** Also where a process that ends has a file of it open still. */
  function unmountAll(): void {
    for (const folder of mounted.splice(0)) execFileSync('umount', ['-l', folder]);
  }

  const big = () => {
    const wide = Array.from({ length: 60_000 }, (_, n) => `${n},${(n * 2_654_435_761).toString(36).repeat(6)}\n`);
    return `id,v\n${wide.join('')}`;
  };

  it.runIf(isRoot)('below the spool fails the run and loses nothing', async (context) => {
    await project.file('full_spool/a.csv', big());
    const yaml = `name: full_spool\nsource:\n  type: local\n  path: full_spool/*.csv\n${destination('duckdb', 'full_spool', 'write_disposition: merge\nprimary_key: [id]\n')}`;
    if (!(await smallDisk(project.path('.sluice/spool'), 500_000))) context.skip('tmpfs cannot be mounted here');
    const failed = await project.run(yaml);
    expect(failed).toMatchObject({ status: 'failed', error: { code: 'engine/disk-full' } });
    unmountAll();
    const result = await project.run(yaml);
    expect(result).toMatchObject({ status: 'succeeded', counts: { rows_written: 60_000 } });
    expect(await project.leftovers()).toEqual([]);
  });

  it.runIf(isRoot).each([1, 3])('below the DuckDB file fails the run and loses nothing (%d tasks)', async (tasks) => {
    const name = `full_${tasks}`;
    for (const part of ['a', 'b', 'c']) await project.file(`${name}/${part}.csv`, big());
    const yaml = `name: ${name}\nsource:\n  type: local\n  path: ${name}/*.csv\ndestination:\n  type: duckdb\n  path: ${name}_disk/out.duckdb\n  table: t\ncompute:\n  workers:\n    min: ${tasks}\n    max: ${tasks}\n`;
    if (!(await smallDisk(project.path(`${name}_disk`), 3_000_000))) return;
    const failed = await project.run(yaml);
    expect(failed).toMatchObject({ status: 'failed', error: { code: 'engine/disk-full' } });
    execFileSync('mount', ['-o', 'remount,size=500000000', mounted[0] ?? '']);
    const result = await project.run(yaml);
    expect(result).toMatchObject({ status: 'succeeded', counts: { rows_written: 180_000 } });
    expect(await project.rows(yaml, 'SELECT count(*) FROM t')).toEqual([['180000']]);
    expect(await project.leftovers()).toEqual([]);
  });
});

describe('a timeout', () => {
  it('ends the attempt, leaves nothing behind and is tried again', async () => {
    const lines = Array.from({ length: 60_000 }, (_, n) => `${n}\n`).join('');
    await project.file('slow/a.csv', `id\n${lines}`);
    const slow = 'transform:\n  - filter: list_sum(range(200000 + id % 2)) > 0\n';
    const yaml = `name: slow\nsource:\n  type: local\n  path: slow/*.csv\n${slow}${destination('postgres', 'slow')}timeout: 2s\nretries:\n  max: 1\n  delay: 0s\n`;
    const result = await project.run(yaml);
    expect(result).toMatchObject({ status: 'failed', attempts: 2, error: { code: 'run/timeout', kind: 'transient' } });
    expect(await attempts(result.run_id)).toEqual(['run/timeout', 'run/timeout']);
    expect(await project.leftovers()).toEqual([]);
  });
});

describe('a stop', () => {
  it.each([1, 3])('before the commit leaves nothing behind (%d tasks)', async (tasks) => {
    for (const kind of ['duckdb', 'postgres'] as const) {
      const name = `stop_${kind}_${tasks}`;
      const lines = Array.from({ length: 30_000 }, (_, n) => `${n}\n`).join('');
      for (const part of ['a', 'b', 'c']) await project.file(`${name}/${part}.csv`, `id\n${lines}`);
      const slow = 'transform:\n  - filter: list_sum(range(20000 + id % 2)) > 0\n';
      const yaml = `name: ${name}\nsource:\n  type: local\n  path: ${name}/*.csv\n${slow}${destination(kind, name)}compute:\n  workers:\n    min: ${tasks}\n    max: ${tasks}\n`;
      const stop = new AbortController();
      const result = await project.run(yaml, {
        signal: stop.signal,
        on: (event) => {
          if (event.type === 'phase' && event.phase === 'load') stop.abort();
        },
      });
      expect(result).toMatchObject({ status: 'cancelled', error: { code: 'run/cancelled' } });
      expect(await project.leftovers()).toEqual([]);
      await until(() => project.executors().length === 0);
    }
  });
});
