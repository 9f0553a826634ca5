import type { DataType as ArrowType, Data } from 'apache-arrow';
import type { Column, DataType } from '../../model/type.ts';
import type { Arrow } from './batches.ts';
import type { Plain } from './plain.ts';

/** A value of `plainColumns`, or of its JSON: there every scalar is a text. */
type Value = Plain | undefined | readonly Value[] | { [field: string]: Value };

const UUID_BYTES = 16;
const EXTENSION = 'ARROW:extension:name';

/** The fields of a schema; uuid and json by their extension types. */
export function fieldOf(arrow: Arrow, { name, type }: Column): InstanceType<Arrow['Field']> {
  const extension = type.kind === 'uuid' || type.kind === 'json' ? [[EXTENSION, `arrow.${type.kind}`] as const] : [];
  return new arrow.Field(name, arrowType(arrow, type), true, new Map(extension));
}

function arrowType(arrow: Arrow, type: DataType): ArrowType {
  switch (type.kind) {
    case 'boolean':
      return new arrow.Bool();
    case 'int':
      return new arrow.Int32();
    case 'bigint':
      return new arrow.Int64();
    case 'double':
      return new arrow.Float64();
    case 'decimal':
      return new arrow.Decimal(type.scale, type.precision, 128);
    case 'text':
    case 'json':
      return new arrow.Utf8();
    case 'binary':
      return new arrow.Binary();
    case 'uuid':
      return new arrow.FixedSizeBinary(UUID_BYTES);
    case 'date':
      return new arrow.DateDay();
    case 'time':
      return new arrow.TimeMicrosecond();
    case 'timestamp':
      return new arrow.TimestampMicrosecond();
    case 'timestamptz':
      return new arrow.TimestampMicrosecond('UTC');
    case 'list':
      return new arrow.List(fieldOf(arrow, { name: 'item', type: type.item }));
    case 'struct':
      return new arrow.Struct(type.fields.map((field) => fieldOf(arrow, field)));
  }
}

/** A column of a batch from its values. */
export function dataOf(arrow: Arrow, type: DataType, values: readonly Value[]): Data {
  const length = values.length;
  const { nullBitmap, nullCount } = nullsOf(values);
  const own = { type: arrowType(arrow, type), length, nullCount, nullBitmap };
  if (type.kind === 'list') {
    const lists = values as readonly (readonly Value[] | null)[];
    const valueOffsets = new Int32Array(length + 1);
    for (let i = 0; i < length; i++) valueOffsets[i + 1] = (valueOffsets[i] ?? 0) + (lists[i]?.length ?? 0);
    const child = dataOf(
      arrow,
      type.item,
      lists.flatMap((list) => list ?? []),
    );
    return arrow.makeData({ ...own, valueOffsets, child } as never);
  }
  if (type.kind === 'struct') {
    const objects = values as readonly ({ [field: string]: Value } | null)[];
    const children = type.fields.map((field, i) =>
      dataOf(
        arrow,
        field.type,
        objects.map((object) => object?.[`f${i}`] ?? null),
      ),
    );
    return arrow.makeData({ ...own, children } as never);
  }
  return arrow.makeData({ ...own, ...buffersOf(type, values as readonly Plain[]) } as never);
}

function nullsOf(values: readonly Value[]): { nullBitmap: Uint8Array; nullCount: number } {
  const nullBitmap = new Uint8Array(Math.ceil(values.length / 8));
  let nullCount = 0;
  for (const [i, value] of values.entries()) {
    if (value === null || value === undefined) nullCount++;
    else nullBitmap[i >> 3] = (nullBitmap[i >> 3] ?? 0) | (1 << (i & 7));
  }
  return { nullBitmap, nullCount };
}

function buffersOf(type: DataType, values: readonly Plain[]): { data: unknown; valueOffsets?: Int32Array } {
  switch (type.kind) {
    case 'boolean':
      return { data: bits(values) };
    case 'int':
    case 'date':
      return { data: Int32Array.from(values, (value) => Number(value ?? 0)) };
    case 'double':
      return { data: Float64Array.from(values, (value) => float(value)) };
    case 'bigint':
    case 'time':
    case 'timestamp':
    case 'timestamptz':
      return { data: BigInt64Array.from(values, (value) => BigInt((value ?? 0) as bigint)) };
    case 'decimal':
      return { data: decimals(values) };
    case 'uuid':
      return { data: Buffer.concat(values.map(uuid)) };
    case 'binary':
      return ragged(values.map((value) => (typeof value === 'string' ? Buffer.from(value, 'hex') : asBytes(value))));
    default:
      return ragged(values.map((value) => (value === null ? NONE : Buffer.from(String(value)))));
  }
}

const NONE = new Uint8Array(0);

function asBytes(value: Plain): Uint8Array {
  return value instanceof Uint8Array ? value : NONE;
}

function bits(values: readonly Plain[]): Uint8Array {
  const data = new Uint8Array(Math.ceil(values.length / 8));
  for (const [i, value] of values.entries())
    if (value === true || value === 'true') data[i >> 3] = (data[i >> 3] ?? 0) | (1 << (i & 7));
  return data;
}

/** The engine's texts of what is no number differ from the language's. */
const FLOATS: Readonly<Record<string, number>> = {
  inf: Number.POSITIVE_INFINITY,
  '-inf': Number.NEGATIVE_INFINITY,
  nan: Number.NaN,
};

function float(value: Plain): number {
  return typeof value === 'string' ? (FLOATS[value] ?? Number(value)) : Number(value ?? 0);
}

/** Whole numbers of 128 bits, the lowest 64 first. */
function decimals(values: readonly Plain[]): Uint32Array {
  const words = new BigInt64Array(values.length * 2);
  for (const [i, value] of values.entries()) {
    if (value === null) continue;
    const whole = BigInt(String(value).replace('.', ''));
    words[i * 2] = BigInt.asIntN(64, whole);
    words[i * 2 + 1] = whole >> 64n;
  }
  return new Uint32Array(words.buffer);
}

function uuid(value: Plain): Uint8Array {
  return value === null ? new Uint8Array(UUID_BYTES) : Buffer.from(String(value).replaceAll('-', ''), 'hex');
}

function ragged(parts: readonly Uint8Array[]): { data: Uint8Array; valueOffsets: Int32Array } {
  const valueOffsets = new Int32Array(parts.length + 1);
  for (const [i, part] of parts.entries()) valueOffsets[i + 1] = (valueOffsets[i] ?? 0) + part.length;
  return { data: Buffer.concat(parts), valueOffsets };
}
