import { readFileSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MOST_UNPACKED, unpacked } from './unpack.ts';

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
  const second = Buffer.concat([gzipSync(text), gzipSync(text)]);
  second[gzipSync(text).length] = 0;
  const tar = Buffer.alloc(512);
  tar.write('ustar', 257);
  const kinds = [Buffer.from('377abcaf271c00', 'hex'), gzipSync(gzipSync(text)), tar, gzipSync(tar)];
  for (const bytes of [damaged, second, ...kinds])
    await expect(unpack(bytes)).rejects.toMatchObject({ code: 'format/compression', where: { path: 'in/a.csv' } });
  await expect(unpack('id\n1\n', 'gzip')).rejects.toMatchObject({ code: 'format/compression' });
  await expect(unpack(gzipSync(text), 'zstd')).rejects.toMatchObject({ code: 'format/compression' });
});

it('takes zeros behind gzip for padding', async () => {
  const { bytes } = await unpack(Buffer.concat([gzipSync(text), Buffer.alloc(1000)]));
  expect(bytes.equals(text)).toBe(true);
});

const packed = (name: string) => readFileSync(new URL(`./fixtures/${name}`, import.meta.url));
/** What the fixtures hold: written by `seq -f 'row,%.0f,"x"' 1 30000`. */
const rows = Buffer.from(Array.from({ length: 30_000 }, (_, i) => `row,${i + 1},"x"\n`).join(''));

describe.each(['zst', 'bz2', 'xz'])('%s', (end) => {
  const kind = end === 'zst' ? 'zstd' : end;
  it('unpacks one stream or several, also an empty one', async () => {
    const one = packed(`rows.${end}`);
    for (const bytes of [one, Buffer.concat([one, packed(`empty.${end}`), one])])
      for (const compression of ['auto', kind]) {
        const got = await unpack(bytes, compression);
        const times = bytes === one ? 1 : 2;
        expect(got.bytes.equals(Buffer.concat(Array(times).fill(rows)))).toBe(true);
      }
    expect((await unpack(packed(`empty.${end}`))).bytes).toHaveLength(0);
  });

  it('names a file that is cut off anywhere', async () => {
    const one = packed(`rows.${end}`);
    for (let size = kind === 'bz2' ? 15 : 6; size < one.length; size += Math.ceil(one.length / 23))
      await expect(unpack(one.subarray(0, size)), `${size}`).rejects.toMatchObject({ code: 'format/truncated' });
    await expect(unpack(Buffer.concat([one, one.subarray(0, 100)]))).rejects.toMatchObject({
      code: 'format/truncated',
    });
  });

  it('never gives other bytes for those that are damaged', async () => {
    const one = packed(`rows.${end}`);
    for (let at = 16; at < one.length; at += Math.ceil(one.length / 29)) {
      const bytes = Buffer.from(one);
      bytes[at] = (bytes[at] ?? 0) ^ 0x10;
      const got = await unpack(bytes).catch((error: { code: string }) => error.code);
      if (typeof got === 'string') expect(['format/compression', 'format/truncated']).toContain(got);
      else expect(got.bytes.equals(rows), `${at}`).toBe(true);
    }
    const more = Buffer.concat([one, Buffer.from('more')]);
    await expect(unpack(more)).rejects.toMatchObject({
      code: expect.stringMatching(/^format\/(compression|truncated)$/),
    });
  });
});

it('refuses what unpacks to far more than it is', async () => {
  const before = { ...MOST_UNPACKED };
  Object.assign(MOST_UNPACKED, { bytes: 1_000_000, ratio: 250 });
  try {
    await expect(unpack(gzipSync(Buffer.alloc(2_000_000)))).rejects.toMatchObject({ code: 'format/compression' });
    expect((await unpack(gzipSync(Buffer.alloc(900_000)))).bytes).toHaveLength(900_000);
  } finally {
    Object.assign(MOST_UNPACKED, before);
  }
});
