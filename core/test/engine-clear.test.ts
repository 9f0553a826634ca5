import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type EngineProject, engineProject } from './engine.ts';

let project: EngineProject;

beforeAll(async () => {
  project = await engineProject();
});
afterAll(async () => {
  await project.close();
});

const job = (name: string, afterLoad: string, more = '') => `name: ${name}
source:
  type: local
  path: ${name}/in/**/*.csv
  after_load: ${afterLoad}
columns:
  - name: id
    type: int
destination:
  type: duckdb
  path: out.duckdb
${more}`;

it('deletes files once their rows are committed, and not before', async () => {
  const yaml = job('gone', 'delete', 'limits:\n  max_rejected: {rows: 0}\n');
  await project.file('gone/in/a.csv', 'id\n1\n');
  await project.file('gone/in/b.csv', 'id\nx\n');
  expect((await project.run(yaml)).error?.code).toBe('type/value');
  expect(readdirSync(join(project.dir, 'gone/in')).sort()).toEqual(['a.csv', 'b.csv']);
  await project.file('gone/in/b.csv', 'id\n2\n');
  expect((await project.ok(yaml)).counts.rows_written).toBe(2);
  expect(readdirSync(join(project.dir, 'gone/in'))).toEqual([]);
  expect((await project.ok(yaml)).outcome?.empty).toBe(true);
});

it('moves files with their folders, overwrites none, and reads none of them again', async () => {
  const yaml = job('moved', '{move: moved/in/done}');
  await project.file('moved/in/x/a.csv', 'id\n1\n');
  await project.ok(yaml);
  await project.file('moved/in/x/a.csv', 'id\n2\n');
  // A new file of the same name is a changed one to the ledger, which an append refuses.
  expect((await project.run(yaml)).error?.code).toBe('source/file-changed');
  const again = yaml.replace('columns:', 'incremental:\n  type: files\n  on_change: reload\ncolumns:');
  expect((await project.ok(again)).counts.rows_written).toBe(1);
  const done = readdirSync(join(project.dir, 'moved/in/done/x')).sort();
  expect(done).toEqual([expect.stringMatching(/^a-\d{8}T\d{6}Z\.csv$/), 'a.csv']);
  expect(existsSync(join(project.dir, 'moved/in/x/a.csv'))).toBe(false);
  expect((await project.ok(again)).outcome?.empty).toBe(true);
  expect(await project.rows(yaml, 'SELECT id FROM moved ORDER BY id')).toEqual([['1'], ['2']]);
});

it('does what a stopped run left undone', async () => {
  const keep = job('left', 'keep');
  await project.file('left/in/a.csv', 'id\n1\n');
  await project.ok(keep, { runId: 'stopped' });
  expect(existsSync(join(project.dir, 'left/in/a.csv'))).toBe(true);
  // The same run again: it finds its commit done.
  await project.ok(job('left', 'delete'), { runId: 'stopped' });
  expect(existsSync(join(project.dir, 'left/in/a.csv'))).toBe(false);
  await project.file('left/in/b.csv', 'id\n2\n');
  await project.ok(keep);
  const later = await project.ok(job('left', 'delete'));
  expect(later.outcome?.empty).toBe(true);
  expect(readdirSync(join(project.dir, 'left/in'))).toEqual([]);
  expect(await project.rows(keep, 'SELECT id FROM "left" ORDER BY id')).toEqual([['1'], ['2']]);
});
