import { closeSync, existsSync, fstatSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openPool } from './pool.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-pool-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** A module of a worker thread; `load` runs while it is loaded. */
async function entry(name: string, load: string): Promise<URL> {
  const path = join(folder, `${name}.mjs`);
  const imports = `import { writeFileSync } from 'node:fs';\nimport { parentPort, threadId } from 'node:worker_threads';\n`;
  const rest = 'parentPort.postMessage({ loaded: threadId });\nexport default async () => ({ output: threadId });\n';
  await writeFile(path, `${imports}${load}\n${rest}`);
  return pathToFileURL(path);
}

it('ends no thread while it loads', async () => {
  const mark = join(folder, 'loaded');
  const slow = `Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300);\nwriteFileSync(${JSON.stringify(mark)}, '');`;
  const url = await entry('slow', slow);
  await openPool(1, new AbortController().signal, () => {}, url).close();
  expect(existsSync(mark)).toBe(true);
});

it('closes no file by its number when a thread ends: the number may be another one’s by then', async () => {
  const load = `import { openSync } from 'node:fs';\nconst fd = openSync(${JSON.stringify(folder)}, 'r');`;
  const path = join(folder, 'opens.mjs');
  const rest = 'export default async () => ({ output: fd });';
  await writeFile(
    path,
    `${load}\nimport { parentPort, threadId } from 'node:worker_threads';\nparentPort.postMessage({ loaded: threadId });\n${rest}`,
  );
  const pool = openPool(1, new AbortController().signal, () => {}, pathToFileURL(path));
  const fd = (await pool.run({} as Parameters<typeof pool.run>[0], () => {})) as unknown as number;
  await pool.close();
  expect(fstatSync(fd).isDirectory()).toBe(true);
  closeSync(fd);
});

it('closes once its threads have loaded, and where they cannot', async () => {
  const signal = new AbortController().signal;
  const used = openPool(1, signal, () => {}, await entry('quick', ''));
  expect(await used.run({} as Parameters<typeof used.run>[0], () => {})).toEqual(expect.any(Number));
  await used.close();
  const broken = openPool(1, signal, () => {}, await entry('broken', "throw new Error('broken');"));
  await expect(broken.run({} as Parameters<typeof used.run>[0], () => {})).rejects.toThrow('broken');
  await broken.close();
});
