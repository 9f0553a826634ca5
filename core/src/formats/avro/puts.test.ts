import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type OwnedEngine, openEngine } from '../../engine/duckdb.ts';
import type { LocalFile } from '../../model/component.ts';
import { formatType } from '../../model/type.ts';
import { avro } from './reader.ts';

/** Values at the edges of their types, encoded here as the specification says, are what the engine reads. */

let engine: OwnedEngine;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-avro-puts-'));
  engine = await openEngine({ spool: folder, threads: 2, memory: 500_000_000 });
});
afterAll(async () => {
  engine.close();
  await rm(folder, { recursive: true });
});

function zigzag(value: bigint): Buffer {
  let rest = BigInt.asUintN(64, (value << 1n) ^ (value >> 63n));
  const bytes: number[] = [];
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  return Buffer.from([...bytes, Number(rest)]);
}

const sized = (bytes: Buffer) => Buffer.concat([zigzag(BigInt(bytes.length)), bytes]);
const SYNC = Buffer.alloc(16, 7);

/** The text of each value that a file with one field of `type` gives, and the field's type. */
async function read(type: unknown, values: readonly Buffer[]): Promise<{ type: string; texts: unknown[] }> {
  const schema = JSON.stringify({ type: 'record', name: 'r', fields: [{ name: 'v', type }] });
  const meta = Buffer.concat([zigzag(1n), sized(Buffer.from('avro.schema')), sized(Buffer.from(schema)), zigzag(0n)]);
  const rows = Buffer.concat(values);
  const block = Buffer.concat([zigzag(BigInt(values.length)), zigzag(BigInt(rows.length)), rows]);
  const bytes = Buffer.concat([Buffer.from('Obj\x01', 'latin1'), meta, SYNC, block, SYNC]);
  const path = join(folder, 'f.avro');
  await writeFile(path, bytes);
  const files: LocalFile[] = [{ path, name: 'f.avro', size: bytes.length, modified_at: null, ordinal: 0 }];
  const sniffed = await avro.sniff(files, {}, engine);
  const scan = await avro.scan(files, sniffed, {}, engine, { rowNumbers: true, skipBadRows: false });
  const found = await engine.rows(`SELECT v::VARCHAR AS v, "_row" AS n FROM (${scan.sql})`);
  expect(found.map((row) => Number(row.n))).toEqual(values.map((_, i) => i + 1));
  return { type: formatType(sniffed.columns[0]?.type ?? { kind: 'text' }), texts: found.map((row) => row.v) };
}

const edges = [0n, 1n, -1n];
for (let bits = 5n; bits < 64n; bits++)
  for (const near of [-1n, 0n, 1n])
    for (const sign of [1n, -1n]) {
      const value = sign * (1n << bits) + near;
      if (BigInt.asIntN(64, value) === value) edges.push(value);
    }
const within = (from: bigint, to: bigint) => edges.filter((value) => value >= from && value <= to);

it.each([
  ['int', 'int', -(2n ** 31n), 2n ** 31n - 1n],
  ['long', 'bigint', -(2n ** 63n), 2n ** 63n - 1n],
])('%s', async (kind, type, from, to) => {
  const values = [...within(from, to), from, to];
  expect(await read(kind, values.map(zigzag))).toEqual({ type, texts: values.map(String) });
});

it.each([
  [{ type: 'bytes', logicalType: 'decimal', precision: 18, scale: 0 }, 18n],
  [{ type: 'bytes', logicalType: 'decimal', precision: 38, scale: 0 }, 38n],
  [{ type: 'bytes', logicalType: 'decimal', precision: 12, scale: 0 }, 12n],
])('decimals of any number of bytes: %j', async (type, digits) => {
  const most = 10n ** digits - 1n;
  const values = [...within(-most, most), most, -most];
  const encoded = values.map((value) => {
    let length = 1;
    while (BigInt.asIntN(length * 8, value) !== value) length++;
    const hex = BigInt.asUintN(length * 8, value).toString(16);
    return sized(Buffer.from(hex.padStart(length * 2, '0'), 'hex'));
  });
  expect(await read(type, encoded)).toEqual({ type: `decimal(${digits},0)`, texts: values.map(String) });
  const over = BigInt.asUintN(136, most + 1n)
    .toString(16)
    .padStart(34, '0');
  await expect(read(type, [sized(Buffer.from(over, 'hex'))])).rejects.toMatchObject({ code: 'format/unreadable' });
});

const DAY = 86_400n;
const FIRST = -62_135_596_800n;
const END = 253_402_300_800n;

it.each([
  ['int', 'date', 'date', [FIRST / DAY, '0001-01-01'], [END / DAY - 1n, '9999-12-31'], END / DAY],
  ['int', 'time-millis', 'time', [0n, '00:00:00'], [86_399_999n, '23:59:59.999'], 86_400_000n],
  ['long', 'time-micros', 'time', [1n, '00:00:00.000001'], [86_399_999_999n, '23:59:59.999999'], 86_400_000_000n],
  [
    'long',
    'local-timestamp-millis',
    'timestamp',
    [FIRST * 1000n, '0001-01-01 00:00:00'],
    [END * 1000n - 1n, '9999-12-31 23:59:59.999'],
    END * 1000n,
  ],
  [
    'long',
    'local-timestamp-micros',
    'timestamp',
    [FIRST * 1_000_000n, '0001-01-01 00:00:00'],
    [END * 1_000_000n - 1n, '9999-12-31 23:59:59.999999'],
    END * 1_000_000n,
  ],
  [
    'long',
    'local-timestamp-nanos',
    'timestamp',
    [-1000n, '1969-12-31 23:59:59.999999'],
    [1_700_000_000_123_456_000n, '2023-11-14 22:13:20.123456'],
    1_700_000_000_123_456_001n,
  ],
] as const)('%s as %s', async (kind, logicalType, type, first, last, beyond) => {
  const field = { type: kind, logicalType };
  expect(await read(field, [first[0], last[0]].map(zigzag))).toEqual({ type, texts: [first[1], last[1]] });
  await expect(read(field, [zigzag(beyond)])).rejects.toMatchObject({
    code: 'format/unreadable',
    where: expect.objectContaining({ path: 'f.avro' }),
  });
});

it('strings of any length and of more than ASCII; what is no UTF-8 is refused', async () => {
  const texts = ['', 'a', 'abcd', 'abcdé', 'ä', 'näher', '日本語', '😀', 'x'.repeat(1000), 'y"z\n,', '\0'];
  expect(
    await read(
      'string',
      texts.map((text) => sized(Buffer.from(text))),
    ),
  ).toEqual({ type: 'text', texts });
  for (const bytes of ['ff', '61c3', '6162636465e38182ff', '61626364eda080'])
    await expect(read('string', [sized(Buffer.from(bytes, 'hex'))])).rejects.toMatchObject({
      code: 'format/unreadable',
    });
});

it('a union of several types is JSON, one with null its value', async () => {
  const one = Buffer.concat([zigzag(1n), zigzag(-5n)]);
  const text = Buffer.concat([zigzag(2n), sized(Buffer.from('a"b'))]);
  const mixed = await read(['null', 'long', 'string'], [zigzag(0n), one, text]);
  expect(mixed).toEqual({ type: 'json', texts: [null, '-5', '"a\\"b"'] });
  expect(await read(['null', 'long'], [zigzag(0n), one])).toEqual({ type: 'bigint', texts: [null, '-5'] });
  await expect(read(['null', 'long'], [zigzag(2n)])).rejects.toMatchObject({ code: 'format/unreadable' });
});

it.each([
  ['an int of 33 bits', 'int', zigzag(2n ** 31n)],
  ['a long of more than 64 bits', 'long', Buffer.from('ffffffffffffffffff02', 'hex')],
  ['a number without an end', 'long', Buffer.from('ffffffffffffffffffffff01', 'hex')],
])('%s is refused', async (_, kind, bytes) => {
  await expect(read(kind, [bytes])).rejects.toMatchObject({ code: 'format/unreadable' });
});
