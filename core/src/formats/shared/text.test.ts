import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LocalFile } from '../../model/component.ts';
import { encoding as encodingSchema } from '../../spec/encoding.ts';
import { toUtf8 } from './decode.ts';
import { detect } from './detect.ts';
import { encodingOf, plainText, textChunks, textSample } from './text.ts';

let folder: string;
let made = 0;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-text-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function file(bytes: Buffer | string): Promise<LocalFile> {
  const path = join(folder, `f${made++}`);
  await writeFile(path, bytes);
  return { path, name: 'in/a.txt', size: bytes.length, modified_at: null, ordinal: 0 };
}

/** Bytes by Python's codecs. */
const SAMPLES: [string, string, string][] = [
  ['windows-1250', '50f8ed6c699a209e6c759d6f75e86bfd206bf9f22c20b3f3649f2080', 'Příliš žluťoučký kůň, łódź €'],
  ['windows-1251', 'd1fae5f8fc20e5f9b820fdf2e8f520e1f3ebeeea', 'Съешь ещё этих булок'],
  ['windows-1252', '8082838485868788898a8b8c8e9192939495969798999a9b9c9e9f20ff', '€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ ÿ'],
  ['windows-1253', 'cee5f3eae5f0dce6f9', 'Ξεσκεπάζω'],
  ['windows-1254', 'de69fe6c6920fdf064fd72', 'Şişli ığdır'],
  ['windows-1255', 'f9ece5ed20a4', 'שלום ₪'],
  ['windows-1256', 'e3d1cdc8c7', 'مرحبا'],
  ['windows-1257', 'c0fe756f6c617320f0e16d6574', 'Ąžuolas šįmet'],
  ['windows-1258', 'd0fd20fe', 'Đư ₫'],
  ['windows-874', 'e4b7c22080', 'ไทย €'],
  ['latin1', 'bf5175e93f2080859f20ff', '¿Qué? \u0080\u0085\u009f ÿ'],
  ['iso-8859-2', 'a3f364bc2080', 'Łódź \u0080'],
  ['iso-8859-5', 'b6e3da', 'Жук'],
  ['iso-8859-7', 'd9ecdde3e1', 'Ωμέγα'],
  ['iso-8859-9', 'dd7374616e62756c20809f', 'İstanbul \u0080\u009f'],
  ['iso-8859-13', 'c0fe756f6c6173', 'Ąžuolas'],
  ['iso-8859-15', '3520a420bc75767265', '5 € Œuvre'],
  ['koi8-r', 'f3dfc5dbd820c5dda3', 'Съешь ещё'],
  ['koi8-u', 'b7d6c1cb', 'Їжак'],
  ['cp437', 'ac20b020ea20a4feff', '¼ ░ Ω ñ■\u00a0'],
  ['cp850', '477294e16520d520a420d1', 'Größe ı ñ Ð'],
  ['cp852', '9da264ab20fb20b1', 'Łódź ű ▒'],
  ['cp866', '86b0', 'Ж░'],
  ['macintosh', '47729aa76520b0', 'Größe ∞'],
  ['shift_jis', '955c8ea62c835c', '表示,ソ'],
  ['euc-jp', 'c6fccbdcb8ec', '日本語'],
  ['gbk', 'babad7d6', '汉字'],
  ['gb18030', 'babad7d6a2e395328236', '汉字€𠀀'],
  ['big5', 'ba7ea672b35ca55c', '漢字許功'],
  ['euc-kr', 'c7d1b1db', '한글'],
  ['utf-16le', '5a006f00eb00200040d800dc', 'Zoë 𠀀'],
  ['utf-16be', '005a006f00eb0020d840dc00', 'Zoë 𠀀'],
];

describe('bytes become UTF-8', () => {
  it.each(SAMPLES)('%s', (encoding, hex, text) => {
    const bytes = Buffer.from(hex, 'hex');
    for (const size of [1, 2, 3, 1000]) {
      const decoder = toUtf8(encoding);
      const parts: Buffer[] = [];
      for (let at = 0; at < bytes.length; at += size) parts.push(decoder.push(bytes.subarray(at, at + size), false));
      parts.push(decoder.push(Buffer.alloc(0), true));
      expect(Buffer.concat(parts).toString()).toBe(text);
    }
  });

  it('knows every encoding of the specs', () => {
    for (const encoding of encodingSchema.enum) {
      if (encoding === 'auto' || encoding === 'utf-16') continue;
      const text = encoding.startsWith('utf-16') ? Buffer.from('id,x\n', 'utf16le') : Buffer.from('id,x\n');
      if (encoding === 'utf-16be') text.swap16();
      expect(toUtf8(encoding).push(text, true).toString()).toBe('id,x\n');
    }
  });

  it.each([
    ['windows-1252', '61816239', '61ff6239'],
    ['windows-1253', '61d262', '61ff62'],
    ['windows-1251', '98', 'ff'],
    ['windows-874', 'dbfc41', 'ffff41'],
    ['iso-8859-7', '61ae', '61ff'],
    ['utf-16le', '610000d8620000dc', '61ff62ff'],
    ['utf-16be', 'd80000', 'ffff'],
    ['euc-jp', '61a1', '61ff'],
  ])('what stands for no character becomes a bad byte: %s', (encoding, hex, wanted) => {
    expect(toUtf8(encoding).push(Buffer.from(hex, 'hex'), true).toString('hex')).toBe(wanted);
  });
});

describe('an encoding is found out', () => {
  const found = (bytes: Buffer) => detect(bytes, true).encoding;
  it.each([
    ['text', Buffer.from('id,name\n1,Zo\u00eb\n'), 'utf-8'],
    ['zeros in a text', Buffer.from('id,x\n1,\0\n2,\0\n3,\0\n4,\0\n'), 'utf-8'],
    ['zeros at the end', Buffer.from('id,x\n1,y\n\0\0\0\0\0\0'), 'utf-8'],
    ['UTF-16', Buffer.from('id,\u0436\u0443\u043a\u0438\r\n1,\u0436\r\n', 'utf16le'), 'utf-16le'],
    ['UTF-16 the other way', Buffer.from('id;\u30c6\u30b9\u30c8\n', 'utf16le').swap16(), 'utf-16be'],
    ['Western text', Buffer.from('Stra\u00dfe;5\u00b0;\u00bfQu\u00e9?;\u00fcber', 'latin1'), 'windows-1252'],
    ['Western quotes', Buffer.from('a,\x93b\x94,don\x92t,5 \x80', 'latin1'), 'windows-1252'],
    ['Czech', Buffer.from('5064f8ed6c69b9', 'hex'), null],
    ['Polish', Buffer.from('b3f364bc', 'hex'), null],
    ['Polish capitals', Buffer.from('a3d3449f2c4ba5', 'hex'), null],
    ['Russian', Buffer.from('d1fae5f8fc', 'hex'), null],
    ['Shift JIS', Buffer.from('955c8ea62c835c', 'hex'), null],
    ['damaged UTF-8', Buffer.from('636166c3a92c61c362', 'hex'), 'utf-8'],
  ])('%s', (_, bytes, wanted) => expect(found(bytes)).toBe(wanted));

  it('of a sample that ends amid a character', () => {
    const bytes = Buffer.from('aaaa\u20ac');
    expect(detect(bytes.subarray(0, 6), false).encoding).toBe('utf-8');
  });

  it('a mark wins over what is declared, and UTF-32 is refused', async () => {
    const marked = await file(Buffer.from('\ufeffa\n', 'utf16le'));
    for (const declared of ['auto', 'utf-8', 'utf-16', 'utf-16be', 'windows-1252'])
      expect((await encodingOf(marked, declared)).encoding).toBe('utf-16le');
    expect((await encodingOf(await file('\ufeffa\n'), 'windows-1252')).encoding).toBe('utf-8');
    const wide = await file(Buffer.from('fffe000061000000', 'hex'));
    await expect(encodingOf(wide, 'auto')).rejects.toMatchObject({
      code: 'format/encoding',
      where: { path: 'in/a.txt' },
    });
  });
});

it('UTF-16 is not taken for what it is declared as', async () => {
  const wide = await file(Buffer.from('id,x\r\n1,2\r\n', 'utf16le'));
  for (const declared of ['utf-8', 'windows-1252', 'utf-16be'])
    await expect(encodingOf(wide, declared)).rejects.toMatchObject({ code: 'format/encoding' });
  for (const declared of ['auto', 'utf-16', 'utf-16le'])
    expect((await encodingOf(wide, declared)).encoding).toBe('utf-16le');
});

describe('a footer is left out', () => {
  const text = async (bytes: Buffer | string, footer: number, encoding = 'utf-8', size?: number) => {
    const parts: Buffer[] = [];
    const read = await file(bytes);
    for await (const part of textChunks(read.path, { encoding, footer }, size)) parts.push(part);
    const all = Buffer.concat(parts).toString();
    const plain = await plainText(read, { encoding, footer }, { spool: folder } as Parameters<typeof plainText>[2]);
    expect(await readFile(plain.path, 'utf8').then((t) => t.replace('\ufeff', ''))).toBe(all);
    return all;
  };
  it.each([
    ['a\nb\nc\n', 1, 'a\nb\n'],
    ['a\nb\nc', 1, 'a\nb\n'],
    ['a\r\nb\r\nc\r\n', 2, 'a\r\n'],
    ['a\rb\rc\r', 1, 'a\rb\r'],
    ['a\n\n\n', 1, 'a\n\n'],
    ['a\n\r\n', 1, 'a\n'],
    ['\ufeffa\nb\n', 1, 'a\n'],
    ['\ufeffa\nb\n', 2, ''],
    ['a\nb\n', 5, ''],
    ['', 1, ''],
    ['a', 1, ''],
    ['a\nb', 0, 'a\nb'],
  ])('%j without %d', async (bytes, footer, wanted) => {
    expect(await text(bytes, footer)).toBe(wanted);
    expect(await text(bytes, footer, 'utf-8', 1)).toBe(wanted);
    const wide = Buffer.from(bytes, 'utf16le');
    expect(await text(wide, footer, 'utf-16le', 3)).toBe(wanted);
    expect(await text(Buffer.from(wide).swap16(), footer, 'utf-16be', 3)).toBe(wanted);
  });

  it('in UTF-16 where other characters hold the bytes of a line end', async () => {
    const wide = Buffer.from('a\u0a0a\u0d0d\nb\u010a\n', 'utf16le');
    expect(await text(wide, 1, 'utf-16le')).toBe('a\u0a0a\u0d0d\n');
    expect(await text(wide.swap16(), 1, 'utf-16be')).toBe('a\u0a0a\u0d0d\n');
  });

  it('far from the end', async () => {
    const long = 'x'.repeat(3_000_000);
    expect((await text(`a\n${long}\nb\n`, 2)).length).toBe(2);
  });
});

it('a sample ends where it is told to, and says whether it is all', async () => {
  const read = await file('ab\ncd\n');
  const sample = (limit: number) => textSample(read, { encoding: 'utf-8', footer: 0 }, limit);
  expect(await sample(6)).toEqual({ bytes: Buffer.from('ab\ncd\n'), whole: true });
  expect(await sample(5)).toEqual({ bytes: Buffer.from('ab\ncd'), whole: false });
});
