/** Types of Thrift's compact protocol: https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md */
const BOOLEAN_TRUE = 1;
const BOOLEAN_FALSE = 2;
const I32 = 5;
const I64 = 6;
const BINARY = 8;
const LIST = 9;
const STRUCT = 12;

/** A field's value: `i32` and `i64` are told apart by how they are made, lists are of structs, texts or i32. */
export type Field =
  | { i32: number }
  | { i64: number }
  | { text: string }
  | { flag: boolean }
  | { struct: Fields }
  | { structs: readonly Fields[] }
  | { texts: readonly string[] }
  | { i32s: readonly number[] };
/** Fields by their number, in rising order; those that are null are left out. */
export type Fields = readonly (readonly [number, Field | null])[];

/** Bytes of a struct. */
export function thrift(fields: Fields): Buffer {
  const out: number[] = [];
  struct(out, fields);
  return Buffer.from(out);
}

function struct(out: number[], fields: Fields): void {
  let before = 0;
  for (const [id, field] of fields) {
    if (field === null) continue;
    const delta = id - before;
    before = id;
    if (delta > 15) throw new Error('a field is too far from the one before it');
    out.push((delta << 4) | typeOf(field));
    if (!('flag' in field)) value(out, field);
  }
  out.push(0);
}

function typeOf(field: Field): number {
  if ('i32' in field) return I32;
  if ('i64' in field) return I64;
  if ('text' in field) return BINARY;
  if ('flag' in field) return field.flag ? BOOLEAN_TRUE : BOOLEAN_FALSE;
  return 'struct' in field ? STRUCT : LIST;
}

function value(out: number[], field: Field): void {
  if ('i32' in field) zigzag(out, field.i32);
  else if ('i64' in field) zigzag(out, field.i64);
  else if ('text' in field) text(out, field.text);
  else if ('struct' in field) struct(out, field.struct);
  else if ('structs' in field) list(out, STRUCT, field.structs, struct);
  else if ('texts' in field) list(out, BINARY, field.texts, text);
  else if ('i32s' in field) list(out, I32, field.i32s, zigzag);
}

function list<T>(out: number[], type: number, items: readonly T[], write: (out: number[], item: T) => void): void {
  if (items.length < 15) out.push((items.length << 4) | type);
  else {
    out.push(0xf0 | type);
    varint(out, items.length);
  }
  for (const item of items) write(out, item);
}

function text(out: number[], value: string): void {
  const bytes = Buffer.from(value);
  varint(out, bytes.length);
  for (const byte of bytes) out.push(byte);
}

function zigzag(out: number[], value: number): void {
  varint(out, value < 0 ? -2 * value - 1 : 2 * value);
}

/** Seven bits a byte, the lowest first; exact up to 2^53. */
export function varint(out: number[], value: number): void {
  let rest = value;
  while (rest > 127) {
    out.push((rest % 128) | 128);
    rest = Math.floor(rest / 128);
  }
  out.push(rest);
}
