import { toDuckType } from '../model/duck.ts';
import { SluiceError } from '../model/error.ts';
import type { JsonObject } from '../model/json.ts';
import { ident } from '../model/sql.ts';
import { type Column, type DataType, formatType, parseType, sameType } from '../model/type.ts';
import type { Metadata } from './actions.ts';

/** A type in a table's schema text. */
export type DeltaType =
  | string
  | { type: 'array'; elementType: DeltaType; containsNull: boolean }
  | { type: 'map'; keyType: DeltaType; valueType: DeltaType; valueContainsNull: boolean }
  | { type: 'struct'; fields: DeltaField[] };

export interface DeltaField {
  name: string;
  type: DeltaType;
  nullable: boolean;
  metadata: JsonObject;
}

/** Where a field keeps the job language's type that Delta has no type for. */
const OWN_TYPE = 'sluice.type';
const PHYSICAL_NAME = 'delta.columnMapping.physicalName';

const TO_DELTA: Readonly<Record<string, string>> = {
  boolean: 'boolean',
  int: 'integer',
  bigint: 'long',
  double: 'double',
  text: 'string',
  binary: 'binary',
  date: 'date',
  timestamp: 'timestamp_ntz',
  timestamptz: 'timestamp',
  time: 'string',
  uuid: 'string',
  json: 'string',
};

const FROM_DELTA: Readonly<Record<string, DataType>> = {
  boolean: { kind: 'boolean' },
  byte: { kind: 'int' },
  short: { kind: 'int' },
  integer: { kind: 'int' },
  long: { kind: 'bigint' },
  float: { kind: 'double' },
  double: { kind: 'double' },
  string: { kind: 'text' },
  binary: { kind: 'binary' },
  date: { kind: 'date' },
  timestamp: { kind: 'timestamptz' },
  timestamp_ntz: { kind: 'timestamp' },
};

/** A column of a table as its files have it. */
export interface TableColumn extends Column {
  /** Its name in the files. */
  physical: string;
  /** Its values stand in the log and not in the files. */
  partition: boolean;
  delta: DeltaType;
  /** Its values may not be null. */
  required: boolean;
}

export function toDelta(type: DataType): DeltaType {
  switch (type.kind) {
    case 'decimal':
      return `decimal(${type.precision},${type.scale})`;
    case 'list':
      return { type: 'array', elementType: toDelta(type.item), containsNull: true };
    case 'struct':
      return { type: 'struct', fields: type.fields.map(toField) };
    default:
      return TO_DELTA[type.kind] ?? 'string';
  }
}

export function toField({ name, type }: Column): DeltaField {
  const delta = toDelta(type);
  const own = sameType(fromDelta(delta, name), type) ? {} : { [OWN_TYPE]: formatType(type) };
  return { name, type: delta, nullable: true, metadata: own };
}

/** The nearest type of the job language. Throws `format/delta-type` (config) naming the column whose type it has none for. */
export function fromDelta(type: DeltaType, column: string): DataType {
  if (typeof type === 'string') {
    const plain = FROM_DELTA[type];
    if (plain) return plain;
    const decimal = /^decimal\((\d+),\s*(-?\d+)\)$/.exec(type);
    if (decimal) return { kind: 'decimal', precision: Number(decimal[1]), scale: Number(decimal[2]) };
  } else if (type.type === 'array') return { kind: 'list', item: fromDelta(type.elementType, column) };
  else if (type.type === 'map') return { kind: 'json' };
  else return { kind: 'struct', fields: type.fields.map((f) => ({ name: f.name, type: fieldType(f) })) };
  throw new SluiceError('format/delta-type', 'config', `Column ${column} has the type ${type}, which is not read`, {
    where: { column },
    hint: 'Leave the column out of the table that is read, or cast it to a type that every reader has.',
  });
}

function fieldType(field: DeltaField): DataType {
  const found = fromDelta(field.type, field.name);
  const own = field.metadata?.[OWN_TYPE];
  const written = typeof own === 'string' ? parseType(own) : null;
  // Another writer may have changed the column since.
  return written && JSON.stringify(toDelta(written)) === JSON.stringify(toDelta(found)) ? written : found;
}

/** A type as the files hold it: what Delta has no type for is text. */
export function physicalType(type: DataType): DataType {
  switch (type.kind) {
    case 'time':
    case 'uuid':
    case 'json':
      return { kind: 'text' };
    case 'list':
      return { kind: 'list', item: physicalType(type.item) };
    case 'struct':
      return { kind: 'struct', fields: type.fields.map((f) => ({ name: f.name, type: physicalType(f.type) })) };
    default:
      return type;
  }
}

export function fieldsOf(metadata: Metadata): DeltaField[] {
  return (JSON.parse(metadata.schemaString) as { fields: DeltaField[] }).fields;
}

/** The engine's type of what a file holds under a table's type, where `type` is what it means. */
export function fileType(delta: DeltaType, type: DataType): string {
  if (typeof delta === 'string') return NARROW[delta] ?? toDuckType(physicalType(type));
  if (delta.type === 'array' && type.kind === 'list') return `${fileType(delta.elementType, type.item)}[]`;
  if (delta.type !== 'struct' || type.kind !== 'struct') return toDuckType(physicalType(type));
  const fields = delta.fields.map((field) => {
    const own = type.fields.find((f) => f.name === field.name)?.type ?? fieldType(field);
    return `${ident(field.name)} ${fileType(field.type, own)}`;
  });
  return `STRUCT(${fields.join(', ')})`;
}

const NARROW: Readonly<Record<string, string>> = { byte: 'TINYINT', short: 'SMALLINT', float: 'FLOAT' };

/** Columns of a table in their order. Throws `format/delta-type`. */
export function columnsOf(metadata: Metadata): TableColumn[] {
  const partitions = new Set(metadata.partitionColumns);
  return fieldsOf(metadata).map((field) => ({
    name: field.name,
    type: fieldType(field),
    physical: physicalName(field),
    partition: partitions.has(field.name),
    delta: field.type,
    required: field.nullable === false,
  }));
}

export function physicalName(field: DeltaField): string {
  const name = field.metadata?.[PHYSICAL_NAME];
  return typeof name === 'string' ? name : field.name;
}

export function holdsMap(type: DeltaType): boolean {
  if (typeof type === 'string') return false;
  if (type.type === 'struct') return type.fields.some((field) => holdsMap(field.type));
  return type.type === 'map' || holdsMap(type.elementType);
}

/** Whether a type holds wall clock times, which a table declares as a feature. */
export function hasWallClock(type: DataType): boolean {
  if (type.kind === 'list') return hasWallClock(type.item);
  if (type.kind === 'struct') return type.fields.some((f) => hasWallClock(f.type));
  return type.kind === 'timestamp';
}
