import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type OwnedEngine, openEngine } from '../../engine/duckdb.ts';
import type { LocalFile } from '../../model/component.ts';
import { literal } from '../../model/sql.ts';
import { formatType } from '../../model/type.ts';
import { parquet } from './reader.ts';

let engine: OwnedEngine;
let folder: string;
let made = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-parquet-'));
  await mkdir(join(folder, 'spool'));
  engine = await openEngine({ spool: join(folder, 'spool'), threads: 2, memory: 1_000_000_000 });
});
afterAll(async () => {
  engine.close();
  await rm(folder, { recursive: true });
});

async function file(select: string, ordinal = 0, name = `p${made++}.parquet`): Promise<LocalFile> {
  const path = join(folder, name);
  await engine.run(`COPY (${select}) TO ${literal(path)} (FORMAT parquet)`);
  return { path, name: `in/${name}`, size: (await stat(path)).size, modified_at: null, ordinal };
}

async function bytes(content: Buffer): Promise<LocalFile> {
  const path = join(folder, `b${made++}.parquet`);
  await writeFile(path, content);
  return { path, name: 'in/bytes.parquet', size: content.length, modified_at: null, ordinal: 0 };
}

async function read(files: LocalFile[], rowNumbers = false) {
  const sniffed = await parquet.sniff(files, {}, engine);
  const scan = await parquet.scan(files, sniffed, {}, engine, { rowNumbers, skipBadRows: false });
  const types = Object.fromEntries(sniffed.columns.map((c) => [c.name, c.type && formatType(c.type)]));
  try {
    return { types, rows: await engine.rows(scan.sql), described: await engine.describe(scan.sql) };
  } catch (error) {
    throw (await parquet.explain(error as Error, files, sniffed)) ?? error;
  }
}

const failure = (code: string, where: object = {}) =>
  expect.objectContaining({ code, where: expect.objectContaining(where) });

describe('types', () => {
  it('keeps wall clocks and instants apart', async () => {
    const got = await read([
      await file("SELECT timestamp '1970-01-03 12:00:00' AS wall, timestamptz '1970-01-03 12:00:00+00' AS inst"),
    ]);
    expect(got.types).toEqual({ wall: 'timestamp', inst: 'timestamptz' });
    const sql = `SELECT epoch(inst)::INTEGER AS e, wall::VARCHAR AS w FROM (SELECT * FROM read_parquet(${literal(join(folder, 'p0.parquet'))}))`;
    expect(await engine.rows(sql)).toEqual([{ e: 216000, w: '1970-01-03 12:00:00' }]);
  });
  it('keeps every type of the language, and the engine agrees', async () => {
    const got = await read([
      await file(
        `SELECT 1::UTINYINT AS a, 18446744073709551615::UBIGINT AS b, 1.50::DECIMAL(10,2) AS c, [1, 2] AS d, {'x': 1, 'y': ['z']} AS e,
         'q'::BLOB AS f, map {'k': 1} AS g, 1.5::FLOAT AS h, time '10:00:00' AS i, date '2024-01-01' AS j, timestamp_ns '2024-01-01 00:00:00.123456' AS k`,
      ),
    ]);
    expect(got.types).toEqual({
      a: 'int',
      b: 'decimal(20,0)',
      c: 'decimal(10,2)',
      d: 'list<int>',
      e: 'struct<x: int, y: list<text>>',
      f: 'binary',
      g: 'json',
      h: 'double',
      i: 'time',
      j: 'date',
      k: 'timestamp',
    });
    expect(Object.fromEntries(got.described.slice(0, -1).map((c) => [c.name, formatType(c.type)]))).toEqual(got.types);
    expect(got.rows[0]).toMatchObject({ b: '18446744073709551615', c: '1.50', g: '{"k":1}' });
  });
  it('cuts no nanoseconds off', async () => {
    const files = [await file("SELECT timestamp_ns '2024-01-01 00:00:00.123456789' AS k")];
    await expect(read(files)).rejects.toEqual(failure('format/schema-conflict', { column: 'k', path: files[0]?.name }));
  });
});

describe('many files', () => {
  it('matches columns by name, widens types, numbers files and rows', async () => {
    const files = [
      await file('SELECT i::INTEGER AS id, i AS n FROM range(3) t(i)', 2),
      await file('SELECT i::INTEGER AS id, i AS n FROM range(2) t(i)', 4),
      await file("SELECT 'x' AS extra, 3000000000 AS ID", 5),
      await file('SELECT 7 AS id, 1.5::DOUBLE AS n', 6),
    ];
    const got = await read(files, true);
    expect(got.types).toEqual({ id: 'bigint', n: 'double', extra: 'text' });
    expect(got.rows.map((row) => [row._file, row._row, row.id, row.n, row.extra])).toEqual([
      [2, '1', '0', 0, null],
      [2, '2', '1', 1, null],
      [2, '3', '2', 2, null],
      [4, '1', '0', 0, null],
      [4, '2', '1', 1, null],
      [5, '1', '3000000000', null, 'x'],
      [6, '1', '7', 1.5, null],
    ]);
  });
  it('fails where the wider type would change a value', async () => {
    const files = [await file('SELECT 9007199254740993 AS n', 0), await file('SELECT 1.5::DOUBLE AS n', 1)];
    await expect(read(files)).rejects.toEqual(failure('format/schema-conflict', { column: 'n', path: files[0]?.name }));
  });
  it('names both files of a conflict', async () => {
    const files = [await file('SELECT 1 AS n', 0), await file("SELECT 'x' AS n", 1)];
    await expect(read(files)).rejects.toThrow(new RegExp(`${files[0]?.name}.*${files[1]?.name}`));
    await expect(read(files)).rejects.toEqual(failure('format/schema-conflict', { column: 'n' }));
  });
  it('reads columns with the names of the engine, and files with the names of patterns', async () => {
    const files = [
      await file("SELECT 'a' AS file_row_number, 'b' AS _file, 'c' AS filename", 1, 'x[1].parquet'),
      await file("SELECT 'd' AS file_row_number, 'e' AS _file, 'f' AS filename", 2, 'x1.parquet'),
    ];
    const got = await read(files, true);
    expect(got.rows).toEqual([
      { file_row_number: 'a', _file_2: 'b', filename: 'c', _file: 1, _row: '1' },
      { file_row_number: 'd', _file_2: 'e', filename: 'f', _file: 2, _row: '1' },
    ]);
  });
  it('reads files that the dialect was not made from', async () => {
    const first = await file('SELECT 1::BIGINT AS a', 0);
    const sniffed = await parquet.sniff([first], {}, engine);
    const options = { rowNumbers: false, skipBadRows: false };
    const scan = await parquet.scan([await file('SELECT 2::INTEGER AS a', 1)], sniffed, {}, engine, options);
    expect(await engine.rows(scan.sql)).toEqual([{ a: '2', _file: 1 }]);
    const other = await file('SELECT 1 AS b', 2);
    await expect(parquet.scan([other], sniffed, {}, engine, options)).rejects.toEqual(failure('format/columns'));
    const empty = await parquet.scan([], sniffed, {}, engine, options);
    expect(await engine.rows(empty.sql)).toEqual([]);
  });
});

describe('faults', () => {
  it('names what a file is instead', async () => {
    const good = await readFile((await file('SELECT range AS a FROM range(1000)')).path);
    for (const content of [
      Buffer.alloc(0),
      Buffer.from('a,b\n1,2\n3,4\n'),
      good.subarray(0, good.length - 20),
      good.subarray(0, 4),
    ]) {
      await expect(read([await bytes(content)])).rejects.toEqual(
        failure('format/unreadable', { path: 'in/bytes.parquet' }),
      );
    }
    const spoiled = Buffer.from(good);
    spoiled.fill(0x55, 4, 60);
    await expect(read([await bytes(spoiled)])).rejects.toEqual(
      failure('format/unreadable', { path: 'in/bytes.parquet' }),
    );
  });
});
