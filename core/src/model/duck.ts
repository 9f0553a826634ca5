import { ident, literal } from './sql.ts';
import type { DataType, ScalarKind } from './type.ts';

/** The engine's name for a type of the job language (https://duckdb.org/docs/stable/sql/data_types/overview). */
export function toDuckType(type: DataType): string {
  switch (type.kind) {
    case 'decimal':
      return `DECIMAL(${type.precision},${type.scale})`;
    case 'list':
      return `${toDuckType(type.item)}[]`;
    case 'struct':
      return `STRUCT(${type.fields.map((f) => `${ident(f.name)} ${toDuckType(f.type)}`).join(', ')})`;
    default:
      return DUCK_TYPES[type.kind];
  }
}

/**
 * The engine's cast of a text, null where it is none of the type. A decimal of more than 18 digits is a number of 128 bits, which
 * the engine reads a hundred times more slowly: short ones go by way of 64 bits, with the same answer.
 */
export function castText(text: string, type: DataType): string {
  const name = toDuckType(type);
  const plain = `try_cast(${text} AS ${name})`;
  if (type.kind !== 'decimal' || type.precision <= 18) return plain;
  const by = (way: string) => `try_cast(try_cast(${text} AS ${way}) AS ${name})`;
  const is = (pattern: string) => `regexp_full_match(${text}, ${literal(pattern)})`;
  const whole = `WHEN ${is('[+-]?[0-9]{1,18}')} THEN ${by('BIGINT')}`;
  const fraction = `WHEN ${is('[+-]?[0-9]{0,9}[.][0-9]{1,9}')} THEN ${by('DECIMAL(18,9)')}`;
  return `coalesce(CASE ${whole} ${fraction} END, ${plain})`;
}

const DUCK_TYPES: Record<ScalarKind, string> = {
  boolean: 'BOOLEAN',
  int: 'INTEGER',
  bigint: 'BIGINT',
  double: 'DOUBLE',
  text: 'VARCHAR',
  binary: 'BLOB',
  date: 'DATE',
  time: 'TIME',
  timestamp: 'TIMESTAMP',
  timestamptz: 'TIMESTAMP WITH TIME ZONE',
  uuid: 'UUID',
  json: 'JSON',
};

const FROM_DUCK: Record<string, DataType> = {
  BOOLEAN: { kind: 'boolean' },
  TINYINT: { kind: 'int' },
  SMALLINT: { kind: 'int' },
  INTEGER: { kind: 'int' },
  UTINYINT: { kind: 'int' },
  USMALLINT: { kind: 'int' },
  UINTEGER: { kind: 'bigint' },
  BIGINT: { kind: 'bigint' },
  UBIGINT: { kind: 'decimal', precision: 20, scale: 0 },
  HUGEINT: { kind: 'decimal', precision: 38, scale: 0 },
  UHUGEINT: { kind: 'decimal', precision: 38, scale: 0 },
  FLOAT: { kind: 'double' },
  DOUBLE: { kind: 'double' },
  VARCHAR: { kind: 'text' },
  BLOB: { kind: 'binary' },
  BIT: { kind: 'text' },
  DATE: { kind: 'date' },
  TIME: { kind: 'time' },
  TIME_NS: { kind: 'time' },
  'TIME WITH TIME ZONE': { kind: 'text' },
  TIMESTAMP: { kind: 'timestamp' },
  TIMESTAMP_S: { kind: 'timestamp' },
  TIMESTAMP_MS: { kind: 'timestamp' },
  TIMESTAMP_NS: { kind: 'timestamp' },
  'TIMESTAMP WITH TIME ZONE': { kind: 'timestamptz' },
  UUID: { kind: 'uuid' },
  JSON: { kind: 'json' },
  INTERVAL: { kind: 'text' },
  '"NULL"': { kind: 'text' },
};

/**
 * The job language's type for an engine type as DESCRIBE prints it. What has no exact counterpart becomes the nearest
 * type that keeps every value: unsigned and 128-bit integers decimal, enums and intervals text, maps json.
 */
export function fromDuckType(text: string): DataType {
  const plain = FROM_DUCK[text];
  if (plain) return plain;
  if (text.endsWith('[]')) return { kind: 'list', item: fromDuckType(text.slice(0, -2)) };
  const array = /^(.*)\[\d+\]$/s.exec(text);
  if (array?.[1]) return { kind: 'list', item: fromDuckType(array[1]) };
  const decimal = /^DECIMAL\((\d+),(\d+)\)$/.exec(text);
  if (decimal) return { kind: 'decimal', precision: Number(decimal[1]), scale: Number(decimal[2]) };
  if (text.startsWith('STRUCT(') && text.endsWith(')'))
    return { kind: 'struct', fields: structFields(text.slice(7, -1)) };
  if (text.startsWith('MAP(') || text.startsWith('UNION(')) return { kind: 'json' };
  return { kind: 'text' };
}

function structFields(body: string): { name: string; type: DataType }[] {
  return splitTopLevel(body).map((part) => {
    const quoted = /^"((?:[^"]|"")*)" (.*)$/s.exec(part);
    const bare = /^(\S+) (.*)$/s.exec(part);
    const name = quoted ? (quoted[1] ?? '').replaceAll('""', '"') : (bare?.[1] ?? '');
    return { name, type: fromDuckType((quoted ?? bare)?.[2] ?? '') };
  });
}

function splitTopLevel(body: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let quoted = false;
  let start = 0;
  for (let i = 0; i < body.length; i++) {
    const ch = body[i];
    if (ch === '"') quoted = !quoted;
    else if (quoted) continue;
    else if (ch === '(') depth++;
    else if (ch === ')') depth--;
    else if (ch === ',' && depth === 0) {
      parts.push(body.slice(start, i).trim());
      start = i + 1;
    }
  }
  parts.push(body.slice(start).trim());
  return parts;
}
