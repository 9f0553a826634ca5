import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type OwnedEngine, openEngine } from '../../engine/duckdb.ts';
import type { JsonObject } from '../../model/json.ts';
import { json } from './reader.ts';
import { BROKEN, Scanner, SHORT } from './tokens.ts';

let engine: OwnedEngine;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-json-p-'));
  await mkdir(join(folder, 'spool'));
  engine = await openEngine({ spool: join(folder, 'spool'), threads: 1, memory: 500_000_000 });
});
afterAll(async () => {
  engine.close();
  await rm(folder, { recursive: true });
});

function scan(text: string): number {
  const bytes = Buffer.from(text);
  const scanner = new Scanner();
  scanner.over(bytes, bytes.length, true);
  const end = scanner.value(0);
  return end >= 0 && scanner.space(end) < bytes.length ? BROKEN : end;
}

function parses(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

it('takes for JSON what the standard parser does', () => {
  const bits = [
    '{',
    '}',
    '[',
    ']',
    ',',
    ':',
    '"',
    '"a"',
    '1',
    '0',
    '-',
    '.',
    'e',
    '+',
    'true',
    'null',
    ' ',
    '\n',
    '\\',
    '\\u00e9',
    'x',
  ];
  const soup = fc.array(fc.constantFrom(...bits), { maxLength: 12 }).map((parts) => parts.join(''));
  const near = fc.tuple(fc.json({ maxDepth: 3 }), fc.nat(), fc.constantFrom(...bits)).map(([text, at, bit]) => {
    const place = at % (text.length + 1);
    return text.slice(0, place) + bit + text.slice(place + (at % 2));
  });
  fc.assert(
    fc.property(fc.oneof(soup, fc.json({ maxDepth: 4 }), near), (text) => {
      expect(scan(text) >= 0).toBe(parses(text));
    }),
    { seed: 23, numRuns: 3000 },
  );
});

it('waits for more at any cut of a document', () => {
  fc.assert(
    fc.property(
      fc.json({ maxDepth: 4 }).filter((text) => /^[{["]/.test(text)),
      fc.nat(),
      (text, at) => {
        const bytes = Buffer.from(text);
        const scanner = new Scanner();
        scanner.over(bytes, at % bytes.length, false);
        expect(scanner.value(0)).toBe(SHORT);
      },
    ),
    { seed: 24, numRuns: 1000 },
  );
});

/** Numbers as JSON writes them, with more digits than a float has. */
const number = fc.oneof(
  fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n }).map(String),
  fc.tuple(fc.bigInt({ min: 0n, max: 10n ** 20n }), fc.stringMatching(/^\d{1,20}$/)).map(([a, b]) => `${a}.${b}`),
  fc.tuple(fc.integer(), fc.constantFrom('e', 'E-', 'e+'), fc.nat(400)).map((parts) => parts.join('')),
);
const space = fc.constantFrom('', ' ', '\t');
const string = fc.string({ unit: 'grapheme', maxLength: 8 }).map((text) => ({ raw: JSON.stringify(text), text }));
const nested = fc.oneof(fc.json({ maxDepth: 3 }), number).map((inner) => ({ raw: `[${inner}]`, text: `[${inner}]` }));
const word = fc.constantFrom('true', 'false').map((raw) => ({ raw, text: raw }));
const nothing = fc.constant({ raw: 'null', text: null as string | null });
const columns = {
  n: number.map((raw) => ({ raw, text: raw })),
  s: string,
  j: nested,
  b: word,
};
const cell = {
  n: fc.oneof(columns.n, nothing),
  s: fc.oneof(columns.s, nothing),
  j: fc.oneof(columns.j, nothing),
  b: columns.b,
};
const record = fc.record(cell, { requiredKeys: [] });

it('gives back every value of random documents', async () => {
  const input = fc.tuple(
    fc.array(record, { minLength: 1, maxLength: 8 }),
    space,
    fc.constantFrom('array', 'ndjson', 'path'),
  );
  let made = 0;
  await fc.assert(
    fc.asyncProperty(input, async ([records, gap, layout]) => {
      // One record with everything, so that each column has its kind.
      const all = [{ n: one('1.5'), s: one('"x"', 'x'), j: one('[1]'), b: one('true') }, ...records];
      const texts = all.map((r) => {
        const fields = Object.entries(r).map(([name, value]) => `${gap}"${name}"${gap}:${gap}${value?.raw}${gap}`);
        return `{${fields.join(',')}}`;
      });
      const list = `[${texts.join(`,${gap}\n`)}]`;
      const text =
        layout === 'ndjson' ? texts.join('\n') : layout === 'array' ? list : `{"x":[0],"d":{"i":${list}},"y":{}}`;
      const settings: JsonObject = layout === 'path' ? { records: 'd.i' } : {};
      const path = join(folder, `p${made++}.json`);
      await writeFile(path, text);
      const files = [{ path, name: 'p.json', size: text.length, modified_at: null, ordinal: 0 }];
      const sniffed = await json.sniff(files, settings, engine);
      const done = await json.scan(files, sniffed, settings, engine, { rowNumbers: false, skipBadRows: false });
      const rows = await engine.rows(done.sql);
      expect(rows.map(({ n, s, j, b }) => ({ n, s, j, b }))).toEqual(
        all.map((r) => ({ n: r.n?.text ?? null, s: r.s?.text ?? null, j: r.j?.text ?? null, b: r.b?.text ?? null })),
      );
    }),
    { seed: 25, numRuns: 60 },
  );
});

function one(raw: string, text: string | null = raw) {
  return { raw, text };
}
