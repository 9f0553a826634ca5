import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TestDatabase, testDatabase } from '../../core/test/postgres.ts';
import { processExists } from '../src/store/place.ts';
import { type CliResult, folderWith, sluice } from './cli.ts';

/** `state`: checkpoints set back, and the whole of it carried to another server. */

let db: TestDatabase;
let dir: string;
let remove: () => Promise<void>;

const job = (name: string, more = '', destination = 'type: duckdb') =>
  `name: ${name}\nsource:\n  type: local\n  path: ${name}/*.csv\ndestination:\n  ${destination}\n  table: ${name}\n${more}`;

beforeAll(async () => {
  db = await testDatabase();
  ({ dir, remove } = await folderWith({
    'sluice.yaml': 'version: 1\nname: shop\n',
    'jobs/merged.yaml': job('merged', '  write_disposition: merge\n  primary_key: [id]\n'),
    'merged/1.csv': 'id,v\n1,a\n',
    'jobs/pg.yaml': job('pg', '', 'type: postgres\n  url: ${env:PG_URL}\n  schema: wh'),
    'pg/1.csv': 'id,v\n1,a\n',
    'jobs/two.yaml': `${job('two').replace('  table: two\n', '')}streams:\n  - name: a\n  - name: b\n`,
    'two/1.csv': 'id\n1\n',
  }));
});
afterAll(async () => {
  await remove();
  await db.drop();
});

function run(args: string[], env: Record<string, string> = {}, cwd = dir): Promise<CliResult> {
  return sluice(args, { cwd, env: { DATABASE_URL: db.url, PG_URL: db.url, ...env } });
}

async function written(name: string): Promise<number> {
  const { stdout, stderr } = await run(['run', name, '--json']);
  expect(stderr).not.toContain('error[');
  return JSON.parse(stdout).rows_written;
}

async function history(name: string) {
  const { streams } = JSON.parse((await run(['state', 'show', name, '--json'])).stdout);
  return streams[0] as {
    state: { seq: number; files: number };
    history: { seq: number; note: string | null; checkpoint: unknown }[];
  };
}

describe('reset and restore', () => {
  it.each(['merged', 'pg'])('%s: what came after it loads again, and the restore is recorded', async (name) => {
    expect(await written(name)).toBe(1);
    await writeFile(join(dir, name, '2.csv'), 'id,v\n2,b\n');
    await writeFile(join(dir, name, '3.csv'), 'id,v\n3,c\n');
    expect(await written(name)).toBe(2);
    const back = await run(['state', 'restore', name, '--to', '1', '--yes', '--json']);
    expect([back.code, JSON.parse(back.stdout)]).toEqual([0, [{ stream: name, seq: 3, checkpoint: { files: 1 } }]]);
    const state = await history(name);
    expect(state.state).toMatchObject({ seq: 3, files: 1 });
    expect(state.history.map(({ seq, note }) => [seq, note])).toEqual([
      [3, 'restored to 1'],
      [2, null],
      [1, null],
    ]);
    expect(await written(name)).toBe(2);
  });

  it('a reset makes everything load again, which a merge takes once', async () => {
    const { code, stderr } = await run(['state', 'reset', 'merged', '--yes']);
    expect([code, stderr.includes('next run')]).toEqual([0, true]);
    const { state, history: rows } = await history('merged');
    expect([state.files, rows[0]?.note]).toEqual([0, 'reset']);
    expect(await written('merged')).toBe(3);
    const { stdout } = await run(['sql', '--json', 'select count(*) as n, count(distinct id) as d from merged']);
    expect(JSON.parse(stdout)).toEqual([{ n: 3, d: 3 }]);
  });
});

describe('what is refused', () => {
  it.each([
    [2, ['state', 'reset', 'merged'], 'usage/confirm'],
    [1, ['state', 'restore', 'merged', '--to', '99', '--yes'], 'state/unknown'],
    [2, ['state', 'restore', 'two', '--to', '1', '--yes'], 'usage/stream'],
    [2, ['state', 'restore', 'merged', '--to', 'x', '--yes'], 'usage/number'],
    [1, ['state', 'import', 'none.jsonl'], 'state/file'],
    [1, ['state', 'import', 'merged'], 'state/file'],
    [1, ['state', 'import', 'sluice.yaml'], 'state/file'],
    [1, ['state', 'export', 'none/x.jsonl'], 'state/file'],
  ])('%i: %j is %s', async (status, args, code) => {
    const { code: found, stderr } = await run(args);
    expect([found, stderr]).toEqual([status, expect.stringContaining(`error[${code}]`)]);
  });

  it('changes nothing', async () => {
    expect((await history('merged')).history.map(({ note }) => note)).toEqual([
      null,
      'reset',
      null,
      'restored to 1',
      null,
      null,
    ]);
  });

  it('a restore to a commit of another source', async () => {
    const path = join(dir, 'jobs/merged.yaml');
    const before = await readFile(path, 'utf8');
    mkdirSync(join(dir, 'elsewhere'));
    await writeFile(path, before.replace('  path: merged', '  root: elsewhere\n  path: merged'));
    const { code, stderr } = await run(['state', 'restore', 'merged', '--to', '1', '--yes']);
    await writeFile(path, before);
    expect([code, stderr]).toEqual([1, expect.stringContaining('error[state/changed]')]);
  });
});

describe('export and import', () => {
  it('carries runs, checkpoints and history to another server, once', async () => {
    const file = join(dir, 'state.jsonl');
    const { code, stdout } = await run(['state', 'export', file, '--json']);
    expect(code).toBe(0);
    const { rows } = JSON.parse(stdout);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    const other = await testDatabase();
    try {
      const first = await run(['state', 'import', file, '--json'], { DATABASE_URL: other.url });
      expect(JSON.parse(first.stdout)).toEqual({ rows, known: 0, project: 'shop' });
      const second = await run(['state', 'import', file, '--json'], { DATABASE_URL: other.url });
      expect(JSON.parse(second.stdout)).toEqual({ rows: 0, known: rows, project: 'shop' });
      const show = (url: string) => run(['state', 'show', 'merged', '--json'], { DATABASE_URL: url });
      expect(JSON.parse((await show(other.url)).stdout)).toEqual(JSON.parse((await show(db.url)).stdout));
      const again = await run(['state', 'export'], { DATABASE_URL: other.url });
      expect(again.stdout.split('\n').slice(1)).toEqual(readFileSync(file, 'utf8').split('\n').slice(1));
      // What goes on there is numbered behind what came in.
      expect((await run(['run', 'two', '--json'], { DATABASE_URL: other.url })).code).toBe(0);
    } finally {
      await other.drop();
    }
  });

  it('takes nothing from a file that was cut short', async () => {
    const whole = readFileSync(join(dir, 'state.jsonl'), 'utf8');
    const file = join(dir, 'cut.jsonl');
    const other = await testDatabase();
    try {
      for (const text of [whole.slice(0, -20), whole.split('\n').slice(0, 3).join('\n'), `${whole}{}\n`]) {
        writeFileSync(file, text);
        const { code, stderr } = await run(['state', 'import', file], { DATABASE_URL: other.url });
        expect([code, stderr]).toEqual([1, expect.stringContaining('error[state/file]')]);
      }
      const newer = whole.replace(/"schema":\d+/, '"schema":999');
      writeFileSync(file, newer);
      expect((await run(['state', 'import', file], { DATABASE_URL: other.url })).stderr).toContain(
        'error[store/newer]',
      );
      const { stdout } = await run(['state', 'show', 'merged', '--json'], { DATABASE_URL: other.url });
      expect(JSON.parse(stdout)).toMatchObject({ runs: [], streams: [{ history: [] }] });
    } finally {
      await other.drop();
    }
  });

  it('is the way from an embedded server of another version to this one', async () => {
    const project = await folderWith({
      'sluice.yaml': 'version: 1\nname: shop\n',
      'one.sluice.yaml': job('one'),
      'one/1.csv': 'id\n1\n',
    });
    // The embedded server stops soon after whoever used it last.
    const options = { cwd: project.dir, env: { SLUICE_STATE_IDLE: '0.2' } };
    try {
      expect((await sluice(['run', 'one'], options)).code).toBe(0);
      expect((await sluice(['state', 'export', 'old.jsonl'], options)).code).toBe(0);
      const place = JSON.parse((await sluice(['doctor', '--json'], options)).stdout)[3].message.replace(/.* in /, '');
      await stopped(place);
      writeFileSync(join(place, 'data/PG_VERSION'), '17\n');
      const refused = await sluice(['run', 'one'], options);
      expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('error[store/version]')]);
      expect(refused.stderr).toContain('sluice state export');
      const moved = await sluice(['state', 'import', 'old.jsonl'], options);
      expect([moved.code, moved.stderr]).toEqual([0, expect.stringContaining('data-17')]);
      expect(readFileSync(join(place, 'data-17/PG_VERSION'), 'utf8')).toBe('17\n');
      const state = JSON.parse((await sluice(['state', 'show', 'one', '--json'], options)).stdout);
      expect(state.streams[0]).toMatchObject({ state: { seq: 1 }, history: [{ seq: 1 }] });
      expect(JSON.parse((await sluice(['run', 'one', '--json'], options)).stdout)).toMatchObject({ rows_written: 0 });
      await stopped(place);
    } finally {
      await project.remove();
    }
  });
});

/** Waits until the embedded server has ended for want of users. */
async function stopped(place: string): Promise<void> {
  for (;;) {
    try {
      const { supervisor } = JSON.parse(readFileSync(join(place, 'server.json'), 'utf8'));
      if (!processExists(supervisor)) return;
    } catch {
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
