import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { revisionOf } from './revision.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'sluice-revision-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const git = (...args: string[]) =>
  execFileSync('git', ['-C', dir, '-c', 'user.name=Ann', '-c', 'user.email=ann@example.com', ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  }).trim();

it('gives commit and author, and whether files differ from it', async () => {
  git('init');
  await writeFile(join(dir, 'a'), '1');
  git('add', 'a');
  git('commit', '-m', 'x');
  git('tag', 'v1');
  const head = git('rev-parse', 'HEAD');
  expect(await revisionOf(dir)).toEqual({ revision: head, author: 'Ann <ann@example.com>' });
  await writeFile(join(dir, 'a'), '2');
  expect((await revisionOf(dir)).revision).toBe(`${head}-dirty`);
});

it('gives nothing where there is no repository, or no commit yet', async () => {
  expect(await revisionOf(dir)).toEqual({ revision: null, author: null });
  git('init');
  expect(await revisionOf(dir)).toEqual({ revision: null, author: null });
});
