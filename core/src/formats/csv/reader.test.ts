import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type OwnedEngine, openEngine } from '../../engine/duckdb.ts';
import type { LocalFile } from '../../model/component.ts';
import type { JsonObject } from '../../model/json.ts';
import { csv } from './reader.ts';

let engine: OwnedEngine;
let folder: string;
let made = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-csv-'));
  await mkdir(join(folder, 'spool'));
  engine = await openEngine({ spool: join(folder, 'spool'), threads: 2, memory: 1_000_000_000 });
});
afterAll(async () => {
  engine.close();
  await rm(folder, { recursive: true });
});

async function file(bytes: string | Buffer, ordinal = 0, name = `f${made++}.csv`): Promise<LocalFile> {
  const path = join(folder, name);
  await writeFile(path, bytes);
  return { path, name: `in/${name}`, size: Buffer.byteLength(bytes), modified_at: null, ordinal };
}

type Row = Record<string, string | number | boolean | null>;
interface Read {
  names: string[];
  rows: Row[];
  values: unknown[][];
  rejects: Row[];
  evidence: string[];
}

/** Sniffs and scans until the reading is confirmed; an engine error goes through `explain`: all as a task does it. */
async function read(
  input: string | Buffer | LocalFile[],
  settings: JsonObject = {},
  options: { rowNumbers?: boolean; skipBadRows?: boolean; limit?: number } = {},
): Promise<Read> {
  const files = Array.isArray(input) ? input : [await file(input)];
  const sniffed = await csv.sniff(files, settings, engine);
  const names = sniffed.columns.map((column) => column.name);
  for (;;) {
    const scan = await csv.scan(files, sniffed, settings, engine, {
      rowNumbers: false,
      skipBadRows: false,
      ...options,
    });
    try {
      const rows = await engine.rows(scan.sql);
      const rejects = scan.rejects === null ? [] : await engine.rows(scan.rejects);
      if (scan.confirm && !(await scan.confirm(rows.length + rejects.length))) continue;
      return {
        names,
        rows,
        values: rows.map((row) => names.map((name) => row[name])),
        rejects,
        evidence: sniffed.evidence,
      };
    } catch (error) {
      if (scan.confirm && !(await scan.confirm(null))) continue;
      throw (await csv.explain(error as Error, files, sniffed)) ?? error;
    }
  }
}

const failure = (code: string, where: object = {}) =>
  expect.objectContaining({ code, where: expect.objectContaining(where) });

describe('quotes and line ends', () => {
  it('reads a quoted line end in the first value of one column', async () => {
    const got = await read('note\r\n"line one\nline two"\r\nplain\r\n');
    expect(got.names).toEqual(['note']);
    expect(got.values).toEqual([['line one\nline two'], ['plain']]);
  });
  it('reads a quote that first occurs far behind the sample', async () => {
    const got = await read(`city,temp\n${'oslo,7\n'.repeat(30_000)}"Bergen, Vest",9\n`);
    expect(got.rows).toHaveLength(30_001);
    expect(got.values.filter(([city]) => city === 'Bergen, Vest')).toEqual([['Bergen, Vest', '9']]);
    expect(got.values.reduce((sum, [, temp]) => sum + Number(temp), 0)).toBe(210_009);
  });
  it.each([
    ['LF', '\n'],
    ['CRLF', '\r\n'],
    ['CR', '\r'],
  ])('reads %s, a last line without it, and blank lines', async (_, nl) => {
    const lines = ['a,b', '1,2', '', '3,"x', 'y"', '', '5,6'];
    const rows = [
      ['1', '2'],
      ['3', `x${nl}y`],
      ['5', '6'],
    ];
    expect((await read(lines.join(nl))).values).toEqual(rows);
    expect((await read(lines.join(nl) + nl)).values).toEqual(rows);
    expect((await read(lines.join(nl) + nl + nl)).values).toEqual(rows);
  });
  it('reads line ends of all kinds in one file', async () => {
    expect((await read('a,b\r\n1,2\n3,4\r5,6\r\n')).values).toEqual([
      ['1', '2'],
      ['3', '4'],
      ['5', '6'],
    ]);
  });
  it('tells an empty value from an empty text', async () => {
    expect((await read('a,b\n,""\n"",\n')).values).toEqual([
      [null, ''],
      ['', null],
    ]);
    const settings = { null_values: ['NULL', '-'] };
    expect((await read('a,b\nNULL,"NULL"\n,-\n', settings)).values).toEqual([
      [null, 'NULL'],
      ['', null],
    ]);
    expect((await read('a\nNULL\n\n"NULL"\n', settings)).values).toEqual([[null], [''], ['NULL']]);
  });
  it('keeps quotes amid a value, spaces and zero bytes as they are', async () => {
    const got = await read('a,b\n5" pipe,x"y"\n "z", "\n \0,\t\n');
    expect(got.values).toEqual([
      ['5" pipe', 'x"y"'],
      [' "z"', ' "'],
      [' \0', '\t'],
    ]);
  });
  it('reads other quotes, escapes, none, and a long delimiter', async () => {
    expect((await read("a;b\n'x;''y';2\n", { quote: "'" })).values).toEqual([["x;'y", '2']]);
    expect((await read('a,b\n"x\\"y\\\\",2\n', { escape: '\\' })).values).toEqual([['x"y\\', '2']]);
    expect((await read('a,b\n"x,y"\n', { quote: '' })).values).toEqual([['"x', 'y"']]);
    expect((await read('a||b\nx|y||"1||2"\n', { delimiter: '||' })).values).toEqual([['x|y', '1||2']]);
    expect((await read('a\u00a7b\nx\u00a7y\n', { delimiter: '\u00a7' })).values).toEqual([['x', 'y']]);
  });
  it('reads a value of several megabytes', async () => {
    const long = 'x'.repeat(3_000_000);
    const [row] = (await read(`a,b\n1,"${long}"\n`)).values;
    expect(row?.[1]).toHaveLength(3_000_000);
  });
  it('leaves out comments and lines before the header', async () => {
    const got = await read('made by "us\n\nx\n# no\na,b\n# no\n1,C#\n#,\n2,"\n#"\n', { skip_rows: 3, comment: '#' });
    expect(got.names).toEqual(['a', 'b']);
    expect(got.values).toEqual([
      ['1', 'C#'],
      ['2', '\n#'],
    ]);
  });
});

describe('delimiter and header', () => {
  it('takes text that nothing splits alike for one column', async () => {
    const got = await read('item\nbolt\nnut;washer\n');
    expect([got.names, got.values]).toEqual([['item'], [['bolt'], ['nut;washer']]]);
    expect((await read('title\nfoo, bar\nbaz; x\n')).values).toEqual([['foo, bar'], ['baz; x']]);
    expect((await read('item\nbolt\n\n"a,b"\n')).values).toEqual([['bolt'], [null], ['a,b']]);
  });
  it.each([',', ';', '\t', '|'])('finds %j, also where values hold the others', async (d) => {
    const others = [',', ';', '\t', '|'].filter((other) => other !== d).join('x');
    const got = await read(`a${d}"b${d}c"\n"1,2;3\t4|5"${d}${others}\n"${d}${d}"${d}"\n"\n`);
    expect(got.names).toEqual(['a', `b${d}c`]);
    expect(got.values[1]).toEqual([`${d}${d}`, '\n']);
  });
  it('keeps the header where a last row is too wide, and names that row', async () => {
    const bytes = `a,b\n${'1,2\n'.repeat(3000)}1,2,3\n`;
    await expect(read(bytes)).rejects.toEqual(failure('format/row-width', { line: 3002 }));
    const got = await read(bytes, {}, { skipBadRows: true });
    expect(got.names).toEqual(['a', 'b']);
    expect(got.rows).toHaveLength(3000);
    expect(got.rejects).toEqual([
      expect.objectContaining({ _file: 0, line: '3002', code: 'format/row-width', row: '1,2,3' }),
    ]);
  });
  it('keeps the header where rows are short', async () => {
    const bytes = 'one,two,three,four\n1,a,alice\n2,b,bob,x\n3,c,carl,y,z\n';
    await expect(read(bytes)).rejects.toEqual(failure('format/row-width', { line: 2 }));
    await expect(read(bytes)).rejects.toThrow(/expected 4.*found 3/);
    const got = await read(bytes, {}, { skipBadRows: true, rowNumbers: true });
    expect(got.names).toEqual(['one', 'two', 'three', 'four']);
    expect(got.rows.map((row) => [row.four, row._row])).toEqual([['x', '2']]);
    expect(got.rejects.map((row) => [row.line, row.row])).toEqual([
      ['2', '1,a,alice'],
      ['4', '3,c,carl,y,z'],
    ]);
  });
  it('has no rows for a header alone, no columns for an empty file', async () => {
    for (const bytes of ['id,qty\n', 'id,qty', 'id,qty\r\n\r\n']) {
      const got = await read(bytes);
      expect([got.names, got.rows]).toEqual([['id', 'qty'], []]);
    }
    for (const bytes of ['', '\ufeff', '\n\n']) {
      const got = await read(bytes, {}, { rowNumbers: true });
      expect([got.names, got.rows]).toEqual([[], []]);
    }
  });
  it('leaves out the byte order mark', async () => {
    const got = await read('\ufeff"order id",qty\r\n1,2\r\n');
    expect(got.names).toEqual(['order id', 'qty']);
    expect(got.values).toEqual([['1', '2']]);
    expect((await read('\ufeffa,b\r\n1,2\n')).values).toEqual([['1', '2']]);
    expect((await read('\ufeff1,2\n', { header: false })).values).toEqual([['1', '2']]);
  });
  it('reads a header that is longer than a sample', async () => {
    const names = Array.from({ length: 40_000 }, (_, i) => `column number ${i}`);
    const got = await csv.sniff([await file(`${names.join(';')}\n${names.map((_, i) => i).join(';')}\n`)], {}, engine);
    expect(got.columns).toHaveLength(40_000);
    expect(got.columns.at(-1)?.name).toBe('column number 39999');
  });
  it('takes a first line like the ones below for data', async () => {
    const got = await read('1,x\n2,y\n');
    expect([got.names, got.values]).toEqual([
      ['column_1', 'column_2'],
      [
        ['1', 'x'],
        ['2', 'y'],
      ],
    ]);
    expect((await read('x,y\n2,y\n', { header: false })).rows).toHaveLength(2);
    expect((await read('1,2\n3,4\n', { header: true })).names).toEqual(['1', '2']);
    expect((await read('alice,bob\ncarl,dora\n')).names).toEqual(['alice', 'bob']);
  });
  it('gives every column a name of its own', async () => {
    const got = await read('a,,A,a,a_2,_file, b \n1,2,3,4,5,6,7\n');
    expect(new Set(got.names.map((name) => name.toLowerCase())).size).toBe(7);
    expect(got.values).toEqual([['1', '2', '3', '4', '5', '6', '7']]);
    expect(got.names.slice(0, 2)).toEqual(['a', 'column_2']);
    expect(got.names.at(-1)).toBe('b');
    expect(got.rows[0]?._file).toBe(0);
  });
  it('takes the names of object prototypes for names', async () => {
    expect((await read('__proto__,role\nx,admin\n')).names).toEqual(['__proto__', 'role']);
    expect((await read('__proto__,__proto__\na,b\n')).names).toEqual(['__proto__', '__proto___2']);
    expect((await read('constructor,toString\n1,2\n')).values).toEqual([['1', '2']]);
    expect(({} as Record<string, unknown>).isAdmin).toBeUndefined();
    expect(({} as Record<string, unknown>).role).toBeUndefined();
  });
});

describe('faults', () => {
  it.each([
    ['text behind a quote', 'a,b\n1,2\n\n"x"y,2\n3,4\n', 'format/quote', 4],
    ['a quote never closed', 'a,b\n1,"2\n3"\n"x,2\n3,4\n', 'format/quote', 4],
    ['a quote never closed in the last value', 'a,b\n1,2\n3,"4', 'format/quote', 3],
    ['a short line of spaces', 'a,b\n1,2\n \n', 'format/row-width', 3],
    ['a wide row behind a quoted line end', 'a,b\n"\n\r\n",2\n1,2,3\n', 'format/row-width', 5],
  ])('names the place of %s', async (_, bytes, code, line) => {
    await expect(read(bytes)).rejects.toEqual(failure(code, { line }));
    const got = await read(bytes, {}, { skipBadRows: true });
    expect(got.rejects).toEqual([expect.objectContaining({ code, line: String(line) })]);
    expect(got.rejects[0]?.byte_offset).toBe(String(bytes.indexOf(String(got.rejects[0]?.row))));
  });
  it('names the encoding', async () => {
    const wide = await read(Buffer.from('a,b\n1,2\n', 'utf16le'));
    expect([wide.values, wide.evidence[0]]).toEqual([[['1', '2']], expect.stringContaining('utf-16le')]);
    const latin = Buffer.from('a,b\n1,2\n\u00e9,3\n', 'latin1');
    expect((await read(latin)).values).toEqual([
      ['1', '2'],
      ['\u00e9', '3'],
    ]);
    await expect(read(latin, { encoding: 'utf-8' })).rejects.toEqual(
      failure('format/encoding', { line: 3, byte_offset: 8 }),
    );
    const late = Buffer.concat([
      Buffer.from(`a,b\n${'1,2\n'.repeat(100_000)}`),
      Buffer.from('\u00e9,3\n4,5\n', 'latin1'),
    ]);
    await expect(read(late, { encoding: 'utf-8' })).rejects.toEqual(failure('format/encoding', { line: 100_002 }));
    const got = await read(late, { encoding: 'utf-8' }, { skipBadRows: true });
    expect([got.rows.length, got.rejects.length]).toEqual([100_001, 1]);
  });
  it('overlooks a delimiter at the end of a row', async () => {
    expect((await read('a,b\n1,2,\n3,4\n')).values).toEqual([
      ['1', '2'],
      ['3', '4'],
    ]);
    expect((await read('a,b\n1,2,\n3,4\n', {}, { skipBadRows: true })).rejects).toEqual([]);
  });
  it('leaves errors of others alone', async () => {
    const files = [await file('a\n1\n')];
    const sniffed = await csv.sniff(files, {}, engine);
    expect(await csv.explain(new Error('Conversion Error: x'), files, sniffed)).toBeNull();
  });
});

describe('many files', () => {
  it('matches columns by name and says which file every row is of', async () => {
    const files = [
      await file('id,name\n1,a\n2,b\n', 3),
      await file('id,name\n3,c\n', 4),
      await file('NAME;id\nd;4\n', 5),
      await file('', 6),
      await file('id,extra\n5,x\n', 7),
      await file('id,name\n"6","e\nf"\n', 9),
    ];
    const got = await read(files, {}, { rowNumbers: true });
    expect(got.names).toEqual(['id', 'name', 'extra']);
    expect(got.values).toEqual([
      ['1', 'a', null],
      ['2', 'b', null],
      ['3', 'c', null],
      ['4', 'd', null],
      ['5', null, 'x'],
      ['6', 'e\nf', null],
    ]);
    expect(got.rows.map((row) => [row._file, row._row])).toEqual([
      [3, '1'],
      [3, '2'],
      [4, '1'],
      [5, '1'],
      [7, '1'],
      [9, '1'],
    ]);
    expect((await read(files)).rows.map((row) => row._file)).toEqual([3, 3, 4, 5, 7, 9]);
    expect(got.evidence.join('\n')).toMatch(/extra/);
  });
  it('finds the file of a fault', async () => {
    const files = [await file('a,b\n1,2\n', 0), await file('a,b\n1,2\n3\n', 1)];
    await expect(read(files)).rejects.toEqual(failure('format/row-width', { path: files[1]?.name, line: 3 }));
  });
  it('refuses a file without the header that the others have', async () => {
    const files = [await file('a,b\n1,2\n', 0), await file('3,4\n5,6\n', 1)];
    await expect(read(files)).rejects.toEqual(failure('format/no-header', { path: files[1]?.name }));
  });
  it('reads files that the dialect was not made from', async () => {
    const first = await file('a,b\n1,2\n', 0);
    const sniffed = await csv.sniff([first], {}, engine);
    const later = await file('b,a\n3,4\n', 1);
    const options = { rowNumbers: false, skipBadRows: false };
    const scan = await csv.scan([first, later], sniffed, {}, engine, options);
    expect(await engine.rows(scan.sql)).toEqual([
      { a: '1', b: '2', _file: 0 },
      { a: '4', b: '3', _file: 1 },
    ]);
    const faulty = [await file('a,b\n1,2\n3\n', 3)];
    const error = await csv
      .scan(faulty, sniffed, {}, engine, options)
      .then((late) => engine.rows(late.sql))
      .catch((reason: unknown) => csv.explain(reason as Error, faulty, sniffed));
    expect(error).toEqual(failure('format/row-width', { line: 3, path: faulty[0]?.name }));
    const other = await file('a,c\n3,4\n', 2);
    await expect(csv.scan([other], sniffed, {}, engine, options)).rejects.toEqual(failure('format/columns'));
  });
  it('takes names that are patterns to the engine, and quotes', async () => {
    const files = [
      await file('a\nbrackets\n', 0, 'x[1].csv'),
      await file('a\nplain\n', 1, 'x1.csv'),
      await file('a\nstar\n', 2, 'x*.csv'),
      await file('a\nquote\n', 3, "it's.csv"),
    ];
    expect((await read(files)).values).toEqual([['brackets'], ['plain'], ['star'], ['quote']]);
  });
  it('stops at a limit', async () => {
    const got = await read(`a,b\n${'1,"x\ny"\n'.repeat(5000)}`, {}, { limit: 10 });
    expect(got.rows).toHaveLength(10);
  });
});
