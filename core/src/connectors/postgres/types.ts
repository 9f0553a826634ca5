import { toDuckType } from '../../model/duck.ts';
import { ident } from '../../model/sql.ts';
import type { Column, DataType, ScalarKind } from '../../model/type.ts';

const PG_TYPES: Record<ScalarKind, string> = {
  boolean: 'boolean',
  int: 'integer',
  bigint: 'bigint',
  double: 'double precision',
  text: 'text',
  binary: 'bytea',
  date: 'date',
  time: 'time without time zone',
  timestamp: 'timestamp without time zone',
  timestamptz: 'timestamp with time zone',
  uuid: 'uuid',
  json: 'jsonb',
};

/** The column type of a new table, as the catalog prints it. */
export function toPgType(type: DataType, native?: string): string {
  if (native !== undefined) return native;
  switch (type.kind) {
    case 'decimal':
      return `numeric(${type.precision},${type.scale})`;
    case 'struct':
      return 'jsonb';
    case 'list':
      return isFlat(type.item) ? `${toPgType(type.item)}[]` : 'jsonb';
    default:
      return PG_TYPES[type.kind];
  }
}

/** Whether values can be items of an array; lists inside an array would all need one length. */
function isFlat(type: DataType): boolean {
  return type.kind !== 'list' && type.kind !== 'struct' && type.kind !== 'json';
}

const FROM_PG: Record<string, DataType> = {
  boolean: { kind: 'boolean' },
  smallint: { kind: 'int' },
  integer: { kind: 'int' },
  bigint: { kind: 'bigint' },
  oid: { kind: 'bigint' },
  real: { kind: 'double' },
  'double precision': { kind: 'double' },
  bytea: { kind: 'binary' },
  date: { kind: 'date' },
  uuid: { kind: 'uuid' },
  json: { kind: 'json' },
  jsonb: { kind: 'json' },
};

/** A type as the catalog prints it (format_type) in the job language; what has no counterpart there is text. */
export function fromPgType(text: string): DataType {
  if (text.endsWith('[]')) return { kind: 'list', item: fromPgType(text.slice(0, -2)) };
  const plain = FROM_PG[text];
  if (plain) return plain;
  const numeric = /^numeric(?:\((\d+),(-?\d+)\))?$/.exec(text);
  if (numeric) return decimal(numeric[1], numeric[2]);
  const time = /^(time|timestamp)(?:\(\d\))? (with|without) time zone$/.exec(text);
  if (time?.[1] === 'timestamp') return { kind: time[2] === 'with' ? 'timestamptz' : 'timestamp' };
  if (time?.[2] === 'without') return { kind: 'time' };
  return { kind: 'text' };
}

function decimal(precision: string | undefined, scale: string | undefined): DataType {
  const p = Number(precision ?? 0);
  const s = Number(scale ?? 0);
  return p >= 1 && p <= 38 && s >= 0 && s <= p
    ? { kind: 'decimal', precision: p, scale: s }
    : { kind: 'decimal', precision: 38, scale: 10 };
}

/** How a column goes into COPY's CSV: an engine expression, and whether its values must be quoted to stay apart from null. */
export interface Rendered {
  sql: string;
  quote: boolean;
}

/** `pgType` is what the column is in the table. */
export function render(column: Column, pgType: string): Rendered {
  const value = `CAST(${ident(column.name)} AS ${toDuckType(column.type)})`;
  return {
    sql: renderValue(value, column.type, pgType),
    quote: column.type.kind === 'text' || column.type.kind === 'json',
  };
}

function renderValue(value: string, type: DataType, pgType: string): string {
  switch (type.kind) {
    case 'binary':
      return `'\\x' || hex(${value})`;
    // A numeric without precision keeps the zeros that it is given.
    case 'decimal':
      return pgType === 'numeric' && type.scale > 0 ? `rtrim(rtrim(CAST(${value} AS VARCHAR), '0'), '.')` : value;
    case 'json':
      return `CAST(${value} AS VARCHAR)`;
    case 'date':
    case 'timestamp':
    case 'timestamptz':
      return renderTime(value, type.kind);
    case 'struct':
      return `CAST(to_json(${value}) AS VARCHAR)`;
    case 'list':
      return pgType.endsWith('[]')
        ? renderArray(value, type.item, pgType.slice(0, -2))
        : `CAST(to_json(${value}) AS VARCHAR)`;
    default:
      return value;
  }
}

/** The engine writes years before 1 as `0044-03-15 (BC) 10:00:00`, Postgres wants the BC at the end. */
function renderTime(value: string, kind: 'date' | 'timestamp' | 'timestamptz'): string {
  const text = `CAST(${value} AS VARCHAR)`;
  const first =
    kind === 'date'
      ? `DATE '0001-01-01'`
      : kind === 'timestamp'
        ? `TIMESTAMP '0001-01-01'`
        : `TIMESTAMPTZ '0001-01-01 00:00:00+00'`;
  return `CASE WHEN ${value} >= ${first} OR isinf(${value}) THEN ${text} ELSE replace(${text}, ' (BC)', '') || ' BC' END`;
}

function renderArray(value: string, item: DataType, pgType: string): string {
  const text = `CAST(${renderValue('x', item, pgType)} AS VARCHAR)`;
  const escaped = `'"' || replace(replace(${text}, '\\', '\\\\'), '"', '\\"') || '"'`;
  const items = `list_transform(${value}, lambda x: coalesce(${escaped}, 'NULL'))`;
  return `'{' || array_to_string(${items}, ',') || '}'`;
}
