import { ident } from '../../model/sql.ts';
import type { DataType } from '../../model/type.ts';
import type { TextColumn } from '../shared/columns.ts';
import { jsonb, plain, type Take, takeOf } from './binary.ts';
import { fromPgType } from './types.ts';

/** A column of a table or query, as the catalog tells of its type. */
export interface PgColumn {
  name: string;
  /** As format_type prints it, domains taken for what they are made of. */
  type: string;
  /** pg_type.typtype: b base, c composite, e enum, m multirange, r range. */
  kind: string;
  /** pg_type.typcategory: A array, and more. */
  category: string;
  /** The type comes with the server, so that another server has it too. */
  builtin: boolean;
  /** Of an array as the table declares it; 0 where it is none, or comes from no table. */
  dimensions: number;
}

export interface ReadColumn extends TextColumn {
  /** What stands in the SELECT of COPY. */
  select: string;
  /** How a value of it is taken. */
  take: Take;
  /** What it is in the file at first: text, where the engine makes the column's type of it. */
  stored: DataType;
}

const TEXT: DataType = { kind: 'text' };
/** What a number without precision mostly is; the same as for such a column of a destination. */
const ANY_NUMBER: DataType = { kind: 'decimal', precision: 38, scale: 10 };
/** Types that the job language has under another name, or that are read as text for good: they keep no name of their own. */
const TEXTS = /^(text|name|"char"|citext|(character varying|character|bpchar)(\(\d+\))?|unknown)$/;

/** How each column is read: what COPY sends, and how it is taken. `cents`: digits behind the point of money. */
export function readColumn(column: PgColumn, cents: number): ReadColumn {
  const { name } = column;
  const select = ident(name);
  if (column.category === 'A') return arrayColumn(column, select);
  if (column.kind === 'c') return as(name, { kind: 'json' }, `to_json(${select})`);
  const numeric = /^numeric(?:\((\d+),(-?\d+)\))?$/.exec(column.type);
  if (numeric && !isExact(numeric)) {
    return { ...as(name, TEXT, `${select}::text`), type: null, guess: ANY_NUMBER, native: column.type };
  }
  if (column.type === 'money') {
    return as(name, { kind: 'decimal', precision: 19, scale: cents }, `${select}::numeric`);
  }
  const type = fromPgType(column.type);
  const asText = column.type === 'json' || (type.kind === 'text' && column.kind !== 'e' && !TEXTS.test(column.type));
  const native = asText && column.builtin;
  return {
    ...as(name, type, sent(column.type, type, select)),
    ...(native ? { native: column.type } : {}),
    ...(column.type === 'jsonb' ? { take: jsonb } : {}),
  };
}

function as(name: string, type: DataType, select: string): ReadColumn {
  return { name, type, select, take: takeOf(type) ?? plain, stored: type };
}

/** Types of text that COPY sends as it is in its binary format. */
const PLAIN_TEXTS = /^(text|name|(character varying|character|bpchar)(\(\d+\))?)$/;

/** Numbers in the width that the type has; a float as the double that has its digits; what has a form of its own as its text. */
function sent(pgType: string, type: DataType, select: string): string {
  if (pgType === 'smallint') return `${select}::integer`;
  if (pgType === 'oid') return `${select}::bigint`;
  if (pgType === 'real') return `${select}::text::double precision`;
  if (type.kind !== 'text' || PLAIN_TEXTS.test(pgType)) return select;
  // A cast to text is not for every type what the server prints.
  return `CASE WHEN ${select} IS NOT NULL THEN concat(${select}) END`;
}

function isExact([, precision, scale]: RegExpExecArray): boolean {
  if (precision === undefined || scale === undefined) return false;
  return Number(precision) <= 38 && Number(scale) >= 0 && Number(scale) <= Number(precision);
}

/** Each item is sent as its text: a JSON number would lose digits. */
function arrayColumn({ name, type, dimensions }: PgColumn, select: string): ReadColumn {
  const found = fromPgType(type);
  const item = found.kind === 'list' ? found.item : TEXT;
  if (dimensions > 1 && item.kind !== 'text') return as(name, { kind: 'json' }, `to_json(${select})`);
  const read = reading(item);
  const column = as(name, TEXT, `to_json(${select}::text[])`);
  return { ...column, type: { kind: 'list', item }, ...(read ? { read } : {}) };
}

/** How the engine reads an item that came as text. */
function reading(type: DataType): ((text: string) => string) | null {
  switch (type.kind) {
    case 'binary':
      return (text) => `unhex(substr(${text}, 3))`;
    case 'date':
    case 'timestamp':
    case 'timestamptz':
      // Postgres puts the BC at the end, the engine behind the day.
      return (text) =>
        `CASE WHEN suffix(${text}, ' BC') THEN regexp_replace(${text}, '^(\\S+)(.*) BC$', '\\1 (BC)\\2') ELSE ${text} END`;
    default:
      return null;
  }
}
