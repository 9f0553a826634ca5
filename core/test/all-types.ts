import { toDuckType } from '../src/model/duck.ts';
import { columns } from './destination-driver.ts';

/** Every type of the language, scalar, nested, and named so that quoting matters. */
export const ALL_TYPES = columns({
  id: 'int',
  b: 'boolean',
  big: 'bigint',
  f: 'double',
  d: 'decimal(38,10)',
  whole: 'decimal(38,0)',
  s: 'text',
  bin: 'binary',
  day: 'date',
  at: 'time',
  ts: 'timestamp',
  tz: 'timestamptz',
  u: 'uuid',
  j: 'json',
  l: 'list<text>',
  n: 'list<decimal(5,2)>',
  st: 'struct<a: bigint, "b c": list<date>>',
  ll: 'list<list<int>>',
  'Größe "x" $1': 'text',
});

const NAMES = ALL_TYPES.map((c) => c.name);

/** Rows 1 to 5: plain values, both ends, what formats take for marks, zeros and empties, nulls. No infinity, NaN, NUL or year before 1. */
export const ALL_ROWS = rows([
  `true, 9007199254740993, 0.1::DOUBLE + 0.2, 1234567890123456789012345678.0123456789, 12345678901234567890123456789012345678, 'it''s', '\\x00\\xFF\\x5C\\x27'::BLOB,
   DATE '1975-05-11', TIME '23:59:59.999999', TIMESTAMP '2026-01-02 03:04:05.000001', TIMESTAMPTZ '2026-01-02 03:04:05.5+02',
   'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '{"k": 12345678901234567890.10, "é": [null, {"x": "a\\nb"}]}', ['a,b', NULL, '', 'q"\\', 'NULL', '{x}'],
   [1.50, NULL], {'a': 9007199254740993, 'b c': [DATE '2026-01-01', NULL]}, [[1, 2], [3], NULL, []], 'é😀'`,
  `false, -9223372036854775808, 1.7976931348623157e308, -9999999999999999999999999999.9999999999, -99999999999999999999999999999999999999, '\\N', ''::BLOB,
   DATE '0001-01-01', TIME '00:00:00', TIMESTAMP '0001-01-01 00:00:00', TIMESTAMPTZ '1969-12-31 23:59:59.999999+00',
   '00000000-0000-0000-0000-000000000000', '"text"', [], [], {'a': NULL, 'b c': []}, [], '%_?:@'`,
  `NULL, 9223372036854775807, 5e-324, 9999999999999999999999999999.9999999999, 99999999999999999999999999999999999999, 'tab' || chr(9) || 'quote"back\\slash' || chr(10) || 'line' || chr(13) || chr(10), '\\x80'::BLOB,
   DATE '9999-12-31', TIME '12:00:00.5', TIMESTAMP '9999-12-31 23:59:59.999999', TIMESTAMPTZ '9999-12-31 23:59:59.999999+00',
   'ffffffff-ffff-ffff-ffff-ffffffffffff', '[1, 2.50, true]', [' lead'], [-999.99], {'a': -1, 'b c': NULL}, [[NULL]], '$$'`,
  `true, 0, -0.0::DOUBLE, 0, 0, '', '\\x0A'::BLOB, DATE '2024-02-29', TIME '00:00:00.000001', TIMESTAMP '1970-01-01 00:00:00', TIMESTAMPTZ '1970-01-01 00:00:00+00',
   NULL, '{}', NULL, NULL, NULL, NULL, ''`,
  NAMES.slice(1)
    .map(() => 'NULL')
    .join(', '),
]);

/** Rows 6 and 7: infinity and NaN. */
export const INFINITE = rows(
  [
    `NULL, NULL, 'nan'::DOUBLE, NULL, NULL, NULL, NULL, DATE 'infinity', NULL, TIMESTAMP 'infinity', TIMESTAMPTZ 'infinity', NULL, NULL, NULL, NULL, NULL, NULL, NULL`,
    `NULL, NULL, '-inf'::DOUBLE, NULL, NULL, NULL, NULL, DATE '-infinity', NULL, TIMESTAMP '-infinity', TIMESTAMPTZ '-infinity', NULL, NULL, NULL, NULL, NULL, NULL, NULL`,
  ],
  6,
);

function rows(values: readonly string[], from = 1): string {
  const list = values.map((value, i) => `(${from + i}, ${value})`).join(',\n');
  const types = ALL_TYPES.map((c) => `CAST(${quoted(c.name)} AS ${toDuckType(c.type)}) AS ${quoted(c.name)}`);
  return `SELECT ${types.join(', ')} FROM (VALUES ${list}) AS v(${NAMES.map(quoted).join(', ')})`;
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
