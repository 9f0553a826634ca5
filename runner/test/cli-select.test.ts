import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TestDatabase, testDatabase } from '../../core/test/postgres.ts';
import { folderWith, sluice } from './cli.ts';

/** Commands that take several jobs, by name and by `--select`. */

let db: TestDatabase;
let dir: string;
let remove: () => Promise<void>;

const job = (name: string, more = '') =>
  `name: ${name}\ntags: [shop]\nsource:\n  type: local\n  path: in/${name}.csv\n${more}`;
const CHECKED = 'columns:\n  - name: n\n    checks:\n      - range: {min: 0, on_failure: quarantine}\n';
const LIMIT = 'limits:\n  max_rejected: {rows: 9}\n';

beforeAll(async () => {
  db = await testDatabase();
  ({ dir, remove } = await folderWith({
    'sluice.yaml': 'version: 1\nname: many\n',
    'jobs/a.yaml': job('a', `${CHECKED}${LIMIT}schedule: 0 6 * * *\n`),
    'jobs/b.yaml': job('b', `${CHECKED}${LIMIT}`),
    'jobs/two.yaml':
      'name: two\nsource:\n  type: local\nstreams:\n  - name: x\n    source:\n      path: in/a.csv\n  - name: y\n    source:\n      path: in/b.csv\n',
    'jobs/lost.yaml': job('lost').replace('tags: [shop]', 'tags: [broken]').replace('in/lost', 'nowhere/${env:LOST}'),
    'in/a.csv': 'n\n1\n-2\n',
    'in/b.csv': 'n\n5\n-6\n-7\n',
  }));
});
afterAll(async () => {
  await remove?.();
  await db?.drop();
});

const run = (...args: string[]) => sluice(args, { cwd: dir, env: { DATABASE_URL: db.url } });
async function json(...args: string[]) {
  const { stdout, stderr, code } = await run(...args, '--json');
  expect([code, stderr.includes('error[')]).toEqual([0, false]);
  return JSON.parse(stdout);
}

describe('what reads files alone', () => {
  it('show and next: one result a job, each once', async () => {
    const shown = await json('show', 'a', 'two/x', '--select', 'tag:shop', 'path:jobs/a.yaml');
    expect(Object.keys(shown)).toEqual(['a', 'two/x', 'b']);
    expect(shown['two/x'].source.path).toBe('in/a.csv');
    expect((await run('show', 'a', 'b')).stdout.split('---\n')).toHaveLength(2);
    const fires = await json('next', '--select', 'tag:shop', '-n', '2', '--from', '2026-01-01');
    expect([fires.a.map(({ at }: { at: string }) => at), fires.b]).toEqual([
      ['2026-01-01T06:00:00.000Z', '2026-01-02T06:00:00.000Z'],
      [],
    ]);
    expect((await run('next', 'a', 'b')).code).toBe(1);
  });

  it('preview and infer read every stream; a job that fails keeps no other from its turn', async () => {
    const { code, stdout, stderr } = await run('preview', 'lost', 'two', 'a', '--json');
    expect([code, stderr]).toEqual([1, expect.stringMatching(/reference\/unset[\s\S]*job lost/)]);
    const found = JSON.parse(stdout);
    expect(Object.keys(found)).toEqual(['two/x', 'two/y', 'a']);
    expect(found['two/y'].rows).toEqual([{ n: '5' }, { n: '-6' }, { n: '-7' }]);
    expect(found.a).toMatchObject({ rows: [{ n: '1' }], rejected: 1 });
    expect((await run('preview', 'a', 'b', '-o', 'csv')).code).toBe(2);
    const inferred = await json('infer', 'two/x', 'two/y', '--write');
    expect(inferred['two/y']).toMatchObject([{ stream: 'y', columns: [{ name: 'n', type: 'bigint' }] }]);
    const text = await readFile(join(dir, 'jobs/two.yaml'), 'utf8');
    expect(text.match(/type: bigint/g)).toHaveLength(2);
  });

  it('refuses a selector that it does not know, and no job at all', async () => {
    for (const args of [
      ['show', '--select', 'state:new'],
      ['show', '--select', 'colour:red'],
      ['next'],
      ['state', 'show'],
    ]) {
      expect((await run(...args)).code, args.join(' ')).toBe(2);
    }
  });
});

describe('what is applied', () => {
  it('state:modified selects what is new or changed, and broken files; plan shows the part that was asked for', async () => {
    expect(Object.keys(await json('show', '--select', 'state:modified'))).toEqual(['a', 'b', 'lost', 'two']);
    expect((await run('apply', '--yes')).code).toBe(0);
    expect(await json('show', '--select', 'state:modified')).toEqual({});
    await writeFile(join(dir, 'jobs/b.yaml'), job('b', `${CHECKED}${LIMIT}owner: me\n`));
    await writeFile(join(dir, 'jobs/c.yaml'), job('c'));
    await writeFile(join(dir, 'jobs/two.yaml'), 'name: two\n');
    const checked = await run('validate', '--select', 'state:modified', '--json');
    expect([
      checked.code,
      JSON.parse(checked.stdout).every(({ file }: { file: string }) => file === 'jobs/two.yaml'),
    ]).toEqual([1, true]);
    const part = await json('plan', 'b');
    expect(part).toMatchObject({ hash: null, others: 1, changes: [{ address: 'b', action: 'update' }], problems: [] });
    expect((await run('plan', 'a', '--assert-empty')).code).toBe(0);
    const selected = await run('plan', '--select', 'state:modified', 'tag:shop', '--assert-empty');
    expect([selected.code, selected.stdout]).toEqual([
      3,
      expect.stringMatching(/^\+ c[\s\S]*two\.yaml[\s\S]*0 changes of other/m),
    ]);
    expect((await run('plan', 'nobody')).code).toBe(2);
  });

  it('start, pause, resume and stop take several; one that is not applied keeps no other from its turn', async () => {
    const lines = ({ stdout }: { stdout: string }) => stdout.trim().split('\n');
    const started = await run('start', '--select', 'tag:shop', '--json', '-q');
    expect([started.code, started.stderr]).toEqual([1, expect.stringMatching(/error\[job\/unknown\][\s\S]*job c/)]);
    const runs = JSON.parse(started.stdout);
    expect(Object.keys(runs)).toEqual(['a', 'b']);
    expect(lines(await run('pause', 'a', 'b', '--reason', 'stock'))).toEqual(['a is paused', 'b is paused']);
    expect(lines(await run('resume', 'b', 'jobs/a.yaml', 'b'))).toEqual(['b goes on', 'a goes on']);
    const [a, b] = [runs.a.runs[0], runs.b.runs[0]];
    expect(lines(await run('stop', a, 'b'))).toEqual([`${a} cancelled`, `b ${b} cancelled`]);
    const none = await run('stop', '--select', 'path:jobs/[ab].yaml');
    expect([none.code, none.stderr]).toEqual([1, expect.stringContaining('error[run/none]')]);
    for (const command of [['start'], ['stop'], ['resume'], ['pause', '--reason', 'none']])
      expect((await run(...command)).code, command[0]).toBe(2);
  });
});

describe('what was loaded', () => {
  it('state and quarantine go through several jobs', async () => {
    expect((await run('run', 'a', 'b', '-q')).code).toBe(0);
    const states = await json('state', 'show', 'a', 'b');
    expect([states.a.streams[0].state.seq, states.b.streams[0].state.files]).toEqual([1, 1]);
    const groups = await json('quarantine', 'list', '--select', 'path:jobs/[ab].yaml');
    expect(groups).toMatchObject([
      { job: 'a', stream: 'a', rows: 1 },
      { job: 'b', stream: 'b', rows: 2 },
    ]);
    expect(await json('quarantine', 'show', 'a', 'b')).toHaveLength(3);
    for (const name of ['a', 'b']) {
      const path = join(dir, `jobs/${name}.yaml`);
      await writeFile(path, (await readFile(path, 'utf8')).replace('min: 0', 'min: -6'));
    }
    const replayed = await json('quarantine', 'replay', 'a', 'b');
    expect(replayed).toMatchObject({
      a: { rows_written: 1 },
      b: { rows_read: 2, rows_written: 1, rows_quarantined: 1 },
    });
    const refused = await run('state', 'reset', 'a', 'b');
    expect([refused.code, (await json('state', 'show', 'a')).streams[0].state.files]).toEqual([2, 1]);
    expect(Object.keys(await json('state', 'reset', '--yes', 'a', 'b'))).toEqual(['a', 'b']);
    expect((await json('state', 'show', 'b')).streams[0].state.files).toBe(0);
    const part = ['--select', 'path:jobs/[ab].yaml'];
    const restored = await json('state', 'restore', '--to', '1', '--yes', ...part);
    expect(Object.keys(restored)).toEqual(['a', 'b']);
    // One of a selection that has nothing to go back to keeps all as they are.
    const all = await run('state', 'restore', '--to', '1', '--yes', '--select', 'tag:shop');
    expect([all.code, all.stderr]).toEqual([1, expect.stringContaining('error[state/unknown]')]);
  });
});
