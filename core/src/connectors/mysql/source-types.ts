import type { FieldPacket } from 'mysql2';
import type { DataType } from '../../model/type.ts';
import type { TextColumn } from '../shared/columns.ts';
import { type Take, takeOf, time } from './text-values.ts';

/** Numbers of the protocol for column types: https://dev.mysql.com/doc/dev/mysql-server/latest/field__types_8h.html */
const TYPES: Record<number, string> = {
  0: 'decimal',
  1: 'int',
  2: 'int',
  3: 'long',
  4: 'float',
  5: 'double',
  7: 'timestamp',
  8: 'bigint',
  9: 'int',
  10: 'date',
  11: 'time',
  12: 'datetime',
  13: 'int',
  16: 'bit',
  245: 'json',
  246: 'decimal',
  255: 'geometry',
};
const NOT_NULL = 1;
const UNSIGNED = 32;
/** The character set of bytes. */
const BINARY = 63;
/** Types whose values are characters or, in the binary set, bytes. */
const STRINGS: ReadonlySet<number> = new Set([15, 249, 250, 251, 252, 253, 254]);

export interface ReadColumn extends TextColumn {
  /** What stands in the SELECT; `name` is quoted. */
  select: (name: string) => string;
  /** What CAST makes of a bound text, where a text would be compared otherwise; null: a whole number. */
  bind: string | null;
  nullable: boolean;
  /** The condition of rows that have no value here; `name` is quoted. */
  isNull: (name: string) => string;
  /** How a value that the server sent is taken. */
  take: Take;
  /** What it is in the file. */
  stored: DataType;
}

const plain = (name: string) => name;
const isNull = (name: string) => `${name} IS NULL`;
/** No function of the column: an index on it finds these rows. */
const isNoDate = (name: string) => `(${name} IS NULL OR ${name} < DATE '0001-01-01')`;
const TEXT: DataType = { kind: 'text' };

/** How a column of a statement is read. */
export function readColumn(field: FieldPacket): ReadColumn {
  const column = typed(field);
  const stored = column.type ?? TEXT;
  return { ...column, stored, take: column.guess?.kind === 'time' ? time : takeOf(stored) };
}

type Typed = Omit<ReadColumn, 'take' | 'stored'>;

function typed(field: FieldPacket): Typed {
  const flags = Number(field.flags ?? 0);
  const number = field.columnType ?? 0;
  const nullable = (flags & NOT_NULL) === 0;
  const base = { name: field.name, select: plain, bind: 'CHAR', nullable, isNull };
  // A column that has to have a value may still hold a date that is none.
  const date = { nullable: true, isNull: isNoDate };
  const unsigned = (flags & UNSIGNED) !== 0;
  switch (TYPES[number]) {
    case 'int':
      return { ...base, type: { kind: 'int' }, bind: null };
    case 'long':
      return { ...base, type: { kind: unsigned ? 'bigint' : 'int' }, bind: null };
    case 'bigint':
      return {
        ...base,
        type: unsigned ? { kind: 'decimal', precision: 20, scale: 0 } : { kind: 'bigint' },
        bind: null,
      };
    case 'decimal':
      return { ...base, ...decimalOf(field, unsigned) };
    case 'float':
      // The server shows six digits of a float; as a double it shows all.
      return { ...base, type: { kind: 'double' }, select: (name) => `CAST(${name} AS DOUBLE)`, bind: 'DOUBLE' };
    case 'double':
      return { ...base, type: { kind: 'double' }, bind: 'DOUBLE' };
    case 'date':
      return { ...base, ...date, type: { kind: 'date' }, bind: 'DATE' };
    case 'datetime':
      return { ...base, ...date, type: { kind: 'timestamp' }, bind: 'DATETIME(6)' };
    case 'timestamp':
      return { ...base, ...date, type: { kind: 'timestamptz' }, bind: 'DATETIME(6)' };
    case 'time':
      return { ...base, type: null, guess: { kind: 'time' } };
    case 'bit':
      return bitOf(base, Number(field.columnLength ?? 1));
    case 'json':
      return { ...base, type: { kind: 'json' } };
    case 'geometry':
      return { ...base, type: TEXT, select: (name) => `ST_AsText(${name})` };
    default:
      return STRINGS.has(number) && field.characterSet === BINARY
        ? { ...base, type: { kind: 'binary' } }
        : { ...base, type: TEXT };
  }
}

type Base = Omit<Typed, 'type'>;

/** The length of a number is that of its text: a point and a sign belong to it. */
function decimalOf(field: FieldPacket, unsigned: boolean): Pick<ReadColumn, 'type' | 'guess' | 'bind'> {
  const scale = field.decimals ?? 0;
  const precision = Number(field.columnLength ?? 0) - (scale > 0 ? 1 : 0) - (unsigned ? 0 : 1);
  const bind = `DECIMAL(65,${Math.min(30, scale)})`;
  if (precision >= 1 && precision <= 38 && scale <= precision)
    return { type: { kind: 'decimal', precision, scale }, bind };
  return { type: null, guess: { kind: 'decimal', precision: 38, scale: Math.min(30, scale) }, bind };
}

function bitOf(base: Base, bits: number): Typed {
  if (bits === 1) return { ...base, type: { kind: 'boolean' }, select: (name) => `${name} + 0` };
  return { ...base, type: TEXT, select: (name) => `LPAD(BIN(${name} + 0), ${bits}, '0')` };
}
