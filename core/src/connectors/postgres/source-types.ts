import { ident } from '../../model/sql.ts';
import type { DataType } from '../../model/type.ts';
import type { TextColumn } from '../shared/columns.ts';
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
}

export interface ReadColumn extends TextColumn {
  /** What stands in the SELECT of COPY. */
  select: string;
}

const TEXT: DataType = { kind: 'text' };
/** What a number without precision mostly is; the same as for such a column of a destination. */
const ANY_NUMBER: DataType = { kind: 'decimal', precision: 38, scale: 10 };
/** Types that the job language has under another name, or that are read as text for good: they keep no name of their own. */
const TEXTS = /^(text|name|"char"|citext|(character varying|character|bpchar)(\(\d+\))?|unknown)$/;

/** How each column is read: what COPY sends, and how the engine takes it. `cents`: digits behind the point of money. */
export function readColumn(column: PgColumn, cents: number): ReadColumn {
  const { name } = column;
  const select = ident(name);
  if (column.category === 'A') return arrayColumn(column, select);
  if (column.kind === 'c') return { name, type: { kind: 'json' }, select: `to_json(${select})` };
  const numeric = /^numeric(?:\((\d+),(-?\d+)\))?$/.exec(column.type);
  if (numeric && !isExact(numeric)) {
    return { name, type: null, guess: ANY_NUMBER, native: column.type, select };
  }
  if (column.type === 'money') {
    return { name, type: { kind: 'decimal', precision: 19, scale: cents }, select: `${select}::numeric` };
  }
  const type = fromPgType(column.type);
  const asText = column.type === 'json' || (type.kind === 'text' && column.kind !== 'e' && !TEXTS.test(column.type));
  const native = asText && column.builtin;
  const read = reading(type);
  return { name, type, select, ...(native ? { native: column.type } : {}), ...(read ? { read } : {}) };
}

function isExact([, precision, scale]: RegExpExecArray): boolean {
  if (precision === undefined || scale === undefined) return false;
  return Number(precision) <= 38 && Number(scale) >= 0 && Number(scale) <= Number(precision);
}

/** Each item is sent as its text: a JSON number would lose digits. */
function arrayColumn({ name, type }: PgColumn, select: string): ReadColumn {
  const found = fromPgType(type);
  const item = found.kind === 'list' ? found.item : TEXT;
  const read = reading(item);
  return { name, type: { kind: 'list', item }, select: `to_json(${select}::text[])`, ...(read ? { read } : {}) };
}

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
