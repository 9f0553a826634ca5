import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type RecordBatchFileReader, RecordBatchReader } from 'apache-arrow';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type OwnedEngine, openEngine } from '../../engine/duckdb.ts';
import type { LocalFile } from '../../model/component.ts';
import { SluiceError } from '../../model/error.ts';
import { formatType } from '../../model/type.ts';
import { unlz4 } from './lz4.ts';
import { arrow } from './reader.ts';

let folder: string;
let engine: OwnedEngine;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-arrow-'));
  engine = await openEngine({ spool: folder, threads: 2, memory: 500_000_000 });
});
afterAll(() => {
  engine.close();
  rmSync(folder, { recursive: true });
});

const fixture = (name: string) => fileURLToPath(new URL(`../../../test/fixtures/formats/${name}`, import.meta.url));
const at = (path: string): LocalFile => ({
  path,
  name: 'in/a.arrow',
  size: statSync(path).size,
  modified_at: null,
  ordinal: 0,
});

async function read(file: LocalFile, select = '*') {
  const sniffed = await arrow.sniff([file], {}, engine);
  const options = { rowNumbers: true, skipBadRows: false };
  const { sql } = await arrow.scan([file], sniffed, {}, engine, options);
  return { sniffed, rows: await engine.rows(`SELECT ${select} FROM (${sql})`) };
}

it('reads a published file of 231,083 rows', async () => {
  const path = fileURLToPath(
    new URL('../../../../node_modules/vega-datasets/data/flights-200k.arrow', import.meta.url),
  );
  const { sniffed, rows } = await read(
    at(path),
    'count(*) AS n, sum(delay)::BIGINT AS delay, max(distance) AS far, round(avg("time"), 6) AS at, max("_row") AS last',
  );
  expect(sniffed.columns.map((c) => `${c.name} ${c.type && formatType(c.type)}`)).toMatchInlineSnapshot(`
    [
      "delay int",
      "distance int",
      "time double",
    ]
  `);
  expect(rows).toMatchInlineSnapshot(`
    [
      {
        "at": 13.775851,
        "delay": "1500159",
        "far": 4962,
        "last": "200000",
        "n": "200000",
      },
    ]
  `);
});

it('names a file or stream that is cut off anywhere', async () => {
  const path = join(folder, 'cut.arrow');
  for (const name of ['arrow-types.1.arrow', 'arrow-types.2.arrows']) {
    const whole = readFileSync(fixture(name));
    const { rows } = await read(at(fixture(name)));
    for (let size = 1; size < whole.length - 8; size += 151) {
      writeFileSync(path, whole.subarray(0, size));
      const found = await read(at(path)).catch((error: SluiceError) => error);
      // Between two messages a stream may end.
      if (found instanceof Error)
        expect(found).toMatchObject({ code: 'format/unreadable', where: { path: 'in/a.arrow' } });
      else expect(rows.slice(0, found.rows.length), `${name} cut at ${size}`).toEqual(found.rows);
    }
  }
});

it('fails by name where values are damaged, and never otherwise', async () => {
  const path = join(folder, 'damaged.arrow');
  for (const name of ['arrow-types.1.arrow', 'arrow-types.3.arrow']) {
    const whole = readFileSync(fixture(name));
    const reader = RecordBatchReader.from(whole).open() as RecordBatchFileReader;
    const block = reader.footer?.getRecordBatch(0);
    const begin = Number(block?.offset) + Number(block?.metaDataLength);
    for (let place = begin; place < begin + Number(block?.bodyLength); place += 41) {
      const bytes = Buffer.from(whole);
      bytes[place] = (bytes[place] as number) ^ 0x55;
      writeFileSync(path, bytes);
      const found = await read(at(path)).catch((error: Error) => error);
      if (found instanceof Error && !/Conversion Error/.test(found.message))
        expect(found, `${name}, byte ${place}: ${found.stack}`).toBeInstanceOf(SluiceError);
    }
  }
});

it('unpacks LZ4 frames of literals, long matches and linked blocks, and refuses broken ones', () => {
  const packed = (hex: string) => unlz4(Buffer.from(hex.replaceAll(' ', ''), 'hex'), 1000);
  const head = '04224d18 40 40 c0';
  // "ab", then 20 bytes from two bytes back, then "c".
  expect(Buffer.from(packed(`${head} 08000000 2f 6162 0200 01 10 63 00000000`)).toString()).toBe(`${'ab'.repeat(11)}c`);
  // A block as it is, then one that refers to it.
  expect(Buffer.from(packed(`${head} 03000080 616263 04000000 00 0300 00 00000000`)).toString()).toBe('abcabca');
  expect(packed(`${head} 00000000`)).toHaveLength(0);
  for (const bad of [`${head} 04000000 00 0900 00 00000000`, `${head} 09000000 2f 61`, '04224d18 80', '00'])
    expect(() => packed(bad)).toThrow();
});
