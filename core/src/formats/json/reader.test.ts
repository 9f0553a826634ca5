import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type OwnedEngine, openEngine } from '../../engine/duckdb.ts';
import type { LocalFile } from '../../model/component.ts';
import type { JsonObject } from '../../model/json.ts';
import { json } from './reader.ts';

let engine: OwnedEngine;
let folder: string;
let made = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-json-'));
  await mkdir(join(folder, 'spool'));
  engine = await openEngine({ spool: join(folder, 'spool'), threads: 2, memory: 1_000_000_000 });
});
afterAll(async () => {
  engine.close();
  await rm(folder, { recursive: true });
});

async function file(bytes: string | Buffer, ordinal = 0): Promise<LocalFile> {
  const path = join(folder, `f${made++}.json`);
  await writeFile(path, bytes);
  return { path, name: `in/${ordinal}.json`, size: Buffer.byteLength(bytes), modified_at: null, ordinal };
}

async function read(
  input: string | Buffer | LocalFile[],
  settings: JsonObject = {},
  options: { rowNumbers?: boolean; skipBadRows?: boolean; limit?: number } = {},
) {
  const files = Array.isArray(input) ? input : [await file(input)];
  const sniffed = await json.sniff(files, settings, engine);
  const names = sniffed.columns.map((column) => column.name);
  const scan = await json.scan(files, sniffed, settings, engine, { rowNumbers: false, skipBadRows: false, ...options });
  const rows = await engine.rows(scan.sql);
  const rejects = scan.rejects === null ? [] : await engine.rows(scan.rejects);
  const types = sniffed.columns.map((column) => column.type?.kind ?? null);
  return { names, types, rows, rejects, values: rows.map((row) => names.map((name) => row[name])) };
}

const failure = (code: string, where: object = {}) =>
  expect.objectContaining({ code, where: expect.objectContaining(where) });
const bad = { skipBadRows: true };

describe('layouts', () => {
  const rows = [
    ['1', 'x'],
    ['2', null],
  ];
  it.each([
    ['lines', '{"a":1,"b":"x"}\n{"a":2}\n', {}],
    ['lines with CRLF, blank ones, a mark, no last line end', '\ufeff{"a":1,"b":"x"}\r\n\r\n  {"a":2,"b":null}', {}],
    ['a list', '[{"a":1,"b":"x"},\n{"a":2}]', {}],
    ['a list with a mark and space', '\ufeff \n[ {"a" : 1 , "b" : "x" } , {"a":2 } ] \n', {}],
    [
      'a list inside',
      '{"n":{"a":[1]},"data":{"k":"]","items":[{"a":1,"b":"x"},{"a":2}],"z":0},"y":[]}',
      { records: 'data.items' },
    ],
    [
      'a list inside, over lines',
      '{\n"data": {\n"items": [{"a":1,"b":"x"},\n{"a":2}\n]}}\n',
      { records: 'data.items' },
    ],
    ['a list inside each line', '{"d":[{"a":1,"b":"x"}]}\n{"d":null}\n{"d":{"a":2}}\n{"d":[]}\n', { records: 'd' }],
  ])('%s', async (_, text, settings) => {
    expect((await read(text, settings)).values).toEqual(rows);
  });

  it('takes an object over several lines for one record', async () => {
    expect((await read('{\n  "a": 1,\n  "b": "x"\n}\n')).values).toEqual([['1', 'x']]);
  });

  it('does not take lines behind a cut first one for a document', async () => {
    const got = await read('{"a":1\n{"a":2}\n{"a":3}\n', {}, bad);
    expect(got.values).toEqual([['2'], ['3']]);
    expect(got.rejects).toMatchObject([{ line: '1', byte_offset: '0', code: 'format/json', row: '{"a":1' }]);
  });

  it.each(['', ' \n', '[]', '{"d":[]}'])('finds no rows and no columns in %j', async (text) => {
    const got = await read(text, text.startsWith('{') ? { records: 'd' } : {});
    expect([got.names, got.rows]).toEqual([[], []]);
  });

  it('reads records that are longer than what is read at once', async () => {
    const long = 'é'.repeat(1_500_000);
    for (const text of [`{"a":"${long}"}\n{"a":"y"}\n`, `[{"a":"${long}"},{"a":"y"}]`]) {
      const got = await read(text);
      expect(got.values[0]?.[0]).toHaveLength(long.length);
      expect(got.values[1]).toEqual(['y']);
    }
  });

  it('numbers records, bad ones too, and stops at a limit', async () => {
    const got = await read('{"a":1}\nx\n{"a":3}\n', {}, { ...bad, rowNumbers: true });
    expect(got.rows.map((row) => [row.a, row._row])).toEqual([
      ['1', '1'],
      ['3', '3'],
    ]);
    expect((await read('{"a":1}\n{"a":2}\nx\n', {}, { limit: 2 })).values).toEqual([['1'], ['2']]);
  });
});

describe('values', () => {
  it('keeps numbers as they are written', async () => {
    const numbers = ['9007199254740993', '99999999999999.99', '-0', '1e400', '0.10', '23958446825181076829', '1.5E-3'];
    const got = await read(numbers.map((n) => `{"n":${n},"l":[${n}]}`).join('\n'));
    expect(got.types).toEqual([null, 'json']);
    expect(got.values).toEqual(numbers.map((n) => [n, `[${n}]`]));
  });

  it('keeps strings apart from NULL and from numbers', async () => {
    const got = await read(
      '{"s":"","n":"007"}\n{"s":null,"n":"7"}\n{"s":"\\\\N"}\n{"s":"a\\u0000\\ud83d\\ude00\\"\\n"}\n',
    );
    expect(got.types).toEqual([null, 'text']);
    expect(got.values.map(([s]) => s)).toEqual(['', null, '\\N', 'a\0😀"\n']);
  });

  it('keeps mixed values of a column with lists or objects as JSON', async () => {
    const got = await read('{"v":{"a":[1,2]}}\n{"v":"x"}\n{"v":true}\n{"v":null}\n');
    expect(got.types).toEqual(['json']);
    expect(got.values).toEqual([['{"a":[1,2]}'], ['"x"'], ['true'], [null]]);
  });

  it('takes the last of two values under one name, and names that differ by case as two columns', async () => {
    const got = await read('{"a":1,"A":2,"a":3,"\\u0061":4}\n');
    expect(got.names).toEqual(['a', 'A_2']);
    expect(got.values).toEqual([['4', '2']]);
  });

  it('takes names of object prototypes for plain ones', async () => {
    const got = await read('{"__proto__":{"isAdmin":true},"constructor":1,"toString":2,"":3}\n');
    expect(got.names).toEqual(['__proto__', 'constructor', 'toString', 'column_4']);
    expect(({} as { isAdmin?: boolean }).isAdmin).toBeUndefined();
    expect(got.rows).toHaveLength(1);
    expect(got.rows[0]).toMatchObject({ constructor: '1', toString: '2', column_4: '3' });
  });

  it('joins files by names', async () => {
    const got = await read([await file('{"a":1}\n', 0), await file('[{"b":2,"a":3}]', 1)]);
    expect(got.rows).toEqual([
      { a: '1', b: null, _file: 0 },
      { a: '3', b: '2', _file: 1 },
    ]);
  });
});

describe('bad records', () => {
  it.each([
    'x',
    'null',
    '[1]',
    '1',
    '"a"',
    '{"a":1',
    '{"a":}',
    '{"a":1,}',
    '{"a" 1}',
    '{a:1}',
    "{'a':1}",
    '{"a":01}',
    '{"a":1.}',
    '{"a":.5}',
    '{"a":+1}',
    '{"a":-}',
    '{"a":1e}',
    '{"a":NaN}',
    '{"a":Infinity}',
    '{"a":tru}',
    '{"a":[1,]}',
    '{"a":[1 2]}',
    '{"a":{"b":}}',
    '{"a":[}',
    '{"a":"x}',
    '{"a":"\t"}',
    '{"a":"\\x"}',
    '{"a":"\\u12g4"}',
    '{"a":"\\ud800"}',
    '{"a":"\\udc00x"}',
    '{"a":["\\ud800\\u0041"]}',
    '{"a":1} {"a":2}',
    '{"a":1}x',
    '{"a":1 // c',
    `{"a":${'['.repeat(600)}${']'.repeat(600)}}`,
  ])('line %j', async (line) => {
    const text = `{"a":0}\n${line}\n{"a":2}\n`;
    const got = await read(text, {}, bad);
    expect(got.values).toEqual([['0'], ['2']]);
    expect(got.rejects).toEqual([
      expect.objectContaining({ _file: 0, line: '2', byte_offset: '8', code: 'format/json', row: line }),
    ]);
    await expect(read(text)).rejects.toEqual(failure('format/json', { path: 'in/0.json', line: 2, byte_offset: 8 }));
  });

  it('names bytes that are no UTF-8', async () => {
    const text = Buffer.concat([Buffer.from('{"a":0}\n{"a":"'), Buffer.from([0xe9]), Buffer.from('"}\n{"a":2}\n')]);
    const got = await read(text, {}, bad);
    expect(got.values).toEqual([['0'], ['2']]);
    expect(got.rejects).toMatchObject([{ line: '2', code: 'format/encoding' }]);
    const utf32 = Buffer.from('fffe00007b0000007d000000', 'hex');
    await expect(read(utf32)).rejects.toEqual(failure('format/encoding'));
    await expect(read('{"a":1}', { encoding: 'utf-16' })).rejects.toEqual(failure('format/json'));
  });

  it('sets elements of a list aside that are no objects', async () => {
    const got = await read('[{"a":1},\n2,\n{"a":"\\ud800"}, {"a":4}]', {}, bad);
    expect(got.values).toEqual([['1'], ['4']]);
    expect(got.rejects).toMatchObject([
      { line: '2', byte_offset: '10', row: '2' },
      { line: '3', byte_offset: '13' },
    ]);
  });

  it.each([
    ['[{"a":1},\n{"a":2}', 17],
    ['[{"a":1},\n{"a":2', 16],
    ['[{"a":1}\n{"a":2}]', 9],
    ['[{"a":1},\n]', 10],
    ['[{"a":1}]\n[]', 10],
    ['[\n', 2],
  ])('fails a broken list %j with its place', async (text, offset) => {
    await expect(read(text, {}, bad)).rejects.toEqual(failure('format/json', { byte_offset: offset, line: 2 }));
  });

  it.each(['{"d":{"x":[]}}', '{"d":[]}', '[]', '{"d":{"items":1}}', '{"d":{"items":[]}'])(
    'fails where the path leads to no list: %s',
    async (text) => {
      await expect(read(text, { layout: 'array', records: 'd.items' })).rejects.toEqual(failure('format/json'));
    },
  );

  it('loses no field that the sample did not show', async () => {
    const row = `{"a":1,"p":"${'x'.repeat(1000)}"}\n`;
    const lines = `${row.repeat(6000)}{"a":2,"b":null}\n{"a":2,"b":5}\n`;
    const input = [await file(lines)];
    await expect(read(input)).rejects.toEqual(failure('format/columns', { line: 6002 }));
    const sniffed = await json.sniff(input, {}, engine);
    const known = json.expect?.(sniffed, [{ name: 'b', type: { kind: 'bigint' } }]) ?? sniffed;
    const scan = await json.scan(input, known, {}, engine, { rowNumbers: false, skipBadRows: false });
    expect(await engine.rows(`SELECT count(b)::INTEGER AS n, max(b) AS b FROM (${scan.sql})`)).toEqual([
      { n: 1, b: '5' },
    ]);
  });
});
