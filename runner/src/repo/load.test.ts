import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { check } from '@sluice/core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { desiredOf } from './desired.ts';
import { loadProject } from './load.ts';

let dir = '';

beforeEach(async () => {
  dir = await realpath(await mkdtemp(join(tmpdir(), 'sluice-load-')));
});

afterEach(async () => {
  await rm(dir, { recursive: true, force: true });
});

async function write(files: Readonly<Record<string, string | Uint8Array>>): Promise<void> {
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(dir, name)), { recursive: true });
    await writeFile(join(dir, name), text);
  }
}

const JOB = (name: string) => `name: ${name}\nsource:\n  type: local\n  path: in.csv\n`;

describe('loading a project', () => {
  it('finds sluice.yaml above the folder and the job files by its patterns', async () => {
    await write({
      'sluice.yaml': 'version: 1\nname: acme\n',
      'jobs/a.yaml': JOB('a'),
      'jobs/deep/b.yml': JOB('b'),
      'team/c.sluice.yaml': JOB('c'),
      'team/other.yaml': JOB('other'),
      'node_modules/x/d.sluice.yaml': JOB('d'),
      '.hidden/e.sluice.yaml': JOB('e'),
    });
    await mkdir(join(dir, 'jobs/empty'));
    const loaded = await loadProject({ from: join(dir, 'jobs/empty') });
    expect(loaded.dir).toBe(dir);
    expect(loaded.project.name).toBe('acme');
    expect([...loaded.jobs.keys()]).toEqual(['jobs/a.yaml', 'jobs/deep/b.yml', 'team/c.sluice.yaml']);
  });

  it('takes its own patterns, also one file by name', async () => {
    await write({
      'sluice.yaml': 'version: 1\nname: acme\njobs: ["pipes/*.yaml", one.yaml]\n',
      'pipes/a.yaml': JOB('a'),
      'one.yaml': JOB('one'),
      'jobs/b.yaml': JOB('b'),
    });
    const loaded = await loadProject({ from: dir });
    expect([...loaded.jobs.keys()]).toEqual(['one.yaml', 'pipes/a.yaml']);
  });

  it('loads a lone job file as a project of its own, named after folder and real path', async () => {
    await write({ 'My Jobs/a.yaml': JOB('a'), 'My Jobs/b.yaml': JOB('b') });
    const loaded = await loadProject({ from: dir, files: ['My Jobs/a.yaml'] });
    expect([...loaded.jobs.keys()]).toEqual(['a.yaml']);
    expect(loaded.project.name).toMatch(/^my-jobs-[0-9a-f]{8}$/);
    await symlink(join(dir, 'My Jobs'), join(dir, 'link'));
    const linked = await loadProject({ from: dir, files: ['link/a.yaml'] });
    expect(linked.project.name).toBe(loaded.project.name);
    expect(linked.dir).toBe(loaded.dir);
  });

  it('loads a named file of a project that no pattern matches', async () => {
    await write({ 'sluice.yaml': 'version: 1\nname: acme\n', 'drafts/a.yaml': JOB('draft'), 'jobs/b.yaml': JOB('b') });
    const loaded = await loadProject({ from: dir, files: ['drafts/a.yaml'] });
    expect([...loaded.jobs.keys()]).toEqual(['drafts/a.yaml', 'jobs/b.yaml']);
  });

  it('keeps going when files are broken or unreadable', async () => {
    await write({
      'sluice.yaml': 'version: 1\nname: acme\n',
      'jobs/a.yaml': 'name: [',
      'jobs/b.yaml': JOB('b'),
      'jobs/c.yaml': new Uint8Array([0x6e, 0xff, 0xfe]),
    });
    const loaded = await loadProject({ from: dir, files: ['jobs/none.yaml'] });
    expect(loaded.unreadable.map((entry) => entry.file)).toEqual(['jobs/c.yaml', 'jobs/none.yaml']);
    expect(check(loaded.jobs.get('jobs/b.yaml')!, loaded.project)).toEqual([]);
    expect(check(loaded.jobs.get('jobs/a.yaml')!, loaded.project).map((d) => d.code)).toEqual(['yaml/syntax']);
  });

  it('reads .env without overriding the environment', async () => {
    await write({ 'sluice.yaml': 'version: 1\nname: acme\n', '.env': "A=from-file\nB='p$HOME x'\n" });
    const loaded = await loadProject({ from: dir, env: { A: 'real' } });
    expect(loaded.env).toEqual({ A: 'real', B: 'p$HOME x' });
    expect((await loadProject({ from: dir, env: {}, dotenv: false })).env).toEqual({});
  });

  it('loads again only what changed, with the result of a whole load', async () => {
    await write({ 'sluice.yaml': 'version: 1\nname: acme\n', 'jobs/a.yaml': JOB('a'), 'jobs/b.yaml': JOB('b') });
    const first = await loadProject({ from: dir });
    await write({ 'jobs/a.yaml': JOB('aa'), 'jobs/c.yaml': JOB('c'), 'jobs/d.yaml': new Uint8Array([0xff, 0xfe]) });
    await rm(join(dir, 'jobs/b.yaml'));
    const changed = new Set(['jobs/a.yaml', 'jobs/b.yaml', 'jobs/c.yaml', 'jobs/d.yaml', 'notes.txt']);
    const again = await loadProject({ from: dir, previous: first, changed });
    const whole = await loadProject({ from: dir });
    expect([...again.jobs]).toEqual([...whole.jobs]);
    expect(again.unreadable).toEqual(whole.unreadable);
    expect(desiredOf(again, undefined, {})).toEqual(desiredOf(whole, undefined, {}));
    await write({ 'jobs/d.yaml': JOB('d') });
    const mended = await loadProject({ from: dir, previous: again, changed: new Set(['jobs/d.yaml']) });
    expect(mended.unreadable).toEqual([]);
    expect(mended.jobs.get('jobs/c.yaml')).toBe(again.jobs.get('jobs/c.yaml'));
    await write({ 'sluice.yaml': 'version: 1\nname: acme\njobs: [jobs/a.yaml]\n' });
    const narrowed = await loadProject({ from: dir, previous: mended, changed: new Set(['sluice.yaml']) });
    expect([...narrowed.jobs.keys()]).toEqual(['jobs/a.yaml']);
    expect(narrowed.jobs.get('jobs/a.yaml')).toBe(mended.jobs.get('jobs/a.yaml'));
  });

  it('stays in the folder that was named', async () => {
    await write({ 'sluice.yaml': 'version: 1\nname: outer\n', 'inner/jobs/a.yaml': JOB('a') });
    const loaded = await loadProject({ from: dir, project: join(dir, 'inner') });
    expect(loaded.config).toBeNull();
    expect([...loaded.jobs.keys()]).toEqual(['jobs/a.yaml']);
    await expect(loadProject({ from: dir, project: join(dir, 'nowhere') })).rejects.toMatchObject({
      code: 'project/unreadable',
    });
  });
});
