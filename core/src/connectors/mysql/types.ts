import { toDuckType } from '../../model/duck.ts';
import { jsonText } from '../../model/json-sql.ts';
import { ident, literal } from '../../model/sql.ts';
import type { Column, DataType, ScalarKind } from '../../model/type.ts';

const TYPES: Record<ScalarKind, string> = {
  boolean: 'tinyint(1)',
  int: 'int',
  bigint: 'bigint',
  double: 'double',
  text: 'longtext',
  binary: 'longblob',
  date: 'date',
  time: 'time(6)',
  timestamp: 'datetime(6)',
  timestamptz: 'datetime(6)',
  uuid: 'char(36)',
  json: 'longtext',
};

/** MySQL takes no more digits behind the point. */
const MAX_SCALE = 30;

/** The column type of a new table, as the catalog prints it. */
export function toMyType(type: DataType): string {
  switch (type.kind) {
    case 'decimal':
      return type.scale > MAX_SCALE ? 'varchar(45)' : `decimal(${type.precision},${type.scale})`;
    case 'list':
    case 'struct':
      return TYPES.json;
    default:
      return TYPES[type.kind];
  }
}

/** A column's type in CREATE TABLE: texts are compared byte by byte, as everywhere else. */
export function columnType(type: DataType, collation: string): string {
  const name = toMyType(type);
  if (name.startsWith('char')) return `${name} CHARACTER SET ascii COLLATE ascii_bin`;
  return /text|char/.test(name) ? `${name} CHARACTER SET utf8mb4 COLLATE ${collation}` : name;
}

const FROM: Record<string, DataType> = {
  'tinyint(1)': { kind: 'boolean' },
  tinyint: { kind: 'int' },
  smallint: { kind: 'int' },
  mediumint: { kind: 'int' },
  int: { kind: 'int' },
  year: { kind: 'int' },
  'tinyint unsigned': { kind: 'int' },
  'smallint unsigned': { kind: 'int' },
  'mediumint unsigned': { kind: 'int' },
  'int unsigned': { kind: 'bigint' },
  bigint: { kind: 'bigint' },
  'bigint unsigned': { kind: 'decimal', precision: 20, scale: 0 },
  float: { kind: 'double' },
  double: { kind: 'double' },
  date: { kind: 'date' },
  json: { kind: 'json' },
  uuid: { kind: 'uuid' },
};

/** A type as the catalog prints it in one spelling: whole numbers without the width that some versions show. */
export function normal(text: string): string {
  const name = text.toLowerCase();
  return name === 'tinyint(1)' ? name : name.replace(/^((?:tiny|small|medium|big)?int|year)\(\d+\)/, '$1');
}

/** A type of the catalog in the job language; what has no counterpart there is text. */
export function fromMyType(text: string): DataType {
  const name = normal(text);
  const plain = FROM[name.replace(' zerofill', '')];
  if (plain) return plain;
  const decimal = /^decimal\((\d+),(\d+)\)/.exec(name);
  if (decimal) {
    const [precision, scale] = [Number(decimal[1]), Number(decimal[2])];
    return precision <= 38 ? { kind: 'decimal', precision, scale } : { kind: 'text' };
  }
  if (/^(datetime|timestamp)/.test(name)) return { kind: 'timestamp' };
  if (/^time/.test(name)) return { kind: 'time' };
  if (/blob|binary/.test(name)) return { kind: 'binary' };
  return { kind: 'text' };
}

/** Marks a query's error for a value that the system has no place for. */
export const UNFIT = '_sluice_unfit:';

/** SQL that is true for a value that the system cannot hold; null where it holds all. */
export function unfit(value: string, type: DataType): string | null {
  switch (type.kind) {
    case 'double':
      return `NOT isfinite(${value})`;
    case 'date':
      return `NOT (isfinite(${value}) AND ${value} >= DATE '0001-01-01' AND ${value} <= DATE '9999-12-31')`;
    case 'timestamp':
    case 'timestamptz': {
      const name = toDuckType(type);
      const zone = type.kind === 'timestamptz' ? '+00' : '';
      const bounds = ['0001-01-01 00:00:00', '9999-12-31 23:59:59.999999'].map((t) => `CAST('${t}${zone}' AS ${name})`);
      return `NOT (isfinite(${value}) AND ${value} >= ${bounds[0]} AND ${value} <= ${bounds[1]})`;
    }
    default:
      return null;
  }
}

/** How a column's values are handed to the driver: as text, bytes as they are. `index` names it in an error. */
export function render(column: Column, index: number): string {
  const value = `CAST(${ident(column.name)} AS ${toDuckType(column.type)})`;
  const bad = unfit(value, column.type);
  const shown = renderValue(value, column.type);
  const guarded = bad === null ? shown : `CASE WHEN ${bad} THEN error(${literal(UNFIT + index)}) ELSE ${shown} END`;
  return `${guarded} AS ${ident(column.name)}`;
}

function renderValue(value: string, type: DataType): string {
  switch (type.kind) {
    case 'binary':
    case 'text':
      return value;
    case 'boolean':
      return `CAST(CAST(${value} AS INTEGER) AS VARCHAR)`;
    case 'timestamptz':
      return `strftime(${value}, '%Y-%m-%d %H:%M:%S.%f')`;
    case 'list':
    case 'struct':
      return jsonText(value, type);
    default:
      return `CAST(${value} AS VARCHAR)`;
  }
}

/** An ISO 8601 instant as a literal of a column of dates or times. */
export function instantText(iso: string, type: DataType): string {
  const text = new Date(iso).toISOString();
  return type.kind === 'date' ? text.slice(0, 10) : `${text.slice(0, 10)} ${text.slice(11, 23)}`;
}

const WIDTH: Partial<Record<DataType['kind'], number>> = { boolean: 1, int: 10, bigint: 19 };

/** Whether a column of one type can take every value of another. */
export function holds(column: DataType, value: DataType): boolean {
  if (toMyType(column) === toMyType(value)) return true;
  if (column.kind === 'text') return value.kind !== 'binary';
  const digits = WIDTH[value.kind];
  if (column.kind === 'decimal') {
    if (value.kind === 'decimal')
      return column.scale >= value.scale && column.precision - column.scale >= value.precision - value.scale;
    return digits !== undefined && column.precision - column.scale >= digits;
  }
  if (column.kind === 'double') return value.kind === 'int' || value.kind === 'boolean';
  if (column.kind === 'timestamp') return value.kind === 'date';
  return digits !== undefined && digits <= (WIDTH[column.kind] ?? 0);
}
