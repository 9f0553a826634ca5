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

/** Rows that decide which types are worth asking about for the rest: most columns of text drop out here. */
const FIRST_LOOK = 1000;

/** What is still open about a column. */
interface Question {
  name: string;
  ladder: readonly DataType[];
  numbers: boolean;
  dates: boolean;
}

/** Reads a relation of text columns (a slice of columns at a time) and says what each column could be. */
export async function columnFacts(
  engine: Engine,
  relationSql: string,
  names: readonly string[],
  marks: NumberMarks,
): Promise<ColumnFacts[]> {
  const all = names.map((name) => ({ name, ladder: LADDER, numbers: true, dates: true }));
  const first = await ask(engine, `SELECT * FROM (${relationSql}) LIMIT ${FIRST_LOOK}`, all, marks);
  return ask(engine, relationSql, first.map(openQuestion), marks);
}

function openQuestion(facts: ColumnFacts): Question {
  const empty = facts.values === 0;
  return {
    name: facts.name,
    ladder: empty ? LADDER : facts.fits,
    numbers: empty || facts.digits !== null,
    dates: empty || facts.dates.shaped === facts.values,
  };
}

async function ask(
  engine: Engine,
  relationSql: string,
  questions: readonly Question[],
  marks: NumberMarks,
): Promise<ColumnFacts[]> {
  const facts: ColumnFacts[] = [];
  for (let at = 0; at < questions.length; at += COLUMNS_AT_ONCE) {
    facts.push(...(await sliceFacts(engine, relationSql, questions.slice(at, at + COLUMNS_AT_ONCE), marks)));
  }
  return facts;
}

async function sliceFacts(
  engine: Engine,
  relationSql: string,
  questions: readonly Question[],
  marks: NumberMarks,
): Promise<ColumnFacts[]> {
  const items = questions.flatMap((question, i) =>
    columnItems(question, marks).map(([fact, sql]) => `${sql} AS c${i}_${fact}`),
  );
  const [row] = await engine.rows(`SELECT ${items.join(', ')} FROM (${relationSql})`);
  return questions.map((question, i) => {
    const number = (fact: string): number => Number(row?.[`c${i}_${fact}`] ?? 0);
    const values = number('values');
    const allNumbers = question.numbers && values > 0 && number('numbers') === values;
    return {
      name: question.name,
      values,
      fits: question.ladder.filter((_, k) => values > 0 && number(`bad${k}`) === 0),
      digits: allNumbers ? { whole: number('whole'), fraction: number('fraction') } : null,
      dates: { shaped: number('shaped'), dayFirst: number('day'), monthFirst: number('month') },
    };
  });
}

function columnItems(question: Question, marks: NumberMarks): [string, string][] {
  const column = ident(question.name);
  const filled = `${column} <> ''`;
  const items: [string, string][] = [['values', `count(*) FILTER (${filled})`]];
  question.ladder.forEach((type, k) => {
    items.push([`bad${k}`, `count(*) FILTER (${guardedCast(column, null, inferredRule(type, marks)).bad})`]);
  });
  if (question.numbers) items.push(...numberItems(column, filled, marks));
  if (question.dates) items.push(...dateItems(column));
  return items;
}

function numberItems(column: string, filled: string, marks: NumberMarks): [string, string][] {
  const point = marks.decimal ?? '.';
  const groups =
    marks.thousands === null ? column : `replace(${column}, '${marks.thousands.replaceAll("'", "''")}', '')`;
  const dotted = point === '.' ? groups : `replace(${groups}, '${point.replaceAll("'", "''")}', '.')`;
  const isNumber = `NOT ${guardedCast(column, null, inferredRule({ kind: 'decimal', precision: 38, scale: 0 }, marks)).bad}`;
  const plain = `(${isNumber} OR ${matches(dotted, '-?(?:0|[1-9][0-9]*)[.][0-9]+')})`;
  const bare = `ltrim(${dotted}, '-')`;
  return [
    ['numbers', `count(*) FILTER (${filled} AND ${plain})`],
    ['whole', `max(strlen(split_part(${bare}, '.', 1))) FILTER (${plain})`],
    ['fraction', `max(strlen(rtrim(split_part(${bare}, '.', 2), '0'))) FILTER (${plain})`],
  ];
}

function dateItems(column: string): [string, string][] {
  const first = `try_cast(regexp_extract(${column}, '^[0-9]+') AS INTEGER)`;
  const second = `try_cast(regexp_extract(${column}, '^[0-9]+[/.-]([0-9]+)', 1) AS INTEGER)`;
  const shaped = matches(column, NUMERIC_DATE);
  return [
    ['shaped', `count(*) FILTER (${shaped})`],
    ['day', `count(*) FILTER (${shaped} AND ${first} BETWEEN 1 AND 31 AND ${second} BETWEEN 1 AND 12)`],
    ['month', `count(*) FILTER (${shaped} AND ${first} BETWEEN 1 AND 12 AND ${second} BETWEEN 1 AND 31)`],
  ];
}

export function inferredRule(type: DataType, marks: NumberMarks): CastRule {
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
