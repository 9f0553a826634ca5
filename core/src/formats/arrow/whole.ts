import type { DataType as ArrowType, Data } from 'apache-arrow';
import type { Arrow } from './batches.ts';
import { Broken } from './faults.ts';

const VIEW = 16;

/**
 * Throws Broken where a column's buffers are shorter than its rows need. The library takes their lengths from the file as they
 * stand there, and what lies beyond a buffer would be read as no value at all.
 */
export function requireWhole(arrow: Arrow, data: Data): void {
  const { DataType: Is } = arrow;
  const { length, nullBitmap, type } = data;
  if (length < 0) throw new Broken('a column has a length below zero');
  if (Is.isNull(type)) return;
  if (nullBitmap && nullBitmap.length > 0 && nullBitmap.length * 8 < length) throw tooShort();
  if (length > 0) requireOwn(arrow, data);
  for (const child of data.children) requireWhole(arrow, child);
  for (const part of data.dictionary?.data ?? []) requireWhole(arrow, part);
}

function requireOwn(arrow: Arrow, data: Data): void {
  const { DataType: Is } = arrow;
  const { length, type, values, valueOffsets, typeIds, children } = data;
  const needs = (found: number | undefined, wanted: number) => {
    if ((found ?? 0) < wanted) throw tooShort();
  };
  if (Is.isStruct(type)) for (const child of children) needs(child.length, length);
  else if (Is.isFixedSizeList(type)) needs(children[0]?.length, length * type.listSize);
  else if (Is.isUnion(type)) {
    needs(typeIds?.length, length);
    if (Is.isDenseUnion(type)) needs(valueOffsets?.length, length);
    else for (const child of children) needs(child.length, length);
  } else if (hasOffsets(arrow, type)) {
    needs(valueOffsets?.length, length + 1);
    if (children[0]) requireOffsets(valueOffsets, length, children[0].length);
  } else needs(values?.length, widthOf(arrow, type, length));
}

/** Items of the values' array that so many rows take. */
function widthOf(arrow: Arrow, type: ArrowType, length: number): number {
  const { DataType: Is } = arrow;
  if (Is.isBool(type)) return Math.ceil(length / 8);
  if (Is.isDecimal(type)) return (type.bitWidth / 32) * length;
  if (Is.isUtf8View(type) || Is.isBinaryView(type)) return VIEW * length;
  if (Is.isFixedSizeBinary(type)) return type.byteWidth * length;
  if (Is.isInterval(type)) return (type.unit === arrow.IntervalUnit.MONTH_DAY_NANO ? 4 : 1 + type.unit) * length;
  return length;
}

function hasOffsets(arrow: Arrow, type: ArrowType): boolean {
  const { DataType: Is } = arrow;
  const bytes = Is.isUtf8(type) || Is.isLargeUtf8(type) || Is.isBinary(type) || Is.isLargeBinary(type);
  return bytes || Is.isList(type) || Is.isLargeList(type) || Is.isMap(type);
}

/** A list that reaches back would give few items to many rows. */
function requireOffsets(offsets: ArrayLike<number | bigint>, length: number, items: number): void {
  for (let row = 0; row < length; row++) {
    const from = offsets[row] as number | bigint;
    const to = offsets[row + 1] as number | bigint;
    if (from > to || from < 0 || to > items) throw new Broken('a list lies outside of its items');
  }
}

function tooShort(): Broken {
  return new Broken('a column is shorter than its batch');
}
