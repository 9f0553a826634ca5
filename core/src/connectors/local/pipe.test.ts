import { mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { makeFifo } from '../shared/fifo.ts';
import { readPipe } from './pipe.ts';

let dir: string;
let made = 0;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'sluice-pipe-'));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

async function begun() {
  const path = join(dir, `pipe_${++made}`);
  expect(await makeFifo(path)).toBe(true);
  const stop = new AbortController();
  const spool = join(dir, `spool_${made}`);
  const request = { checkpoint: null, spool, once: true } as unknown as Parameters<typeof readPipe>[2];
  return { path, stop, spool, read: readPipe(path, 'pipe', request, stop.signal) };
}

it('reads what comes until it is closed', async () => {
  const { path, spool, read } = await begun();
  const writer = await open(path, 'w');
  await writer.write('a\n1\n');
  await writer.write('2\n');
  await writer.close();
  expect(await read).toMatchObject({ bytes: 6, file: null });
  expect(await readFile(join(spool, 'pipe'), 'utf8')).toBe('a\n1\n2\n');
});

it('stops while nobody writes, and while somebody holds it open', async () => {
  const alone = await begun();
  alone.stop.abort(new Error('stopped'));
  await expect(alone.read).rejects.toThrow('stopped');
  const held = await begun();
  const writer = await open(held.path, 'w');
  try {
    await writer.write('a\n');
    held.stop.abort(new Error('stopped'));
    await expect(held.read).rejects.toThrow(/stopped|aborted/);
  } finally {
    await writer.close();
  }
});
