import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { literal } from '../../model/sql.ts';
import { type DataType, formatType, parseType } from '../../model/type.ts';
import { type OwnedEngine, openEngine } from '../duckdb.ts';
import { guardedCast, plainRule } from './cast.ts';
import { inferTypes } from './infer.ts';
import { verifyTypes, widerStoredType, widerType } from './widen.ts';

let engine: OwnedEngine;
let spool: string;

beforeAll(async () => {
  spool = await mkdtemp(join(tmpdir(), 'sluice-widen-'));
  engine = await openEngine({ spool, threads: 1, memory: 500_000_000 });
});
afterAll(async () => {
  engine.close();
  await rm(spool, { recursive: true });
});

function column(values: readonly (string | null)[]): string {
  const rows = values.map((value) => `(${value === null ? 'NULL::VARCHAR' : literal(value)})`).join(', ');
  return `SELECT x FROM (VALUES ${rows}) t(x)`;
}

async function infer(...values: (string | null)[]) {
  const [found] = await inferTypes(engine, column(values), [{ name: 'x', type: null }]);
  return { type: formatType(found?.type as DataType), ambiguous: found?.ambiguousDate };
}

describe('inference', () => {
  it.each([
    [['1', '2', null, ''], 'bigint'],
    [['1', '1.5'], 'double'],
    [['12345678901234567.25', '1'], 'decimal(38,2)'],
    [['99999999999999.99', '1.5'], 'decimal(18,2)'],
    [['9223372036854775808'], 'decimal(38,0)'],
    [['02134', '94107'], 'text'],
    [['true', 'False'], 'boolean'],
    [['2024-01-05'], 'date'],
    [['2024-01-05', '2024-01-05 10:00:00'], 'timestamp'],
    [['2024-01-05T10:00:00Z'], 'timestamptz'],
    [['2024-01-05T10:00:00Z', '2024-01-05T10:00:00'], 'text'],
    [['10:00:00'], 'time'],
    [['12E3', '4E1'], 'text'],
    [['1_000'], 'text'],
    [[null, null], 'text'],
    [[''], 'text'],
    [['1', 'x'], 'text'],
  ])('%j is %s', async (values, type) => {
    expect((await infer(...values)).type).toBe(type);
  });
  it('leaves dates in another order than ISO as text and says where both readings hold', async () => {
    expect(await infer('03/04/2024', '05/06/2024')).toEqual({ type: 'text', ambiguous: true });
    expect(await infer('03/04/2024', '31/06/2024')).toEqual({ type: 'text', ambiguous: false });
    expect(await infer('3.4.24')).toEqual({ type: 'text', ambiguous: true });
    expect(await infer('1.2.345')).toEqual({ type: 'text', ambiguous: false });
  });
  it('reads declared marks of numbers', async () => {
    const found = await inferTypes(engine, column(['1.234,5', '-7']), [{ name: 'x', type: null }], {
      decimal: ',',
      thousands: '.',
    });
    expect(found[0]?.type).toEqual({ kind: 'double' });
  });
  it('keeps the types of typed columns and takes wide tables in slices', async () => {
    const names = Array.from({ length: 130 }, (_, i) => `c${i}`);
    const sql = `SELECT ${names.map((name, i) => `'${i}' AS "${name}"`).join(', ')}`;
    const found = await inferTypes(
      engine,
      sql,
      names.map((name, i) => ({ name, type: i === 5 ? { kind: 'text' } : null })),
    );
    expect(found.map((c) => c.type.kind)).toEqual(names.map((_, i) => (i === 5 ? 'text' : 'bigint')));
  });
});

describe('widening', () => {
  const verify = async (type: string, ...values: string[]) => {
    const wider = await verifyTypes(engine, column(values), [{ name: 'x', type: parseType(type) as DataType }]);
    return wider.map((c) => formatType(c.type));
  };
  it.each([
    ['bigint', ['1', '2'], []],
    ['bigint', ['1', '1.5'], ['double']],
    ['bigint', ['9007199254740993', '1.5'], ['decimal(18,1)']],
    ['bigint', ['1', '02134'], ['text']],
    ['double', ['1.5', '12345678901234567.8'], ['decimal(38,1)']],
    ['date', ['2024-01-01', '2024-01-01 10:00:00'], ['timestamp']],
    ['date', ['2024-01-01', '03/04/2024'], ['text']],
    ['boolean', ['true', '1'], ['text']],
    ['text', ['x'], []],
  ])('%s over %j gives %j', async (type, values, wider) => {
    const expected = wider.map((t) => (t === 'decimal(18,1)' ? expect.stringMatching(/^decimal/) : t));
    expect(await verify(type, ...values)).toEqual(expected);
  });

  it('gives a type that keeps every value, whatever the values', async () => {
    const piece = fc.oneof(
      fc.integer().map(String),
      fc.bigInt({ min: -(10n ** 25n), max: 10n ** 25n }).map(String),
      fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
      fc.constantFrom(
        '007',
        '',
        'true',
        '2024-01-01',
        '2024-01-01 10:00:00',
        '1.50',
        'é',
        '-0',
        '1e5',
        ' 1',
        '12:00:00',
        '03/04/2024',
      ),
    );
    const types = ['boolean', 'bigint', 'double', 'date', 'timestamp', 'timestamptz', 'time', 'decimal(18,2)'];
    await fc.assert(
      fc.asyncProperty(
        fc.array(piece, { minLength: 1, maxLength: 6 }),
        fc.constantFrom(...types),
        async (values, start) => {
          let type = parseType(start) as DataType;
          for (let round = 0; ; round++) {
            expect(round).toBeLessThan(6);
            const [wider] = await verifyTypes(engine, column(values), [{ name: 'x', type }]);
            if (!wider) break;
            type = widerType(type, wider.type);
          }
          const cast = guardedCast('x', null, plainRule(type, true));
          const [row] = await engine.rows(
            `SELECT count(*) FILTER (${cast.bad})::INTEGER AS bad FROM (${column(values)})`,
          );
          expect(row?.bad).toBe(0);
        },
      ),
      { seed: 7, numRuns: 25 },
    );
  });

  it.each([
    ['int', 'bigint', 'bigint', 'bigint'],
    ['bigint', 'double', 'double', 'decimal(38,15)'],
    ['int', 'double', 'double', 'double'],
    ['double', 'bigint', 'double', 'text'],
    ['bigint', 'decimal(18,2)', 'decimal(21,2)', 'decimal(21,2)'],
    ['decimal(38,2)', 'decimal(38,4)', 'decimal(38,4)', 'text'],
    ['decimal(10,2)', 'double', 'double', 'double'],
    ['date', 'timestamp', 'timestamp', 'timestamp'],
    ['timestamp', 'timestamptz', 'text', 'text'],
    ['boolean', 'bigint', 'text', 'text'],
    ['list<int>', 'list<bigint>', 'list<bigint>', 'list<bigint>'],
    ['struct<a: int>', 'struct<a: bigint, b: text>', 'struct<a: bigint, b: text>', 'struct<a: bigint, b: text>'],
    ['list<int>', 'json', 'json', 'json'],
  ])('%s and %s meet in %s, stored in %s', (a, b, read, stored) => {
    expect(formatType(widerType(parseType(a) as DataType, parseType(b) as DataType))).toBe(read);
    expect(formatType(widerStoredType(parseType(a) as DataType, parseType(b) as DataType))).toBe(stored);
  });
});
