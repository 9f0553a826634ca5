import type { DataType as ArrowType, Field, Schema } from 'apache-arrow';
import type { Column, DataType } from '../../model/type.ts';
import { key } from '../shared/names.ts';
import type { Arrow } from './batches.ts';
import { Broken } from './faults.ts';

const WIDEST_DECIMAL = 38;
const EXTENSION = 'ARROW:extension:name';

const TEXT: DataType = { kind: 'text' };
const JSON_TYPE: DataType = { kind: 'json' };

/** A schema's columns. What the job language has no type for becomes text or JSON that keeps every value. Throws Broken. */
export function columnsOf(arrow: Arrow, schema: Schema): Column[] {
  return schema.fields.map((field) => ({ name: field.name ?? '', type: typeOf(arrow, field) }));
}

function typeOf(arrow: Arrow, field: Field): DataType {
  const extension = field.metadata.get(EXTENSION);
  const type = plainType(arrow, field.type);
  if (extension === 'arrow.json' && type.kind === 'text') return JSON_TYPE;
  if (extension === 'arrow.uuid' && type.kind === 'binary') return { kind: 'uuid' };
  return type;
}

function plainType(arrow: Arrow, type: ArrowType): DataType {
  const { DataType: Is } = arrow;
  if (Is.isDictionary(type)) return plainType(arrow, type.dictionary);
  if (Is.isNull(type)) return TEXT;
  if (Is.isBool(type)) return { kind: 'boolean' };
  if (Is.isInt(type)) return wholeType(type.bitWidth, type.isSigned);
  if (Is.isFloat(type)) return { kind: 'double' };
  if (Is.isUtf8(type) || Is.isLargeUtf8(type) || Is.isUtf8View(type)) return TEXT;
  if (isBytes(arrow, type)) return { kind: 'binary' };
  if (Is.isDecimal(type)) return decimalType(type.precision, type.scale);
  if (Is.isDate(type)) return { kind: 'date' };
  if (Is.isTime(type)) return { kind: 'time' };
  if (Is.isTimestamp(type)) return { kind: type.timezone ? 'timestamptz' : 'timestamp' };
  if (Is.isDuration(type) || Is.isInterval(type)) return TEXT;
  if (Is.isMap(type) || Is.isUnion(type)) return JSON_TYPE;
  const [item] = type.children ?? [];
  if ((Is.isList(type) || Is.isLargeList(type) || Is.isFixedSizeList(type)) && item)
    return { kind: 'list', item: typeOf(arrow, item) };
  if (Is.isStruct(type)) return structType(arrow, type.children);
  throw new Broken(`it has a column of the type ${type}, which is not read`);
}

export function isBytes(arrow: Arrow, type: ArrowType): boolean {
  const { DataType: Is } = arrow;
  return Is.isBinary(type) || Is.isLargeBinary(type) || Is.isBinaryView(type) || Is.isFixedSizeBinary(type);
}

function wholeType(bits: number, signed: boolean): DataType {
  if (bits < 32 || (bits === 32 && signed)) return { kind: 'int' };
  return bits === 32 || signed ? { kind: 'bigint' } : { kind: 'decimal', precision: 20, scale: 0 };
}

/** A scale below zero stands for zeros before the point; what has more digits than the engine's decimals stays text. */
function decimalType(precision: number, scale: number): DataType {
  const digits = scale < 0 ? precision - scale : Math.max(precision, scale);
  return digits <= WIDEST_DECIMAL ? { kind: 'decimal', precision: digits, scale: Math.max(0, scale) } : TEXT;
}

/** The engine's structs need names, and tell no letter case apart. */
function structType(arrow: Arrow, children: readonly Field[]): DataType {
  const names = new Set(children.map((child) => key(child.name)));
  if (children.length === 0 || names.size < children.length || names.has('')) return JSON_TYPE;
  return { kind: 'struct', fields: children.map((child) => ({ name: child.name, type: typeOf(arrow, child) })) };
}
