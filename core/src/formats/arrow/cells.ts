import type { DataType as ArrowType, Data, Field, Union } from 'apache-arrow';
import type { DataType } from '../../model/type.ts';
import type { Arrow } from './batches.ts';
import { Broken } from './faults.ts';
import { scalarText } from './scalars.ts';

/** A value by its row as a text that the engine casts, null where there is none. */
export type Cell = (row: number) => string | null;

/** How a value stands inside of a list or a struct: as the engine writes them, or as JSON. */
type Inside = 'engine' | 'json';

/** Reads a column of a batch; `type` is what `columnsOf` made of its field. Values are read when they are asked for. */
export function cellsOf(arrow: Arrow, data: Data, type: DataType): Cell {
  const { DataType: Is } = arrow;
  if (Is.isDictionary(data.type)) return dictionaryCells(data, (part) => cellsOf(arrow, part, type));
  if (Is.isNull(data.type)) return () => null;
  if (!hasChildren(arrow, data.type)) return orNull(data, scalarText(arrow, data, type.kind === 'uuid'));
  return orNull(data, nestedText(arrow, data, type, type.kind === 'json' ? 'json' : 'engine'));
}

function hasChildren(arrow: Arrow, type: ArrowType): boolean {
  const { DataType: Is } = arrow;
  return isList(arrow, type) || Is.isStruct(type) || Is.isMap(type) || Is.isUnion(type);
}

function isList(arrow: Arrow, type: ArrowType): boolean {
  const { DataType: Is } = arrow;
  return Is.isList(type) || Is.isLargeList(type) || Is.isFixedSizeList(type);
}

/** Unions have no nulls of their own. */
function orNull(data: Data, text: (row: number) => string | null): Cell {
  const { nullBitmap } = data;
  if (!nullBitmap || nullBitmap.length === 0 || data.nullCount === 0) return text;
  return (row) => ((nullBitmap[row >> 3] ?? 0) & (1 << (row & 7)) ? text(row) : null);
}

/** Values of a dictionary are kept as texts, because many rows have each of them. */
function dictionaryCells(data: Data, read: (part: Data) => Cell): Cell {
  const parts = data.dictionary?.data ?? [];
  const cells = parts.map(read);
  const texts: (string | null | undefined)[] = [];
  const find = (index: number): string | null => {
    let rest = index;
    for (const [i, part] of parts.entries()) {
      if (rest < part.length) return cells[i]?.(rest) ?? null;
      rest -= part.length;
    }
    throw new Broken('a value is beyond its dictionary');
  };
  return orNull(data, (row) => {
    const index = Number(data.values[row]);
    let text = texts[index];
    if (text === undefined) {
      text = find(index);
      texts[index] = text;
    }
    return text;
  });
}

function nestedText(arrow: Arrow, data: Data, type: DataType, inside: Inside): (row: number) => string | null {
  const { DataType: Is } = arrow;
  if (Is.isMap(data.type)) return mapText(arrow, data);
  if (Is.isUnion(data.type)) return unionText(arrow, data);
  if (Is.isStruct(data.type)) return structText(arrow, data, type, inside);
  const [child] = data.children;
  if (!child) throw new Broken('a list has no items');
  const item = elementOf(arrow, child, type.kind === 'list' ? type.item : null, inside);
  const range = rangeOf(arrow, data);
  return (row) => {
    const [from, to] = range(row);
    const items: string[] = [];
    for (let i = from; i < to; i++) items.push(item(i));
    return `[${items.join(',')}]`;
  };
}

function rangeOf(arrow: Arrow, data: Data): (row: number) => [number, number] {
  const { DataType: Is } = arrow;
  const { valueOffsets, type } = data;
  if (Is.isFixedSizeList(type)) return (row) => [row * type.listSize, (row + 1) * type.listSize];
  return (row) => [Number(valueOffsets[row]), Number(valueOffsets[row + 1])];
}

function structText(arrow: Arrow, data: Data, type: DataType, inside: Inside): (row: number) => string {
  const own = data.type.children as Field[];
  const fields = data.children.map((child, i) => ({
    name: inside === 'json' ? JSON.stringify(own[i]?.name) : quoted(own[i]?.name ?? ''),
    read: elementOf(arrow, child, type.kind === 'struct' ? (type.fields[i]?.type ?? null) : null, inside),
  }));
  return (row) => `{${fields.map(({ name, read }) => `${name}:${read(row)}`).join(',')}}`;
}

/** JSON has texts for names: other keys become them. */
function mapText(arrow: Arrow, data: Data): (row: number) => string {
  const [entries] = data.children;
  const [keys, values] = entries?.children ?? [];
  if (!keys || !values) throw new Broken('a map has no entries');
  const name = elementOf(arrow, keys, null, 'json');
  const value = elementOf(arrow, values, null, 'json');
  const range = rangeOf(arrow, data);
  return (row) => {
    const [from, to] = range(row);
    const items: string[] = [];
    for (let i = from; i < to; i++) {
      const text = name(i);
      items.push(`${text.startsWith('"') ? text : JSON.stringify(text)}:${value(i)}`);
    }
    return `{${items.join(',')}}`;
  };
}

function unionText(arrow: Arrow, data: Data): (row: number) => string | null {
  const { DataType: Is } = arrow;
  const { type, typeIds, valueOffsets } = data;
  const ids = Array.from((type as Union).typeIds);
  const branches = data.children.map((child) => elementOf(arrow, child, null, 'json'));
  const dense = Is.isDenseUnion(type);
  return (row) => {
    const branch = branches[ids.indexOf(Number(typeIds[row]))];
    if (!branch) throw new Broken('a value is of a branch that its union does not have');
    const text = branch(dense ? Number(valueOffsets[row]) : row);
    return text === 'null' ? null : text;
  };
}

/** A value inside of another. `type` null: by its own type, as JSON. */
function elementOf(arrow: Arrow, data: Data, type: DataType | null, inside: Inside): (row: number) => string {
  const { DataType: Is } = arrow;
  const none = inside === 'json' ? 'null' : 'NULL';
  const own = Is.isDictionary(data.type) ? data.type.dictionary : data.type;
  const json = type === null || type.kind === 'json' || inside === 'json';
  if (hasChildren(arrow, own) && !Is.isDictionary(data.type)) {
    const nested = orNull(data, nestedText(arrow, data, type ?? { kind: 'json' }, json ? 'json' : 'engine'));
    // JSON inside of the engine's own form is a text.
    const shown = json && inside === 'engine' ? quoted : (text: string) => text;
    return (row) => {
      const text = nested(row);
      return text === null ? none : shown(text);
    };
  }
  const cell = cellsOf(arrow, data, type ?? { kind: 'text' });
  const bare = Is.isBool(own) || Is.isInt(own) || Is.isDecimal(own);
  const quote = inside === 'json' ? JSON.stringify : quoted;
  const float = Is.isFloat(own);
  // The engine reads bytes inside of its own form from escapes.
  const bytes = inside === 'engine' && type?.kind === 'binary';
  return (row) => {
    const text = cell(row);
    if (text === null) return none;
    return bare || (float && !/[A-Za-z]{3}/.test(text)) ? text : quote(bytes ? text.replace(/../g, '\\x$&') : text);
  };
}

function quoted(text: string): string {
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
}
