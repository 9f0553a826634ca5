import type { Engine } from '../../model/component.ts';
import { toDuckType } from '../../model/duck.ts';
import { type ColumnTest, type Comparison, columnTests, type RowTest } from '../../model/row-test.ts';
import { literal } from '../../model/sql.ts';
import type { DataType } from '../../model/type.ts';
import { type Bounds, BYTE_ARRAY, type Footer, INT32, INT64, type Leaf } from './footer.ts';

const LOGICAL = { string: 1, enumeration: 4, decimal: 5, date: 6, timestamp: 8, integer: 10 };
const CONVERTED = { utf8: 0, enumeration: 4, decimal: 5, date: 6, millis: 9, micros: 10, int8: 15, int64: 18 };
const UNIT = { millis: 1, micros: 2, nanos: 3 };

/** Groups that go to the engine in one question. */
const AT_ONCE = 500;

/**
 * The row groups that may hold a row which meets a test, by their index. `leafOf` gives a tested column's leaf, null where its
 * bounds cannot be compared with what the engine reads. Throws what the engine says of a constant that fits no value.
 */
export async function groupsThatMay(
  test: RowTest,
  footer: Footer,
  leafOf: (test: ColumnTest) => Leaf | null,
  engine: Engine,
): Promise<number[]> {
  const leaves = new Map<string, Known>();
  for (const one of columnTests(test)) {
    const leaf = leaves.has(one.column) ? null : leafOf(one);
    const value = leaf && sqlOfBound(leaf, one.type);
    if (leaf) leaves.set(one.column, { leaf, type: one.type, value, at: leaves.size });
  }
  if (leaves.size === 0) return footer.groups.map((_, i) => i);
  const kept: number[] = [];
  for (let from = 0; from < footer.groups.length; from += AT_ONCE) {
    const groups = footer.groups.slice(from, from + AT_ONCE);
    const values = groups.map(({ rows, bounds }, i) => {
      const cells = [...leaves.values()].map(({ leaf, type, value }) => cellsOf(bounds.get(leaf.name), type, value));
      return `(${[from + i, rows, ...cells].join(', ')})`;
    });
    const names = [...leaves.values()].map(({ at }) => `lo${at}, hi${at}, nulls${at}`);
    const found = await engine.rows(
      `SELECT id FROM (VALUES ${values.join(', ')}) AS g(id, n, ${names.join(', ')}) WHERE ${mayMeet(test, leaves)} ORDER BY id`,
    );
    kept.push(...found.map(({ id }) => Number(id)));
  }
  return kept;
}

interface Known {
  leaf: Leaf;
  type: DataType;
  value: ((bytes: Buffer) => string | null) | null;
  at: number;
}

function cellsOf(bounds: Bounds | undefined, type: DataType, value: Known['value']): string {
  const duck = toDuckType(type);
  const cell = (bytes: Buffer | null | undefined) => `CAST(${(bytes && value?.(bytes)) ?? 'NULL'} AS ${duck})`;
  return `${cell(bounds?.lowest)}, ${cell(bounds?.highest)}, ${bounds?.nulls ?? 'NULL'}::BIGINT`;
}

/** SQL that is false only for a group none of whose rows can meet the test. */
function mayMeet(test: RowTest, leaves: ReadonlyMap<string, Known>): string {
  if ('all' in test) return joined(test.all, 'AND', 'true', leaves);
  if ('any' in test) return joined(test.any, 'OR', 'false', leaves);
  const known = leaves.get(test.column);
  if (!known) return 'true';
  const { at } = known;
  if ('isNull' in test) return `coalesce(${test.isNull ? `nulls${at} > 0` : `nulls${at} < n`}, true)`;
  const sql = BOUNDED[test.compare](`lo${at}`, `hi${at}`, `(${test.value})`);
  return `(coalesce(nulls${at} < n, true) AND coalesce(${sql}, true))`;
}

function joined(tests: readonly RowTest[], word: string, none: string, leaves: ReadonlyMap<string, Known>): string {
  return tests.length === 0 ? none : `(${tests.map((one) => mayMeet(one, leaves)).join(` ${word} `)})`;
}

const BOUNDED: Record<Comparison, (low: string, high: string, value: string) => string> = {
  '<': (low, _, value) => `${low} < ${value}`,
  '<=': (low, _, value) => `${low} <= ${value}`,
  '=': (low, high, value) => `(${low} <= ${value} AND ${high} >= ${value})`,
  '>=': (_, high, value) => `${high} >= ${value}`,
  '>': (_, high, value) => `${high} > ${value}`,
  '<>': (low, high, value) => `NOT (${low} = ${value} AND ${high} = ${value})`,
};

/**
 * How a bound's bytes become SQL of the engine's type, for types that writers and the engine put in one order; null for others:
 * numbers with a point, whose NaN no bound tells of, numbers without a sign, INT96, and decimals as bytes.
 */
function sqlOfBound(leaf: Leaf, { kind }: DataType): Known['value'] {
  if (leaf.physical === BYTE_ARRAY) return kind === 'text' && isText(leaf) ? textSql : null;
  if (leaf.physical !== INT32 && leaf.physical !== INT64) return null;
  const whole = (bytes: Buffer) => wholeOf(leaf, bytes);
  switch (kind) {
    case 'int':
    case 'bigint':
      return isSigned(leaf) ? (bytes) => whole(bytes)?.toString() ?? null : null;
    case 'decimal':
      return named(leaf, LOGICAL.decimal, CONVERTED.decimal) ? (bytes) => decimalSql(whole(bytes), leaf.scale) : null;
    case 'date':
      return named(leaf, LOGICAL.date, CONVERTED.date) ? (bytes) => dateSql(whole(bytes)) : null;
    case 'timestamp':
    case 'timestamptz': {
      const scale = leaf.physical === INT64 ? scaleOf(leaf) : null;
      const zone = kind === 'timestamptz' ? " AT TIME ZONE 'UTC'" : '';
      return scale && ((bytes) => momentSql(whole(bytes), scale, zone));
    }
    default:
      return null;
  }
}

function named({ logical, converted }: Leaf, kind: number, old: number): boolean {
  return logical ? logical.kind === kind : converted === old;
}

function isText(leaf: Leaf): boolean {
  return named(leaf, LOGICAL.string, CONVERTED.utf8) || named(leaf, LOGICAL.enumeration, CONVERTED.enumeration);
}

function isSigned({ logical, converted }: Leaf): boolean {
  if (logical) return logical.kind === LOGICAL.integer && logical.fields.get(2)?.value === true;
  return converted === null || (converted >= CONVERTED.int8 && converted <= CONVERTED.int64);
}

/** Microseconds of a unit, and units of a microsecond. */
type Scale = { times: bigint; by: bigint };

function scaleOf({ logical, converted }: Leaf): Scale | null {
  const millis = { times: 1000n, by: 1n };
  const micros = { times: 1n, by: 1n };
  if (!logical) return converted === CONVERTED.millis ? millis : converted === CONVERTED.micros ? micros : null;
  const unit = logical.kind === LOGICAL.timestamp ? logical.fields.get(2)?.value : null;
  if (!(unit instanceof Map)) return null;
  if (unit.has(UNIT.millis)) return millis;
  if (unit.has(UNIT.micros)) return micros;
  return unit.has(UNIT.nanos) ? { times: 1n, by: 1000n } : null;
}

function wholeOf({ physical }: Leaf, bytes: Buffer): bigint | null {
  if (physical === INT32) return bytes.length === 4 ? BigInt(bytes.readInt32LE()) : null;
  return bytes.length === 8 ? bytes.readBigInt64LE() : null;
}

/** A bound may be cut in the middle of a character. */
function textSql(bytes: Buffer): string | null {
  const text = bytes.toString();
  return Buffer.from(text).equals(bytes) && !text.includes('\0') ? literal(text) : null;
}

function decimalSql(value: bigint | null, scale: number): string | null {
  if (value === null) return null;
  const digits = (value < 0n ? -value : value).toString().padStart(scale + 1, '0');
  const point = digits.length - scale;
  return literal(`${value < 0n ? '-' : ''}${digits.slice(0, point)}.${digits.slice(point)}`);
}

/** Far from where the engine's own dates and moments end, or mean infinity: about the years -3500 and 10000. */
const MOST_DAYS = 3_000_000n;
const MOST_MICROS = MOST_DAYS * 86_400_000_000n;

function dateSql(days: bigint | null): string | null {
  if (days === null || days > MOST_DAYS || days < -MOST_DAYS) return null;
  return `(DATE '1970-01-01' + (${days})::INTEGER)`;
}

function momentSql(value: bigint | null, { times, by }: Scale, zone: string): string | null {
  if (value === null) return null;
  const scaled = value * times;
  const micros = scaled / by - (scaled % by < 0n ? 1n : 0n);
  if (micros > MOST_MICROS || micros < -MOST_MICROS) return null;
  return `(make_timestamp((${micros})::BIGINT)${zone})`;
}
