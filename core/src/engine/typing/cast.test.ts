import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { literal } from '../../model/sql.ts';
import { type DataType, parseType } from '../../model/type.ts';
import { type OwnedEngine, openEngine } from '../duckdb.ts';
import { type CastRule, guardedCast, plainRule } from './cast.ts';

let engine: OwnedEngine;
let spool: string;

beforeAll(async () => {
  spool = await mkdtemp(join(tmpdir(), 'sluice-cast-'));
  engine = await openEngine({ spool, threads: 1, memory: 500_000_000 });
});
afterAll(async () => {
  engine.close();
  await rm(spool, { recursive: true });
});

const BAD = 'bad';

/** Reads each text under the rule; a bad one gives BAD, by all three expressions alike. */
async function read(
  texts: readonly string[],
  type: string,
  rule: Partial<CastRule> = {},
  from: DataType | null = null,
) {
  const cast = guardedCast('x', from, { ...plainRule(parseType(type) as DataType, false), ...rule });
  const rows = texts.map((text, i) => `(${i}, ${literal(text)})`).join(', ');
  const input = `(SELECT n, x${from ? `::${from.kind}` : ''} AS x FROM (VALUES ${rows}) t(n, x))`;
  const found = await engine.rows(
    `SELECT (${cast.value})::VARCHAR AS v, ${cast.bad} AS b, (${cast.checked("error('bad')")})::VARCHAR IS NULL AS empty FROM ${input} WHERE NOT (${cast.bad}) ORDER BY n`,
  );
  const bad = await engine.rows(
    `SELECT n, (${cast.value}) IS NULL AS empty, ${cast.bad} AS b FROM ${input} ORDER BY n`,
  );
  let next = 0;
  return bad.map((row) => {
    if (row.b === true) {
      expect(row.empty).toBe(true);
      return BAD;
    }
    const good = found[next++];
    expect(good?.empty).toBe(good?.v === null);
    return good?.v;
  });
}

const inferred = { inferred: true };

describe('text to integers', () => {
  it('takes canonical integers only when inferred', async () => {
    const texts = [
      '1',
      '-1',
      '0',
      '9223372036854775807',
      '',
      '-0',
      '007',
      '+1',
      ' 1',
      '1.0',
      '1e3',
      '0x10',
      '1_000',
      '9223372036854775808',
      '１',
    ];
    const got = await read(texts, 'bigint', inferred);
    expect(got).toEqual(['1', '-1', '0', '9223372036854775807', null, ...Array(10).fill(BAD)]);
  });
  it('takes padded, signed and zero-led integers when declared, and loses no digit', async () => {
    const texts = [
      '007',
      '+1',
      ' 12 ',
      '-0',
      '5.0',
      '5.',
      '1.5',
      '1e3',
      '0x10',
      '1_000',
      'x',
      '  ',
      '9223372036854775808',
    ];
    const got = await read(texts, 'bigint');
    expect(got).toEqual(['7', '1', '12', '0', '5', '5', BAD, BAD, BAD, BAD, BAD, null, BAD]);
  });
  it('knows the range of int', async () => {
    expect(await read(['2147483647', '2147483648'], 'int')).toEqual(['2147483647', BAD]);
  });
});

describe('text to fractions', () => {
  it('takes no decimal that would be rounded', async () => {
    const texts = [
      '1.005',
      '1.1',
      '1.10',
      '1.500',
      '5',
      '+07.5',
      '.5',
      '5.',
      '1e2',
      '1_000',
      '999999999',
      '99999999.99',
      '.',
      'nan',
    ];
    const got = await read(texts, 'decimal(10,2)');
    const kept = ['1.10', '1.10', '1.50', '5.00', '7.50', '0.50', '5.00'];
    expect(got).toEqual([BAD, ...kept, BAD, BAD, BAD, '99999999.99', BAD, BAD]);
  });
  it('takes canonical decimals only when inferred', async () => {
    const got = await read(['1.25', '1.2', '-3', '01.5', '+1.5', '.5', '1.255', '1e1'], 'decimal(18,2)', inferred);
    expect(got).toEqual(['1.25', '1.20', '-3.00', BAD, BAD, BAD, BAD, BAD]);
    expect(await read(['12', '1.0', '012'], 'decimal(38,0)', inferred)).toEqual(['12', BAD, BAD]);
  });
  it('infers a double only where 15 digits keep the value', async () => {
    const kept = [
      '1.5',
      '-0.25',
      '3',
      '123456789012345',
      '0.123456789012345',
      '1234567890.1200000000',
      '1.5e-05',
      '1e-05',
      '2.5E10',
    ];
    const lost = [
      '1234567890123456',
      '0.1234567890123456',
      '01.5',
      '.5',
      '5.',
      '+1.5',
      '12E3',
      'nan',
      'inf',
      '1e400',
      '1.5e-320',
      '1_0.5',
      ' 1.5',
      '1,5',
      '0x1',
    ];
    expect(await read(kept, 'double', inferred)).not.toContain(BAD);
    expect(await read(lost, 'double', inferred)).toEqual(lost.map(() => BAD));
  });
  it('reads a declared double, but no overflow for a value', async () => {
    const got = await read(
      ['.5', '5.', '+1e3', '0e-5', 'NaN', '-inf', '1e400', '1e-400', '1_0', '1,5', '0x10'],
      'double',
    );
    expect(got).toEqual(['0.5', '5.0', '1000.0', '0.0', 'nan', '-inf', BAD, BAD, BAD, BAD, BAD]);
  });
  it('reads decimal commas and thousands exactly', async () => {
    const rule = { decimal: ',', thousands: '.' };
    const got = await read(
      [
        '1.234,50',
        '-0,75',
        '12.345.678,9',
        '1234,5',
        '1.23,4',
        '12.34',
        '1,234.5',
        '1.2345,0',
        '1234.567,8',
        '0.123,4',
      ],
      'decimal(18,2)',
      rule,
    );
    expect(got).toEqual(['1234.50', '-0.75', '12345678.90', '1234.50', BAD, BAD, BAD, BAD, BAD, BAD]);
    expect(await read(['1 234', "1'234"], 'bigint', { thousands: ' ' })).toEqual(['1234', BAD]);
    expect(await read(['1,5', '1.5', '01,5'], 'double', { decimal: ',', inferred: true })).toEqual(['1.5', BAD, BAD]);
  });
  it('puts implied decimals in their place', async () => {
    const got = await read(['12345', '-5', '+7', '0', '1.5', '', '000100'], 'decimal(10,2)', { scale: 2 });
    expect(got).toEqual(['123.45', '-0.05', '0.07', '0.00', BAD, null, '1.00']);
  });
});

describe('text to truth, moments, ids and bytes', () => {
  it('reads booleans', async () => {
    expect(await read(['true', 'FALSE', 't', '1', 'yes'], 'boolean', inferred)).toEqual([
      'true',
      'false',
      BAD,
      BAD,
      BAD,
    ]);
    expect(await read(['T', 'no', '1', '0', ' Yes ', 'on', '2'], 'boolean')).toEqual([
      'true',
      'false',
      'true',
      'false',
      'true',
      BAD,
      BAD,
    ]);
  });
  it('takes ISO dates only', async () => {
    const traps = [
      '2024-1-5',
      '2024/01/05',
      '12024-01-05',
      '0044-01-01 (BC)',
      'infinity',
      'epoch',
      '2024-01-05x',
      '2024-02-30',
      '0000-01-01',
      '03/04/2024',
      '2024-01-05 12:00:00',
    ];
    expect(await read(['2024-02-29', ...traps, ''], 'date', inferred)).toEqual([
      '2024-02-29',
      ...traps.map(() => BAD),
      null,
    ]);
    expect(await read([' 2024-02-29 ', '2024-02-29 00:00:00', ...traps], 'date')).toEqual([
      '2024-02-29',
      '2024-02-29',
      ...traps.map(() => BAD),
    ]);
  });
  it('takes dates by a declared pattern and not what only looks like it', async () => {
    const got = await read(
      ['31/12/2023', '1/2/2024', '29/02/2024', '12/31/2023', '31/12/23', '31/12/02023', '', '30/02/2024'],
      'date',
      { format: '%d/%m/%Y' },
    );
    expect(got).toEqual(['2023-12-31', '2024-02-01', '2024-02-29', BAD, BAD, BAD, null, BAD]);
    expect(await read(['Fri 05 Jan 2024', 'Mon 05 Jan 2024'], 'date', { format: '%a %d %b %Y' })).toEqual([
      '2024-01-05',
      BAD,
    ]);
    expect(await read(['2024-01-05 10:00', '2024-01-05 00:00'], 'date', { format: '%Y-%m-%d %H:%M' })).toEqual([
      BAD,
      '2024-01-05',
    ]);
  });
  it('reads timestamps without losing digits, zones or the day', async () => {
    const texts = ['2024-01-05 10:00:00', '2024-01-05T10:00', '2024-01-05', '2024-01-05 10:00:00.120'];
    const kept = ['2024-01-05 10:00:00', '2024-01-05 10:00:00', '2024-01-05 00:00:00', '2024-01-05 10:00:00.12'];
    const traps = [
      '2024-01-05 24:00:00',
      '2024-01-05 10:00:00.1234567',
      '2024-1-5 1:2:3',
      'infinity',
      '12024-01-05 10:00:00',
      '2024-01-05 10:00:00+02',
      '2024-01-05 10',
    ];
    expect(await read([...texts, ...traps, '2024-01-05 10:00:00Z'], 'timestamp', inferred)).toEqual([
      ...kept,
      ...traps.map(() => BAD),
      BAD,
    ]);
    expect(await read([...texts, ...traps, '2024-01-05 10:00:00Z'], 'timestamp')).toEqual([
      ...kept,
      ...traps.map(() => BAD),
      kept[0],
    ]);
  });
  it('reads instants', async () => {
    const got = await read(
      [
        '2024-01-05T10:00:00Z',
        '2024-01-05 10:00:00+02',
        '2024-01-05 10:00:00 +02:30',
        '2024-01-05T10:00-0500',
        '2024-01-05 10:00:00',
        '2024-01-05 10:00:00+99',
        '2024-01-05 10:00:00 Europe/Berlin',
      ],
      'timestamptz',
      inferred,
    );
    expect(got).toEqual([
      '2024-01-05 10:00:00+00',
      '2024-01-05 08:00:00+00',
      '2024-01-05 07:30:00+00',
      '2024-01-05 15:00:00+00',
      BAD,
      BAD,
      BAD,
    ]);
    expect(await read(['2024-01-05 10:00:00'], 'timestamptz')).toEqual(['2024-01-05 10:00:00+00']);
    expect(
      await read(['05/01/2024 10:00 Z', '05/01/2024 10:00 +0200'], 'timestamptz', { format: '%d/%m/%Y %H:%M %z' }),
    ).toEqual(['2024-01-05 10:00:00+00', '2024-01-05 08:00:00+00']);
    expect(await read(['05/01/2024 10:00'], 'timestamptz', { format: '%d/%m/%Y %H:%M' })).toEqual([
      '2024-01-05 10:00:00+00',
    ]);
  });
  it('reads times of day', async () => {
    expect(await read(['10:00:00', '10:00:00.5', '24:00:00', '10:00', '10:00:00Z'], 'time', inferred)).toEqual([
      '10:00:00',
      '10:00:00.5',
      BAD,
      BAD,
      BAD,
    ]);
    expect(await read(['10:00', '24:00', '25:00', '1:2:3', '10:00:00.1234567'], 'time')).toEqual([
      '10:00:00',
      BAD,
      BAD,
      BAD,
      BAD,
    ]);
    expect(await read(['01:30 PM'], 'time', { format: '%I:%M %p' })).toEqual(['13:30:00']);
  });
  it('reads ids, bytes and JSON', async () => {
    const id = '00000000-0000-0000-0000-0000000000ab';
    expect(await read([id, id.toUpperCase(), 'x'], 'uuid', inferred)).toEqual([id, BAD, BAD]);
    expect(
      await read([id.toUpperCase(), `{${id}}`, id.replaceAll('-', ''), '0000000-00000-0000-0000-000000000001'], 'uuid'),
    ).toEqual([id, id, id, BAD]);
    expect(await read(['\\x4142', '0x41', '41', '4', 'zz', ''], 'binary')).toEqual(['AB', 'A', 'A', BAD, BAD, null]);
    expect(await read(['{"a":1}', '{a:1}', '{"a":NaN}', '{"a":"NaN"}', 'null', '1 2'], 'json')).toEqual([
      '{"a":1}',
      BAD,
      BAD,
      '{"a":"NaN"}',
      'null',
      BAD,
    ]);
  });
  it('reads lists and structs from JSON', async () => {
    expect(await read(['[1,2]', '[]', '[null]', '[1.5]', '{}', '[1', 'null'], 'list<int>')).toEqual([
      '[1, 2]',
      '[]',
      '[NULL]',
      BAD,
      BAD,
      BAD,
      null,
    ]);
    const got = await read(
      ['{"a":1,"b":["x"]}', '{"a":1}', '{"a":"y"}', '{"a":1,"c":2}', '{"a":0.12345678901234567}'],
      'struct<a: double, b: list<text>>',
    );
    expect(got).toEqual(["{'a': 1.0, 'b': [x]}", "{'a': 1.0, 'b': NULL}", BAD, BAD, BAD]);
  });
});

describe('typed values', () => {
  /** Casts one SQL value of a type to another; BAD where it cannot be kept. */
  async function cast(sql: string, from: string, to: string) {
    const guard = guardedCast('x', parseType(from) as DataType, plainRule(parseType(to) as DataType, false));
    const [row] = await engine.rows(
      `SELECT (${guard.value})::VARCHAR AS v, ${guard.bad} AS b FROM (SELECT ${sql} AS x)`,
    );
    return row?.b === true ? BAD : row?.v;
  }
  it.each([
    ['5::BIGINT', 'bigint', 'int', '5'],
    ['3000000000::BIGINT', 'bigint', 'int', BAD],
    ['9007199254740992::BIGINT', 'bigint', 'double', '9007199254740992.0'],
    ['9007199254740993::BIGINT', 'bigint', 'double', BAD],
    ['2.0::DOUBLE', 'double', 'bigint', '2'],
    ['1.5::DOUBLE', 'double', 'bigint', BAD],
    ["'nan'::DOUBLE", 'double', 'bigint', BAD],
    ['0.1::DOUBLE', 'double', 'decimal(10,2)', '0.10'],
    ['1.005::DOUBLE', 'double', 'decimal(10,2)', BAD],
    ['1.50::DECIMAL(10,2)', 'decimal(10,2)', 'decimal(10,1)', '1.5'],
    ['1.55::DECIMAL(10,2)', 'decimal(10,2)', 'decimal(10,1)', BAD],
    ['1.55::DECIMAL(10,2)', 'decimal(10,2)', 'double', '1.55'],
    ['true', 'boolean', 'int', '1'],
    ['2::INTEGER', 'int', 'boolean', BAD],
    ["DATE '2024-01-05'", 'date', 'timestamp', '2024-01-05 00:00:00'],
    ["TIMESTAMP '2024-01-05 10:00:00'", 'timestamp', 'date', BAD],
    ["TIMESTAMP '2024-01-05 10:00:00'", 'timestamp', 'timestamptz', '2024-01-05 10:00:00+00'],
    ["TIMESTAMPTZ '2024-01-05 10:00:00+02'", 'timestamptz', 'timestamp', '2024-01-05 08:00:00'],
    ['[1, 2]', 'list<int>', 'list<bigint>', '[1, 2]'],
    ['[1.0, 2.5]::DOUBLE[]', 'list<double>', 'list<int>', BAD],
    ['[[1], NULL]', 'list<list<int>>', 'list<list<double>>', '[[1.0], NULL]'],
    [
      "{'a': 1, 'b': 'x'}",
      'struct<a: int, b: text>',
      'struct<b: text, a: bigint, c: date>',
      "{'b': x, 'a': 1, 'c': NULL}",
    ],
    ["{'a': 1, 'b': 'x'}", 'struct<a: int, b: text>', 'struct<a: int>', BAD],
    ["{'a': 1, 'b': NULL::VARCHAR}", 'struct<a: int, b: text>', 'struct<a: int>', "{'a': 1}"],
    ["{'a': [1]}", 'struct<a: list<int>>', 'json', '{"a":[1]}'],
    ["{'a': [1]}", 'struct<a: list<int>>', 'text', '{"a":[1]}'],
    ["'\\xC3\\xA9'::BLOB", 'binary', 'text', '\u00e9'],
    ["'\\xC3'::BLOB", 'binary', 'text', BAD],
    ["'5'::JSON", 'json', 'bigint', '5'],
    ['\'"5"\'::JSON', 'json', 'bigint', '5'],
    ["'null'::JSON", 'json', 'bigint', null],
    ["'1.5'::JSON", 'json', 'bigint', BAD],
    ['\'"x"\'::JSON', 'json', 'text', 'x'],
    ["'[1, 2]'::JSON", 'json', 'list<int>', '[1, 2]'],
    ['12345::BIGINT', 'bigint', 'text', '12345'],
    ['NULL::BIGINT', 'bigint', 'int', null],
    ['NULL::INTEGER[]', 'list<int>', 'list<bigint>', null],
  ])('%s of %s as %s is %s', async (sql, from, to, expected) => {
    expect(await cast(sql, from, to)).toBe(expected);
  });
  it('refuses what no value could be kept under', () => {
    const refused = (from: string, to: string) => () =>
      guardedCast('x', parseType(from) as DataType, plainRule(parseType(to) as DataType, false));
    const error = expect.objectContaining({ code: 'typing/cast', kind: 'config' });
    expect(refused('date', 'bigint')).toThrow(error);
    expect(refused('list<int>', 'int')).toThrow(error);
    expect(refused('struct<a: date>', 'struct<a: uuid>')).toThrow(error);
  });
});

it('refuses a pattern that cannot be read', () => {
  expect(() => guardedCast('x', null, { ...plainRule({ kind: 'date' }, false), format: '%Q' })).toThrow(
    expect.objectContaining({ code: 'typing/format', kind: 'config' }),
  );
});
