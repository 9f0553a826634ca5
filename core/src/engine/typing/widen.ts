import type { Engine } from '../../model/component.ts';
import { ident } from '../../model/sql.ts';
import { type Column, type DataType, sameType } from '../../model/type.ts';
import { type ColumnFacts, columnFacts, exactNumber, fitsType, NO_MARKS, type NumberMarks } from './candidates.ts';
import { guardedCast, plainRule } from './cast.ts';

const TEXT: DataType = { kind: 'text' };
const INTEGER_DIGITS = { int: 10, bigint: 19 } as const;

/**
 * Reads a relation of text columns once and gives a wider type for each column whose current one does not keep every
 * value; columns that hold are left out. The new type is never narrower than the current one and ends at text, under
 * which every value is kept as it is written.
 */
export async function verifyTypes(
  engine: Engine,
  relationSql: string,
  current: readonly { name: string; type: DataType }[],
  marks: NumberMarks = NO_MARKS,
): Promise<Column[]> {
  const open = current.filter((column) => column.type.kind !== 'text');
  if (open.length === 0) return [];
  const tests = open.map((column, i) => {
    const cast = guardedCast(ident(column.name), null, { ...plainRule(column.type, true), ...marks });
    return `count(*) FILTER (${cast.bad}) AS b${i}`;
  });
  const [row] = await engine.rows(`SELECT ${tests.join(', ')} FROM (${relationSql})`);
  const broken = open.filter((_, i) => Number(row?.[`b${i}`] ?? 0) > 0);
  if (broken.length === 0) return [];
  const names = broken.map((column) => column.name);
  const facts = new Map((await columnFacts(engine, relationSql, names, marks)).map((fact) => [fact.name, fact]));
  return broken.map((column) => ({ name: column.name, type: widened(column.type, facts.get(column.name)) }));
}

function widened(current: DataType, facts: ColumnFacts | undefined): DataType {
  if (!facts) return TEXT;
  const wider = WIDER[current.kind] ?? [];
  for (const kind of wider) {
    const type = kind === 'decimal' ? exactNumber(facts) : ({ kind } as DataType);
    if (type === null) continue;
    const fits = kind === 'decimal' || fitsType(facts, type);
    if (fits && !sameType(type, current)) return widerType(current, type);
  }
  return TEXT;
}

/** What may follow a type when a value breaks it, narrowest first; text follows all. */
const WIDER: Partial<Record<DataType['kind'], readonly DataType['kind'][]>> = {
  int: ['bigint', 'double', 'decimal'],
  bigint: ['double', 'decimal'],
  double: ['decimal'],
  decimal: ['decimal'],
  date: ['timestamp'],
};

/**
 * The narrowest type that takes the values of both, each read anew from its source under the type's guard: bigint and
 * double give double, whose guard sends longer numbers further. What has no common type is text.
 */
export function widerType(a: DataType, b: DataType): DataType {
  return join(a, b, false);
}

/**
 * The same for a table's existing type and the rows' new one, where stored values are converted and cannot be read anew:
 * the result keeps every value that `existing` may hold.
 */
export function widerStoredType(existing: DataType, incoming: DataType): DataType {
  return join(existing, incoming, true);
}

function join(a: DataType, b: DataType, stored: boolean): DataType {
  if (sameType(a, b)) return a;
  if (a.kind === 'list' && b.kind === 'list') return { kind: 'list', item: join(a.item, b.item, stored) };
  if (a.kind === 'struct' && b.kind === 'struct') return joinStructs(a.fields, b.fields, stored);
  if (isNumber(a) && isNumber(b)) return joinNumbers(a, b, stored);
  const kinds = new Set([a.kind, b.kind]);
  if (kinds.has('date') && kinds.has('timestamp')) return { kind: 'timestamp' };
  if (kinds.has('json') && (isNested(a) || isNested(b))) return { kind: 'json' };
  if (isNested(a) && isNested(b)) return { kind: 'json' };
  return TEXT;
}

function isNumber(type: DataType): boolean {
  return type.kind === 'int' || type.kind === 'bigint' || type.kind === 'double' || type.kind === 'decimal';
}

function isNested(type: DataType): boolean {
  return type.kind === 'list' || type.kind === 'struct';
}

function joinNumbers(a: DataType, b: DataType, stored: boolean): DataType {
  if (a.kind === 'double' || b.kind === 'double') {
    const other = a.kind === 'double' ? b : a;
    return stored ? joinStoredDouble(a, other) : joinDouble(other);
  }
  if (a.kind !== 'decimal' && b.kind !== 'decimal') return { kind: 'bigint' };
  const left = shape(a);
  const right = shape(b);
  const scale = Math.max(left.scale, right.scale);
  const whole = Math.max(left.whole, right.whole);
  if (whole + scale <= 38) return { kind: 'decimal', precision: whole + scale, scale };
  // Values read anew are guarded under it, so that unused digits need no room.
  return stored ? TEXT : { kind: 'decimal', precision: 38, scale };
}

function joinDouble(other: DataType): DataType {
  if (other.kind === 'decimal' && other.precision > 15) return { kind: 'decimal', precision: 38, scale: other.scale };
  return { kind: 'double' };
}

/** Inferred doubles have at most 15 digits, so they fit behind and before the point of a wide decimal; stored ones may be anything. */
function joinStoredDouble(existing: DataType, other: DataType): DataType {
  const { whole, scale } = shape(other);
  if (whole + scale <= 15) return { kind: 'double' };
  if (existing.kind === 'double') return TEXT;
  const room = Math.max(scale, 15);
  return whole + room <= 38 ? { kind: 'decimal', precision: 38, scale: room } : TEXT;
}

function shape(type: DataType): { whole: number; scale: number } {
  if (type.kind === 'decimal') return { whole: type.precision - type.scale, scale: type.scale };
  return { whole: type.kind === 'int' ? INTEGER_DIGITS.int : INTEGER_DIGITS.bigint, scale: 0 };
}

function joinStructs(a: readonly Column[], b: readonly Column[], stored: boolean): DataType {
  const fields = new Map(a.map((field) => [field.name, field.type]));
  for (const field of b) {
    const known = fields.get(field.name);
    fields.set(field.name, known ? join(known, field.type, stored) : field.type);
  }
  return { kind: 'struct', fields: [...fields].map(([name, type]) => ({ name, type })) };
}
