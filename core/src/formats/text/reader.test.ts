import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type OwnedEngine, openEngine } from '../../engine/duckdb.ts';
import type { LocalFile } from '../../model/component.ts';
import type { JsonObject } from '../../model/json.ts';
import { groupsOf } from './groups.ts';
import { text } from './reader.ts';

let engine: OwnedEngine;
let folder: string;
let made = 0;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-text-'));
  await mkdir(join(folder, 'spool'));
  engine = await openEngine({ spool: join(folder, 'spool'), threads: 2, memory: 500_000_000 });
});
afterAll(async () => {
  engine.close();
  await rm(folder, { recursive: true });
});

async function read(bytes: string | Buffer, settings: JsonObject = {}, limit?: number) {
  const path = join(folder, `f${made++}`);
  await writeFile(path, bytes);
  const file: LocalFile = { path, name: 'in/a.txt', size: bytes.length, modified_at: null, ordinal: 4 };
  const sniffed = await text.sniff([file], settings, engine);
  const options = { rowNumbers: true, skipBadRows: true, ...(limit === undefined ? {} : { limit }) };
  const scan = await text.scan([file], sniffed, settings, engine, options);
  const rows = await engine.rows(scan.sql);
  return { rows, lines: rows.map((row) => row.line), rejects: scan.rejects ? await engine.rows(scan.rejects) : [] };
}

const split = (all: string) => {
  const lines = all.split(/\r\n|\r|\n/);
  if (lines.at(-1) === '') lines.pop();
  return lines;
};

it('takes lines as they stand, wherever chunks end', async () => {
  const near = fc.integer({ min: 1024 * 1024 - 6, max: 1024 * 1024 + 2 });
  const piece = fc.constantFrom('\n', '\r\n', '\r', 'a', '"', ',', 'é', '\u{1f600}', ' ', '\0', '\\N');
  const tail = fc.array(piece, { maxLength: 12 }).map((parts) => parts.join(''));
  await fc.assert(
    fc.asyncProperty(near, tail, async (size, end) => {
      const all = `${'x'.repeat(size - 1)}\n${end}`;
      const got = await read(all);
      expect(got.lines).toEqual(split(all));
      expect(got.rows.map((row) => [row._file, row._row])).toEqual(split(all).map((_, i) => [4, String(i + 1)]));
    }),
    { seed: 5, numRuns: 25 },
  );
  await fc.assert(
    fc.asyncProperty(tail, tail, async (one, two) => {
      expect((await read(one + two)).lines).toEqual(split(one + two));
    }),
    { seed: 6, numRuns: 60 },
  );
});

it('sets lines aside with bytes that are no characters, and numbers the others', async () => {
  const got = await read(Buffer.from('a\n\xe9\nb\n', 'latin1'), { encoding: 'utf-8' });
  expect(got.rows.map((row) => [row.line, row._row])).toEqual([
    ['a', '1'],
    ['b', '3'],
  ]);
  expect(got.rejects).toMatchObject([{ _file: 4, line: '2', byte_offset: '2', code: 'format/encoding' }]);
});

it('reads a sample no further than it is asked to', async () => {
  expect((await read('a\nb\nc\n', {}, 2)).lines).toEqual(['a', 'b']);
});

describe('groups of an expression', () => {
  it.each([
    ['(?<a>x)', '(x)', ['a']],
    ['(?P<a>x)(y)(?:z)(?<b_1>\\()', '(x)(y)(?:z)(\\()', ['a', null, 'b_1']],
    ['[(](?<a>[^](]*)\\[(', '[(]([^](]*)\\[(', ['a', null]],
    ['\\Q(?<no>\\E(?<a>.)(?i)', '\\Q(?<no>\\E(.)(?i)', ['a']],
    ['(?i:(?<a>x))', '(?i:(x))', ['a']],
    ['[[:alpha:](](?<a>x)', '[[:alpha:](](x)', ['a']],
  ])('%s', (regex, plain, names) => expect(groupsOf(regex)).toEqual({ plain, names }));
  it.each(['x', '(x)', '(?:x)', '[(?<a>x]', '(?<a>x)(?P<A>y)'])('refused: %s', (regex) => {
    expect(() => groupsOf(regex)).toThrow(expect.objectContaining({ code: 'format/regex' }));
  });
  it('an expression that the engine cannot read', async () => {
    await expect(read('a\n', { regex: '(?<a>x' })).rejects.toMatchObject({ code: 'format/regex', kind: 'config' });
  });
});
