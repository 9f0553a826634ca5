import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { unpacked } from './decompress.ts';

let folder: string;
let made = 0;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-unpack-'));
});
afterAll(() => rm(folder, { recursive: true }));

const spool = () => join(folder, 'spool');

async function unpack(bytes: Buffer | string, compression: unknown = 'auto') {
  const path = join(folder, `f${made++}`);
  await writeFile(path, bytes);
  const file = { path, name: 'in/a.csv', size: bytes.length, modified_at: null, ordinal: 3 };
  const got = await unpacked(file, compression, spool(), new AbortController().signal);
  return { file, got, bytes: await readFile(got.path) };
}

const text = Buffer.from(`id,t\n${Array.from({ length: 300 }, (_, i) => `${i},${Math.sin(i)}\n`).join('')}`);

it('unpacks one member or several, and keeps the name', async () => {
  for (const packed of [
    gzipSync(text),
    Buffer.concat([gzipSync(text.subarray(0, 100)), gzipSync(text.subarray(100))]),
  ]) {
    const { file, got, bytes } = await unpack(packed);
    expect(bytes.equals(text)).toBe(true);
    expect(got).toEqual({ ...file, path: got.path, size: text.length });
    const again = await unpacked(file, 'auto', spool(), new AbortController().signal);
    expect(again).toEqual(got);
  }
});

it('leaves other files as they are', async () => {
  for (const bytes of ['', 'a', 'BZh,a\n1,2\n', text]) {
    const { file, got } = await unpack(bytes);
    expect(got).toBe(file);
  }
  const { file, got } = await unpack(gzipSync(text), 'none');
  expect(got).toBe(file);
});

it('names a file that is cut off anywhere, and leaves nothing of it behind', async () => {
  const first = gzipSync(text.subarray(0, 500));
  const packed = Buffer.concat([first, gzipSync(text.subarray(500))]);
  const before = await readdir(spool());
  for (let end = 4; end < packed.length; end += end > first.length - 12 && end < first.length + 24 ? 1 : 97) {
    if (end === first.length) continue;
    await expect(unpack(packed.subarray(0, end)), `cut at ${end} of ${first.length}`).rejects.toMatchObject({
      code: 'format/truncated',
      where: { path: 'in/a.csv' },
    });
  }
  expect(await readdir(spool())).toEqual(before);
});

it('names damaged bytes and kinds that are not read', async () => {
  const damaged = Buffer.from(gzipSync(text));
  damaged.writeUInt32LE(1, damaged.length - 8);
  const zstd = Buffer.from('28b52ffd00', 'hex');
  for (const bytes of [damaged, zstd, Buffer.from('BZh91AY&SY1234')])
    await expect(unpack(bytes)).rejects.toMatchObject({ code: 'format/compression', where: { path: 'in/a.csv' } });
  await expect(unpack('id\n1\n', 'gzip')).rejects.toMatchObject({ code: 'format/compression' });
});
