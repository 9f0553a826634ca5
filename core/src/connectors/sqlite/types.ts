import { toDuckType } from '../../model/duck.ts';
import { jsonText } from '../../model/json-sql.ts';
import { ident, literal } from '../../model/sql.ts';
import type { Column, DataType, ScalarKind } from '../../model/type.ts';

/**
 * Declared types of columns. SQLite derives an affinity from their names: what would be rounded or rewritten as a number
 * gets a name that holds TEXT. See https://sqlite.org/datatype3.html.
 */
const TYPES: Record<ScalarKind, string> = {
  boolean: 'BOOLEAN',
  int: 'INTEGER',
  bigint: 'BIGINT',
  double: 'DOUBLE',
  text: 'TEXT',
  binary: 'BLOB',
  date: 'DATE',
  time: 'TIME',
  timestamp: 'TIMESTAMP',
  timestamptz: 'TIMESTAMPTZ',
  uuid: 'UUID',
  json: 'JSON_TEXT',
};

/** Digits that a REAL keeps in any decimal number. */
const REAL_DIGITS = 15;

export function toSqliteType(type: DataType): string {
  switch (type.kind) {
    case 'decimal': {
      const size = `(${type.precision},${type.scale})`;
      return type.precision <= REAL_DIGITS ? `DECIMAL${size}` : `DECIMAL_TEXT${size}`;
    }
    case 'list':
    case 'struct':
      return TYPES.json;
    default:
      return TYPES[type.kind];
  }
}

const FROM_NAME = new Map<string, DataType>(
  Object.entries(TYPES).map(([kind, name]) => [name, { kind: kind as ScalarKind }]),
);

/** A declared type in the job language: our own names exactly, others by SQLite's rules for affinity. */
export function fromSqliteType(declared: string): DataType {
  const name = declared.trim().toUpperCase();
  const own = FROM_NAME.get(name);
  if (own) return own;
  const decimal = /^(?:DECIMAL|DECIMAL_TEXT|NUMERIC)\s*\((\d+)(?:\s*,\s*(\d+))?\)$/.exec(name);
  if (decimal) {
    const [precision, scale] = [Number(decimal[1]), Number(decimal[2] ?? 0)];
    if (precision >= 1 && precision <= 38 && scale <= precision) return { kind: 'decimal', precision, scale };
  }
  if (/^BOOL/.test(name)) return { kind: 'boolean' };
  if (/^DATETIME/.test(name)) return { kind: 'timestamp' };
  if (/^JSON/.test(name)) return { kind: 'json' };
  if (/INT/.test(name)) return { kind: 'bigint' };
  if (/CHAR|CLOB|TEXT/.test(name)) return { kind: 'text' };
  if (/BLOB/.test(name)) return { kind: 'binary' };
  if (/REAL|FLOA|DOUB/.test(name)) return { kind: 'double' };
  return { kind: 'text' };
}

/** Marks a query's error for a NaN, which SQLite would store as NULL. */
export const NAN = '_sluice_nan:';

/** How a column's values are handed to the driver: as text, whole numbers, doubles or bytes. `index` names it in an error. */
export function render(column: Column, index: number): string {
  const value = `CAST(${ident(column.name)} AS ${toDuckType(column.type)})`;
  return `${renderValue(value, column.type, index)} AS ${ident(column.name)}`;
}

function renderValue(value: string, type: DataType, index: number): string {
  switch (type.kind) {
    case 'boolean':
      return `CAST(${value} AS INTEGER)`;
    case 'int':
    case 'bigint':
    case 'text':
    case 'binary':
      return value;
    case 'double':
      return `CASE WHEN isnan(${value}) THEN error(${literal(NAN + index)}) ELSE ${value} END`;
    case 'timestamp':
    case 'timestamptz':
      return instant(value, type.kind);
    case 'json':
      return `CAST(${value} AS VARCHAR)`;
    case 'list':
    case 'struct':
      return jsonText(value, type);
    default:
      return `CAST(${value} AS VARCHAR)`;
  }
}

/** Always six digits behind the second, so that the order of texts is that of times. */
function instant(value: string, kind: 'timestamp' | 'timestamptz'): string {
  const first = kind === 'timestamp' ? `TIMESTAMP '0001-01-01'` : `TIMESTAMPTZ '0001-01-01 00:00:00+00'`;
  const zone = kind === 'timestamp' ? '' : 'Z';
  return `CASE WHEN isfinite(${value}) AND ${value} >= ${first} THEN strftime(${value}, '%Y-%m-%d %H:%M:%S.%f${zone}') ELSE CAST(${value} AS VARCHAR) END`;
}

/** An ISO 8601 instant as it stands in a column of the type. */
export function instantText(iso: string, type: DataType): string {
  const text = new Date(iso).toISOString();
  if (type.kind === 'date') return text.slice(0, 10);
  const micros = `${text.slice(0, 10)} ${text.slice(11, 23)}000`;
  return type.kind === 'timestamptz' ? `${micros}Z` : micros;
}

/** A stored value as one of another type, for a column that is widened. */
export function convert(value: unknown, from: DataType, to: DataType): string | number | bigint | Uint8Array | null {
  if (value === null || value === undefined) return null;
  const stored = value as string | number | bigint | Uint8Array;
  if (to.kind === 'timestamp' && from.kind === 'date') return `${stored} 00:00:00.000000`;
  if (to.kind === 'decimal') return decimalText(stored, to.scale);
  if (to.kind === 'text' || to.kind === 'json') {
    if (from.kind === 'boolean') return Number(stored) === 0 ? 'false' : 'true';
    if (from.kind === 'decimal') return decimalText(stored, from.scale);
    if (from.kind === 'binary' && typeof stored === 'object') return `\\x${Buffer.from(stored).toString('hex')}`;
    return to.kind === 'json' && from.kind === 'text' ? JSON.stringify(String(stored)) : String(stored);
  }
  return stored;
}

/** A decimal as exact text: as a REAL it has at most 15 digits, which its shortest text gives. */
export function decimalText(value: unknown, scale: number): string {
  const text = typeof value === 'number' ? value.toFixed(Math.min(scale, 20)) : String(value);
  if (scale === 0 || typeof value === 'number') return text;
  const [whole = '0', digits = ''] = text.split('.');
  return `${whole}.${digits.padEnd(scale, '0')}`;
}
