import type { DataType, ScalarKind } from '../../model/type.ts';
import type { TextColumn } from '../shared/columns.ts';

export interface ReadColumn extends TextColumn {
  /** What stands in the SELECT; `name` is quoted. The server gives texts, but bytes for binary. */
  select: (name: string) => string;
  /** What CAST makes of a bound text. */
  bind: string;
  nullable: boolean;
}

const kind = (name: ScalarKind): DataType => ({ kind: name });
const text = (length: string, style?: number) => (name: string) =>
  `CONVERT(${length}, ${name}${style === undefined ? '' : `, ${style}`})`;
/** The engine keeps six digits of a second. */
const shortened = (value: string) => `regexp_replace(${value}, '(\\.\\d{6})\\d+', '\\1')`;

type Reading = Pick<ReadColumn, 'type' | 'select'> & { read?: (text: string) => string };

/** By the name of the type without its length. Styles: https://learn.microsoft.com/sql/t-sql/functions/cast-and-convert-transact-sql */
const READINGS: Record<string, Reading> = {
  bit: { type: kind('boolean'), select: text('varchar(1)') },
  tinyint: { type: kind('int'), select: text('varchar(20)') },
  smallint: { type: kind('int'), select: text('varchar(20)') },
  int: { type: kind('int'), select: text('varchar(20)') },
  bigint: { type: kind('bigint'), select: text('varchar(20)') },
  money: { type: { kind: 'decimal', precision: 19, scale: 4 }, select: text('varchar(40)', 2) },
  smallmoney: { type: { kind: 'decimal', precision: 10, scale: 4 }, select: text('varchar(40)', 2) },
  real: { type: kind('double'), select: text('varchar(40)', 3) },
  float: { type: kind('double'), select: text('varchar(40)', 3) },
  date: { type: kind('date'), select: text('varchar(10)', 23) },
  time: { type: kind('time'), select: text('varchar(16)'), read: shortened },
  datetime: { type: kind('timestamp'), select: text('varchar(33)', 126), read: shortened },
  smalldatetime: { type: kind('timestamp'), select: text('varchar(33)', 126) },
  datetime2: { type: kind('timestamp'), select: text('varchar(33)', 126), read: shortened },
  datetimeoffset: { type: kind('timestamptz'), select: text('varchar(40)', 127), read: shortened },
  uniqueidentifier: { type: kind('uuid'), select: text('varchar(36)') },
  xml: { type: kind('text'), select: text('nvarchar(max)') },
  sql_variant: { type: kind('text'), select: text('nvarchar(4000)') },
  hierarchyid: { type: kind('text'), select: (name) => `${name}.ToString()` },
  geometry: { type: kind('text'), select: (name) => `${name}.STAsText()` },
  geography: { type: kind('text'), select: (name) => `${name}.STAsText()` },
};
const BYTES = /^(binary|varbinary|image|rowversion|timestamp)$/;

/** How a column is read, by the type as sys.dm_exec_describe_first_result_set names it. */
export function readColumn(name: string, typeName: string, nullable: boolean): ReadColumn {
  const plain = typeName.toLowerCase().replace(/\(.*$/, '');
  const base = { name, nullable, bind: bindOf(typeName) };
  const numeric = /^(?:decimal|numeric)\((\d+),(\d+)\)$/i.exec(typeName);
  if (numeric) {
    const type: DataType = { kind: 'decimal', precision: Number(numeric[1]), scale: Number(numeric[2]) };
    return { ...base, type, select: text('varchar(41)') };
  }
  const reading = READINGS[plain];
  if (reading) return { ...base, ...reading };
  if (BYTES.test(plain)) return { ...base, type: kind('binary'), select: (n) => n, read: (value) => `unhex(${value})` };
  return { ...base, type: kind('text'), select: text('nvarchar(max)') };
}

/** The column's own type; a day of a datetime is finer than what the engine keeps. */
function bindOf(typeName: string): string {
  return /^(datetime|smalldatetime)$/i.test(typeName) ? 'datetime2(7)' : typeName;
}
