import type { DataType, ScalarKind } from '../../model/type.ts';
import type { TextColumn } from '../shared/columns.ts';

export interface ReadColumn extends TextColumn {
  /** What stands in the SELECT; `name` is quoted. */
  select: (name: string) => string;
  /** An expression for the bound text `:name` as a value of the column. */
  bind: (name: string) => string;
  nullable: boolean;
}

/** What the driver tells of a column. */
export interface OraColumn {
  name: string;
  dbTypeName?: string;
  precision?: number;
  scale?: number;
  nullable?: boolean;
}

const kind = (name: ScalarKind): DataType => ({ kind: name });
const plain = (name: string) => name;
const STAMP = 'YYYY-MM-DD HH24:MI:SS.FF6';
const asNumber = (name: string) => `TO_NUMBER(${name}, 'TM9', 'NLS_NUMERIC_CHARACTERS=''.,''')`;
const asStamp = (name: string) => `TO_TIMESTAMP(${name}, 'YYYY-MM-DD"T"HH24:MI:SS.FF6')`;
const asInstant = (name: string) => `FROM_TZ(TO_TIMESTAMP(${name}, 'YYYY-MM-DD"T"HH24:MI:SS.FF6"Z"'), 'UTC')`;

type Reading = Pick<ReadColumn, 'type' | 'select' | 'bind'> & { read?: (text: string) => string; guess?: DataType };

/** How a column is read, by the driver's name of its type. */
export function readColumn(column: OraColumn): ReadColumn {
  return { name: column.name, nullable: column.nullable !== false, ...readingOf(column) };
}

function readingOf(column: OraColumn): Reading {
  const type = column.dbTypeName ?? '';
  if (type === 'NUMBER' || type === 'FLOAT') return numberOf(column);
  if (/^BINARY_(FLOAT|DOUBLE)$/.test(type))
    return { type: kind('double'), select: plain, bind: (n) => `TO_BINARY_DOUBLE(${n})` };
  if (type === 'DATE') {
    const select = (name: string) => `TO_CHAR(${name}, 'SYYYY-MM-DD HH24:MI:SS')`;
    return { type: kind('timestamp'), select, bind: asStamp, read: unsigned };
  }
  if (/WITH (LOCAL )?TIME ZONE/.test(type)) {
    const select = (name: string) => `TO_CHAR(SYS_EXTRACT_UTC(${name}), 'S${STAMP}"+00"')`;
    return { type: kind('timestamptz'), select, bind: asInstant, read: unsigned };
  }
  if (/^TIMESTAMP/.test(type)) {
    const select = (name: string) => `TO_CHAR(${name}, 'S${STAMP}')`;
    return { type: kind('timestamp'), select, bind: asStamp, read: unsigned };
  }
  if (/^(RAW|LONG RAW|BLOB)$/.test(type))
    return { type: kind('binary'), select: plain, bind: plain, read: (text) => `unhex(${text})` };
  if (type === 'JSON')
    return { type: kind('json'), select: (name) => `JSON_SERIALIZE(${name} RETURNING CLOB)`, bind: plain };
  if (/^INTERVAL/.test(type)) return { type: kind('text'), select: (name) => `TO_CHAR(${name})`, bind: plain };
  return { type: kind('text'), select: plain, bind: plain };
}

/** A sign stands before the year, a blank for plus. */
const unsigned = (text: string) => `ltrim(${text})`;

function numberOf({ dbTypeName, precision = 0, scale = 0 }: OraColumn): Reading {
  const base = { select: plain, bind: asNumber };
  const fixed = dbTypeName === 'NUMBER' && precision >= 1 && precision <= 38 && scale >= 0 && scale <= precision;
  if (!fixed) return { ...base, type: null, guess: { kind: 'decimal', precision: 38, scale: 10 } };
  if (scale === 0 && precision <= 9) return { ...base, type: kind('int') };
  if (scale === 0 && precision <= 18) return { ...base, type: kind('bigint') };
  return { ...base, type: { kind: 'decimal', precision, scale } };
}
