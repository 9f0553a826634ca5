import type { Engine } from '../../model/component.ts';
import { ident } from '../../model/sql.ts';
import { type DataType, sameType } from '../../model/type.ts';
import { guardedCast, plainRule } from './cast.ts';
import { type CastRule, matches } from './guard.ts';

/** Declared marks of numbers, as a format's settings give them for its whole text. */
export interface NumberMarks {
  decimal: string | null;
  thousands: string | null;
}

export const NO_MARKS: NumberMarks = { decimal: null, thousands: null };

/** What one scan found out about a column of text. */
export interface ColumnFacts {
  name: string;
  /** Rows that hold a value: neither NULL nor the empty text. */
  values: number;
  /** Types of the ladder under which every value is kept, narrowest first. */
  fits: DataType[];
  /** Most digits before and behind the point, where all values are plain numbers; else null. */
  digits: { whole: number; fraction: number } | null;
  /** Rows that look like numeric dates with the day or the month first, and how far each reading holds. */
  dates: { shaped: number; dayFirst: number; monthFirst: number };
}

/**
 * The types that text may be inferred as, narrowest first. int is never inferred: the next file's value may be larger.
 * Ids and JSON are left as text, because nothing is gained that a declaration would not give.
 */
export const LADDER: readonly DataType[] = [
  { kind: 'boolean' },
  { kind: 'bigint' },
  { kind: 'double' },
  { kind: 'date' },
  { kind: 'timestamp' },
  { kind: 'timestamptz' },
  { kind: 'time' },
];

/** Aggregates of one query: wide tables are asked in slices, because a plan of many thousand expressions is slow. */
const COLUMNS_AT_ONCE = 60;

const NUMERIC_DATE = '[0-9]{1,2}([/.-])[0-9]{1,2}[/.-](?:[0-9]{4}|[0-9]{2})(?:[ T].*)?';

/** Reads a relation of text columns once (a slice of columns at a time) and says what each column could be. */
export async function columnFacts(
  engine: Engine,
  relationSql: string,
  names: readonly string[],
  marks: NumberMarks,
): Promise<ColumnFacts[]> {
  const facts: ColumnFacts[] = [];
  for (let at = 0; at < names.length; at += COLUMNS_AT_ONCE) {
    facts.push(...(await sliceFacts(engine, relationSql, names.slice(at, at + COLUMNS_AT_ONCE), marks)));
  }
  return facts;
}

async function sliceFacts(
  engine: Engine,
  relationSql: string,
  names: readonly string[],
  marks: NumberMarks,
): Promise<ColumnFacts[]> {
  const items = names.flatMap((name, i) => columnItems(ident(name), marks).map((sql, k) => `${sql} AS c${i}_${k}`));
  const [row] = await engine.rows(`SELECT ${items.join(', ')} FROM (${relationSql})`);
  const width = LADDER.length;
  return names.map((name, i) => {
    const number = (k: number): number => Number(row?.[`c${i}_${k}`] ?? 0);
    const values = number(0);
    const fits = LADDER.filter((_, k) => values > 0 && number(1 + k) === 0);
    const allNumbers = values > 0 && number(width + 1) === values;
    return {
      name,
      values,
      fits,
      digits: allNumbers ? { whole: number(width + 2), fraction: number(width + 3) } : null,
      dates: { shaped: number(width + 4), dayFirst: number(width + 5), monthFirst: number(width + 6) },
    };
  });
}

function columnItems(column: string, marks: NumberMarks): string[] {
  const bad = LADDER.map((type) => guardedCast(column, null, inferredRule(type, marks)).bad);
  const point = marks.decimal ?? '.';
  const groups =
    marks.thousands === null ? column : `replace(${column}, '${marks.thousands.replaceAll("'", "''")}', '')`;
  const dotted = point === '.' ? groups : `replace(${groups}, '${point.replaceAll("'", "''")}', '.')`;
  const isNumber = `NOT ${guardedCast(column, null, inferredRule({ kind: 'decimal', precision: 38, scale: 0 }, marks)).bad}`;
  const plain = `(${isNumber} OR ${matches(dotted, '-?(?:0|[1-9][0-9]*)[.][0-9]+')})`;
  const bare = `ltrim(${dotted}, '-')`;
  const filled = `${column} <> ''`;
  const first = `try_cast(regexp_extract(${column}, '^[0-9]+') AS INTEGER)`;
  const second = `try_cast(regexp_extract(${column}, '^[0-9]+[/.-]([0-9]+)', 1) AS INTEGER)`;
  const shaped = matches(column, NUMERIC_DATE);
  return [
    `count(*) FILTER (${filled})`,
    ...bad.map((sql) => `count(*) FILTER (${sql})`),
    `count(*) FILTER (${filled} AND ${plain})`,
    `max(strlen(split_part(${bare}, '.', 1))) FILTER (${plain})`,
    `max(strlen(rtrim(split_part(${bare}, '.', 2), '0'))) FILTER (${plain})`,
    `count(*) FILTER (${shaped})`,
    `count(*) FILTER (${shaped} AND ${first} BETWEEN 1 AND 31 AND ${second} BETWEEN 1 AND 12)`,
    `count(*) FILTER (${shaped} AND ${first} BETWEEN 1 AND 12 AND ${second} BETWEEN 1 AND 31)`,
  ];
}

function inferredRule(type: DataType, marks: NumberMarks): CastRule {
  return { ...plainRule(type, true), ...marks };
}

/** The narrowest type that keeps every value; text where none of the ladder does. */
export function narrowest(facts: ColumnFacts): DataType {
  const [first] = facts.fits;
  return first ?? exactNumber(facts) ?? { kind: 'text' };
}

/** A decimal with room for the next file's values, where the digits are too many for bigint and double. */
export function exactNumber(facts: ColumnFacts): DataType | null {
  if (!facts.digits) return null;
  const { whole, fraction } = facts.digits;
  if (whole + fraction > 38) return null;
  return { kind: 'decimal', precision: whole + fraction <= 18 ? 18 : 38, scale: fraction };
}

export function fitsType(facts: ColumnFacts, type: DataType): boolean {
  return facts.values === 0 || facts.fits.some((fit) => sameType(fit, type));
}
