import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type OwnedEngine, openEngine } from '../engine/duckdb.ts';
import type { DataType } from '../model/type.ts';
import { type ColumnBuffer, INFINITE, viewOf } from './column.ts';
import { ColumnFile } from './file.ts';

/** What the engine reads of a file is what was put into it, in type and value. */

let engine: OwnedEngine;
let folder: string;
let files = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-columnar-'));
  engine = await openEngine({ spool: folder, threads: 2, memory: 300_000_000 });
});
afterAll(async () => {
  engine.close();
  await rm(folder, { recursive: true });
});

type Put = (column: ColumnBuffer) => void;

async function written(type: DataType, puts: readonly Put[]): Promise<string> {
  const path = join(folder, `${files++}.parquet`);
  const file = await ColumnFile.create(path, [{ name: 'c0', type }]);
  const [column] = file.columns;
  for (const put of puts) {
    put(column!);
    if (file.full) await file.flush();
  }
  await file.finish();
  expect(file.rows).toBe(puts.length);
  return path;
}

const none: Put = (c) => c.none();
const bytesOf =
  (bytes: Uint8Array): Put =>
  (c) =>
    c.bytes(viewOf(bytes), 0, bytes.length);
const uuid = Buffer.from('0f8fad5bd9cb469fa16570867728950e', 'hex');
const LONG = 'ä'.repeat(5000);

it.each<[DataType, string, [Put, string | null][]]>([
  [
    { kind: 'boolean' },
    'BOOLEAN',
    [
      [(c) => c.boolean(true), 'true'],
      [none, null],
      [(c) => c.boolean(false), 'false'],
    ],
  ],
  [
    { kind: 'int' },
    'INTEGER',
    [
      [(c) => c.int32(-2147483648), '-2147483648'],
      [(c) => c.int32(7), '7'],
      [none, null],
    ],
  ],
  [
    { kind: 'bigint' },
    'BIGINT',
    [
      [(c) => c.big(-9223372036854775808n), '-9223372036854775808'],
      [(c) => c.whole(Number.MAX_SAFE_INTEGER), '9007199254740991'],
      [(c) => c.whole(-Number.MAX_SAFE_INTEGER), '-9007199254740991'],
      [(c) => c.whole(-1), '-1'],
      [(c) => c.reversed64(viewOf(Buffer.from('0123456789abcdef', 'hex')), 0), '81985529216486895'],
    ],
  ],
  [
    { kind: 'double' },
    'DOUBLE',
    [
      [(c) => c.double(Number.NaN), 'nan'],
      [(c) => c.double(-0.1), '-0.1'],
    ],
  ],
  [
    { kind: 'text' },
    'VARCHAR',
    [
      [(c) => c.text(''), ''],
      [(c) => c.text('𝄞'), '𝄞'],
      [none, null],
      [bytesOf(Buffer.from(LONG)), LONG],
    ],
  ],
  [{ kind: 'json' }, 'VARCHAR', [[(c) => c.text('{"a":1.10}'), '{"a":1.10}']]],
  [
    { kind: 'binary' },
    'BLOB',
    [
      [bytesOf(Buffer.from([0, 255, 65])), '\\x00\\xFFA'],
      [bytesOf(Buffer.alloc(0)), ''],
    ],
  ],
  [{ kind: 'uuid' }, 'UUID', [[(c) => c.fixed16(viewOf(uuid), 0), '0f8fad5b-d9cb-469f-a165-70867728950e']]],
  [
    { kind: 'date' },
    'DATE',
    [
      [(c) => c.int32(-1), '1969-12-31'],
      [(c) => c.int32(INFINITE.days), 'infinity'],
      [(c) => c.int32(-INFINITE.days), '-infinity'],
    ],
  ],
  [
    { kind: 'time' },
    'TIME',
    [
      [(c) => c.whole(86_399_999_999), '23:59:59.999999'],
      [(c) => c.whole(86_400_000_000), '24:00:00'],
    ],
  ],
  [
    { kind: 'timestamp' },
    'TIMESTAMP',
    [
      [(c) => c.whole(-1), '1969-12-31 23:59:59.999999'],
      [(c) => c.micros(-62_135_596_800, 1), '0001-01-01 00:00:00.000001'],
      [(c) => c.micros(-1, 999_999), '1969-12-31 23:59:59.999999'],
      [(c) => c.micros(253_402_300_799, 999_999), '9999-12-31 23:59:59.999999'],
      [(c) => c.int64(INFINITE.micros.high, INFINITE.micros.low), 'infinity'],
      [(c) => c.int64(INFINITE.minusMicros.high, INFINITE.minusMicros.low), '-infinity'],
    ],
  ],
  [{ kind: 'timestamptz' }, 'TIMESTAMP WITH TIME ZONE', [[(c) => c.whole(1_500_000), '1970-01-01 00:00:01.5+00']]],
  [{ kind: 'decimal', precision: 4, scale: 2 }, 'DECIMAL(4,2)', [[(c) => c.whole(-9999), '-99.99']]],
  [{ kind: 'decimal', precision: 18, scale: 18 }, 'DECIMAL(18,18)', [[(c) => c.big(-1n), '-.000000000000000001']]],
  [
    { kind: 'decimal', precision: 38, scale: 1 },
    'DECIMAL(38,1)',
    [
      [(c) => c.big128(-99999999999999999999999999999999999999n), '-9999999999999999999999999999999999999.9'],
      [(c) => c.big128(1n), '0.1'],
      [(c) => c.whole128(-90071992547409), '-9007199254740.9'],
      [(c) => c.whole128(4294967296), '429496729.6'],
    ],
  ],
])('keeps $kind', async (type, engineType, values) => {
  const path = await written(
    type,
    values.map(([put]) => put),
  );
  const rows = await engine.rows(`SELECT typeof(c0) AS type, c0::VARCHAR AS text FROM '${path}'`);
  expect(rows).toEqual(values.map(([, text]) => ({ type: engineType, text })));
});

it('keeps rows and nulls in their places over many groups, and none of no rows', async () => {
  const text = 'x'.repeat(90);
  const rows = 400_000;
  const has = (i: number) => i % 7 !== 3 && (i < 130_000 || i > 260_000);
  const puts = Array.from({ length: rows }, (_, i): Put => (has(i) ? (c) => c.text(text + i) : none));
  const path = await written({ kind: 'text' }, puts);
  const wanted = Array.from({ length: rows }, (_, i) => i).filter(has);
  const [found] = await engine.rows(
    `SELECT count(*)::INTEGER AS n, count(c0)::INTEGER AS present,
       count(*) FILTER (WHERE c0 = '${text}' || file_row_number)::INTEGER AS right,
       (SELECT count(DISTINCT row_group_id)::INTEGER FROM parquet_metadata('${path}')) > 2 AS many
     FROM read_parquet('${path}', file_row_number = true)`,
  );
  expect(found).toEqual({ n: rows, present: wanted.length, right: wanted.length, many: true });
  expect(await engine.rows(`SELECT * FROM '${await written({ kind: 'int' }, [])}'`)).toEqual([]);
});
