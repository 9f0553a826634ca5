import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type OwnedEngine, openEngine } from '../../engine/duckdb.ts';
import type { LocalFile, Sniffed } from '../../model/component.ts';
import { json } from './reader.ts';

let engine: OwnedEngine;
let folder: string;
let made = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-json-q-'));
  await mkdir(join(folder, 'spool'));
  engine = await openEngine({ spool: join(folder, 'spool'), threads: 2, memory: 500_000_000 });
});
afterAll(async () => {
  engine.close();
  await rm(folder, { recursive: true });
});

async function fileOf(text: string | Buffer): Promise<LocalFile> {
  const path = join(folder, `q${made++}.json`);
  await writeFile(path, text);
  return { path, name: 'in/q.json', size: Buffer.byteLength(text), modified_at: null, ordinal: 0 };
}

/** Rows as text and the bad rows' places; null: it failed. */
async function rowsOf(files: LocalFile[], sniffed: Sniffed, confirmed: boolean) {
  const options = { rowNumbers: true, skipBadRows: true, confirmed };
  const scan = await json.scan(files, sniffed, {}, engine, options);
  try {
    const rows = await engine.rows(`SELECT COLUMNS(*)::VARCHAR FROM (${scan.sql})`);
    const bad = scan.rejects === null ? [] : await engine.rows(scan.rejects);
    const sure = scan.confirm ? await scan.confirm(rows.length + bad.length) : null;
    return { rows, bad, sure, quick: scan.confirm !== undefined };
  } catch (error) {
    return { rows: [], bad: [], sure: (await scan.confirm?.(null)) ?? null, quick: scan.confirm !== undefined, error };
  }
}

/** Reads in both ways; the quick way has to be sure of itself and give the same, or know that it is not. */
async function both(text: string | Buffer, sniffText: string | Buffer = text) {
  const file = await fileOf(text);
  const sniffed = await json.sniff([sniffText === text ? file : await fileOf(sniffText)], {}, engine);
  const quick = await rowsOf([file], sniffed, true);
  const { rows, bad } = await rowsOf([{ ...file, modified_at: '2026-01-01T00:00:00Z' }], sniffed, false);
  if (quick.sure === true) expect(quick.error).toBeUndefined();
  if (quick.sure === true) expect([quick.rows, quick.bad]).toEqual([rows, bad]);
  if (quick.quick && quick.sure === false) {
    // The next scan of the file knows.
    expect((await rowsOf([file], sniffed, true)).quick).toBe(false);
  }
  return quick;
}

const number = fc.oneof(
  fc.integer().map(String),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n }).map(String),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => (Object.is(value, -0) ? '-0' : String(value))),
  fc
    .tuple(fc.integer({ min: -999_999, max: 999_999 }), fc.integer({ min: 0, max: 4 }))
    .map(([n, d]) => (n / 100).toFixed(d)),
  fc.constantFrom(
    '0',
    '-0',
    '-0.0',
    '0.10',
    '1.0',
    '1e3',
    '1E-7',
    '0.0001',
    '0.00012',
    '0.00001',
    '-0.00',
    '0.30000000000000004',
  ),
  fc.constantFrom(
    '99999999999999.99',
    '123456789012345.6',
    '1234567890123456.5',
    '100000000000000000000',
    '5.0e0',
    '1.50',
  ),
);
const string = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 8 }).map((text) => JSON.stringify(text)),
  fc.constantFrom('""', '"\\u0041\\u00e9"', '"\\/"', '"\\ud83d\\ude00"', '"1.50"', '"null"', '"a\\u0000b"', '"007"'),
);
const scalar = fc.oneof(number, string, fc.constantFrom('true', 'false', 'null'));
const { nested } = fc.letrec<{ nested: string }>((tie) => ({
  nested: fc.oneof(
    { maxDepth: 3 },
    scalar,
    fc.array(tie('nested'), { maxLength: 3 }).map((items) => `[${items.join(',')}]`),
    fc.array(fc.tuple(fc.constantFrom('"a"', '"b c"', '"é"'), tie('nested')), { maxLength: 2 }).map((pairs) => {
      const names = new Map(pairs);
      return `{${[...names].map(([name, value]) => `${name}:${value}`).join(',')}}`;
    }),
  ),
}));

it('gives the same as our own tokeniser, or says that it would not', async () => {
  const plain = fc.oneof(fc.integer().map(String), string, fc.constantFrom('1.5', '0.25', 'true', 'null'));
  const price = fc.integer({ min: 0, max: 99_999 }).map((n) => (n / 100).toFixed(2));
  let sure = 0;
  const record = fc.oneof(
    { weight: 3, arbitrary: fc.record({ a: plain, b: price }) },
    { weight: 1, arbitrary: fc.record({ a: scalar, b: number }) },
    { weight: 1, arbitrary: fc.record({ a: nested, b: price }, { requiredKeys: [] }) },
  );
  const file = fc.array(record, { minLength: 1, maxLength: 12 });
  const oneKind = fc.oneof(
    fc.array(fc.record({ a: plain, b: price }), { minLength: 1, maxLength: 12 }),
    fc.array(fc.record({ a: nested, b: price }), { minLength: 1, maxLength: 6 }),
    file,
  );
  await fc.assert(
    fc.asyncProperty(
      oneKind,
      fc.boolean(),
      fc.constantFrom('\n', '\r\n', '\n\n', ' \n'),
      async (records, list, end) => {
        const lines = records.map(
          (fields) =>
            `{${Object.entries(fields)
              .map(([name, value]) => `"${name}":${value}`)
              .join(', ')}}`,
        );
        const text = list ? `[${lines.join(`,${end}`)}]` : lines.join(end);
        if ((await both(text)).sure) sure++;
      },
    ),
    { seed: 26, numRuns: 150 },
  );
  // Else the property would say little.
  expect(sure).toBeGreaterThan(30);
});

const good = Array.from(
  { length: 3000 },
  (_, i) => `{"id":${i},"price":${(i / 100).toFixed(2)},"t":"x ${i}","ok":true}`,
);

it('is sure of plain records, also of pieces of a file, with their numbers', async () => {
  expect((await both(`${good.join('\n')}\n`)).sure).toBe(true);
  expect((await both(`[${good.join(',\n')}]`)).sure).toBe(true);
  const file = await fileOf(good.join('\n'));
  const sniffed = await json.sniff([file], {}, engine);
  const cut = 40_000;
  const pieces: LocalFile[] = [
    { ...file, range: [0, cut], size: cut },
    { ...file, range: [cut, file.size], size: file.size - cut, ordinal: 1 },
  ];
  const { rows, sure } = await rowsOf(pieces, sniffed, true);
  expect(sure).toBe(true);
  expect(rows.map((row) => Number(row._row))).toEqual(good.map((_, i) => i + 1));
  expect(rows.map((row) => row.id)).toEqual(good.map((_, i) => String(i)));
});

it.each([
  ['more digits than a double', '{"id":1,"price":99999999999999.99,"t":"a","ok":true}'],
  ['a number of another scale', '{"id":1,"price":1.5,"t":"a","ok":true}'],
  ['a text for a number', '{"id":1,"price":"1.50","t":"a","ok":true}'],
  ['a text that looks like one', '{"id":1,"price":"9","t":"a","ok":true}'],
  ['a word for a number', '{"id":1,"price":true,"t":"a","ok":true}'],
  ['an exponent', '{"id":1e2,"price":1.00,"t":"a","ok":true}'],
  ['minus zero', '{"id":-0,"price":-0.00,"t":"a","ok":true}'],
  ['a number that is none', '{"id":NaN,"price":1.00,"t":"a","ok":true}'],
  ['infinity', '{"id":1,"price":1.00,"t":-Infinity,"ok":true}'],
  ['a comma too many', '{"id":1,"price":1.00,"t":"a","ok":true,}'],
  ['a nested value with white space', '{"id":1,"price":1.00,"t":[1, 2],"ok":true}'],
  ['a nested value with escapes', '{"id":1,"price":1.00,"t":["\\u00e9"],"ok":true}'],
  ['a record that is none', 'null'],
  ['a list', '[1]'],
  ['a name with escapes', '{"\\u0069d":1,"price":1.00,"t":"a","ok":true}'],
  ['a name twice', '{"id":1,"id":2,"price":1.00,"t":"a","ok":true}'],
  ['half of a pair', '{"id":1,"price":1.00,"t":"\\ud800","ok":true}'],
  ['broken JSON', '{"id":1,"price":1.00,"t":"a"'],
])('knows %s behind the sample', async (_, line) => {
  const head = good.slice(0, 50).join('\n');
  const quick = await both([...good, line, ...good].join('\n'), head);
  expect(quick.sure).not.toBe(true);
});

it('names a field that the sample lacks', async () => {
  const late = '{"id":1,"price":1.00,"t":"a","ok":true,"more":1}';
  const sniffed = await json.sniff([await fileOf(good.slice(0, 50).join('\n'))], {}, engine);
  const input = [await fileOf([...good, late].join('\n'))];
  await expect(rowsOf(input, sniffed, true)).rejects.toMatchObject({ code: 'format/columns', where: { line: 3001 } });
});

it('leaves bytes that are no UTF-8 to our own way', async () => {
  const bad = Buffer.concat([
    Buffer.from(`${good.join('\n')}\n{"id":1,"price":1.00,"t":"`),
    Buffer.from([0xff]),
    Buffer.from('","ok":true}'),
  ]);
  expect((await both(bad, good.join('\n'))).sure).toBe(false);
});
