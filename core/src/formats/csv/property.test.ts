import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type OwnedEngine, openEngine } from '../../engine/duckdb.ts';
import type { LocalFile } from '../../model/component.ts';
import type { Layout } from './layout.ts';
import { buildScan } from './scan.ts';
import type { CsvSettings } from './settings.ts';
import { LIMITS, type Limits } from './survey.ts';

let engine: OwnedEngine;
let folder: string;
let made = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-csv-property-'));
  await mkdir(join(folder, 'spool'));
  engine = await openEngine({ spool: join(folder, 'spool'), threads: 4, memory: 1_000_000_000 });
});
afterAll(async () => {
  engine.close();
  await rm(folder, { recursive: true });
});

type Value = string | null;

/** RFC 4180 by one pass over characters, for comparison; wide, short and wrongly quoted records come out as `null`. */
function reference(text: string, columns: number, nulls: readonly string[]): (Value[] | null)[] {
  const records: (Value[] | null)[] = [];
  let at = 0;
  while (at < text.length) {
    const fields: Value[] = [];
    let good = true;
    let blank = true;
    let bare = false;
    for (;;) {
      let value = '';
      if (text[at] === '"') {
        blank = false;
        bare = false;
        at++;
        while (at < text.length && (text[at] !== '"' || text[at + 1] === '"')) {
          if (text[at] === '"') at++;
          value += text[at++];
        }
        if (at >= text.length) good = false;
        at++;
        fields.push(value);
        if (at < text.length && !/[,\r\n]/.test(text[at] ?? '')) {
          good = false;
          while (at < text.length && !/[\r\n]/.test(text[at] ?? '')) at++;
        }
      } else {
        while (at < text.length && !/[,\r\n]/.test(text[at] ?? '')) value += text[at++];
        if (value !== '') blank = false;
        bare = value === '';
        fields.push(nulls.includes(value) ? null : value);
      }
      if (text[at] !== ',') break;
      blank = false;
      at++;
    }
    at += text[at] === '\r' && text[at + 1] === '\n' ? 2 : 1;
    if (blank && columns > 1) continue;
    if (fields.length === columns + 1 && bare) fields.pop();
    records.push(good && fields.length === columns ? fields : null);
  }
  return records;
}

const piece = fc.constantFrom(
  'a',
  '1',
  '"',
  '""',
  ',',
  ' ',
  '\n',
  '\r\n',
  '\u00e9',
  'x,y\n1,2\n',
  '\u{1f600}',
  '\0',
  'NULL',
);
const tidy = fc.oneof(
  fc.constantFrom('', '""', 'x', '12', 'a b', '\u00e9\u00e9', 'NULL', '5" x', '"NULL"', '"x, y"'),
  fc.array(piece, { maxLength: 6 }).map((parts) => `"${parts.join('').replaceAll('"', '""')}"`),
);
const plain = fc.constantFrom('', 'x', '12', 'a b', '\u00e9\u00e9', 'NULL', 'abcdefgh');
const wild = fc.oneof(tidy, fc.constantFrom(' "a"', '"a" ', '"a"b', '"open', 'a"', ' '));

const table = (value: fc.Arbitrary<string>, ragged: boolean) =>
  fc
    .record({
      columns: fc.constantFrom(1, 2, 3),
      nl: fc.constantFrom('\n', '\r\n', '\r'),
      mixed: fc.boolean(),
      rows: fc.array(fc.tuple(fc.array(value, { minLength: 5, maxLength: 5 }), fc.nat(30), fc.boolean()), {
        maxLength: 60,
      }),
      ends: fc.boolean(),
      nulls: fc.constantFrom<string[]>([''], ['', 'NULL'], ['NULL']),
      bom: fc.boolean(),
    })
    .map(({ columns, nl, mixed, rows, ends, nulls, bom }) => {
      const lines = rows.map(([values, n]) => values.slice(0, ragged && n < 3 ? n + 1 : columns).join(','));
      const withBlanks = rows.flatMap(([, n], i) => (n === 30 ? ['', lines[i] ?? ''] : [lines[i] ?? '']));
      const text = withBlanks.map((line, i) => {
        const end = mixed && i % 7 === 6 ? '\n' : nl;
        return i === withBlanks.length - 1 && !ends ? line : line + end;
      });
      return {
        columns,
        nulls,
        bom,
        header: `${['a', 'b', 'c'].slice(0, columns).join(',')}${nl}`,
        body: text.join(''),
      };
    });

type Table = { columns: number; nulls: string[]; bom: boolean; header: string; body: string };

async function scanned(input: Table, limits: Limits, skipBadRows: boolean) {
  const path = join(folder, `t${made++}.csv`);
  await writeFile(path, `${input.bom ? '\ufeff' : ''}${input.header}${input.body}`);
  const names = ['a', 'b', 'c'].slice(0, input.columns);
  const file: LocalFile = { path, name: 't', size: 1e9, modified_at: null, ordinal: 0 };
  const form = { encoding: 'utf-8', footer: 0, header: true, skip: 0, names };
  const layout: Layout = { delimiter: ',', quote: '"', escape: '"', comment: null, ...form };
  const settings: CsvSettings = {
    ...layout,
    skipRows: 0,
    skipFooter: 0,
    duplicateHeaders: 'rename',
    nullValues: input.nulls,
  };
  const options = { rowNumbers: true, skipBadRows };
  for (;;) {
    const scan = await buildScan([{ file, layout }], names, settings, engine, options, limits);
    try {
      const rows = await engine.rows(scan.sql);
      const rejects = scan.rejects === null ? [] : await engine.rows(scan.rejects);
      if (scan.confirm && !(await scan.confirm(rows.length + rejects.length))) continue;
      return { rows: rows.map((row) => [row._row, ...names.map((name) => row[name])]), rejects };
    } catch (error) {
      if (scan.confirm && !(await scan.confirm(null))) continue;
      throw error;
    }
  }
}

function expected(input: Table) {
  const records = reference(input.body, input.columns, input.nulls);
  const rows = records.flatMap((values, i) => (values ? [[String(i + 1), ...values]] : []));
  return { rows, bad: records.filter((values) => values === null).length };
}

/** Small buffers put every kind of boundary amid every kind of value. */
const small = fc
  .constantFrom(64, 150, 400)
  .map((size): Limits => ({ chunk: size - 7, line: size, buffer: size * 2, onePiece: 0 }));

it('reads what the standard says, in small buffers and several threads', async () => {
  await fc.assert(
    fc.asyncProperty(table(fc.oneof({ weight: 3, arbitrary: tidy }, plain), false), small, async (input, limits) => {
      const want = expected(input);
      fc.pre(want.bad === 0);
      expect((await scanned(input, limits, false)).rows).toEqual(want.rows);
    }),
    { seed: 11, numRuns: 150 },
  );
});

it('reads text without quotes in parallel', async () => {
  await fc.assert(
    fc.asyncProperty(table(plain, false), small, async (input, limits) => {
      expect((await scanned(input, limits, false)).rows).toEqual(expected(input).rows);
    }),
    { seed: 12, numRuns: 150 },
  );
});

it('sets bad rows aside and numbers the others, whatever the text', async () => {
  await fc.assert(
    fc.asyncProperty(table(wild, true), small, async (input, limits) => {
      const want = expected(input);
      const got = await scanned(input, limits, true);
      expect(got.rows).toEqual(want.rows);
      expect(got.rejects).toHaveLength(want.bad);
    }),
    { seed: 13, numRuns: 150 },
  );
});

it('never yields rows of a text with a bad row where that fails', async () => {
  await fc.assert(
    fc.asyncProperty(table(wild, true), small, async (input, limits) => {
      const want = expected(input);
      const got = await scanned(input, limits, false).catch(() => null);
      if (want.bad > 0) expect(got).toBeNull();
      else expect(got?.rows).toEqual(want.rows);
    }),
    { seed: 14, numRuns: 150 },
  );
});

it('gives the same answers with the sizes of real runs', async () => {
  await fc.assert(
    fc.asyncProperty(table(wild, true), async (input) => {
      const want = expected(input);
      expect((await scanned(input, LIMITS, true)).rows).toEqual(want.rows);
    }),
    { seed: 15, numRuns: 50 },
  );
});
