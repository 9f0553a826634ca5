import { varint } from '../../columnar/thrift.ts';
import { type Read, type ReadStruct, readThrift } from '../../columnar/thrift-read.ts';

/** Numbers of parquet.thrift: https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift */
const META = { schema: 2, rows: 3, groups: 4, orders: 7, encryption: 8 };
const ELEMENT = { type: 1, name: 4, children: 5, converted: 6, scale: 7, logical: 10 };
const GROUP = { columns: 1, rows: 3 };
const CHUNK = { meta: 3 };
const COLUMN = { path: 3, statistics: 12 };
const STATISTICS = { max: 1, min: 2, nulls: 3, highest: 5, lowest: 6 };
const TYPE_ORDER = 1;
const STRUCT = 12;

/** What a file says of a column that is no part of another. */
export interface Leaf {
  name: string;
  physical: number;
  converted: number | null;
  /** The one field that LogicalType has, and what it holds. */
  logical: { kind: number; fields: ReadStruct } | null;
  scale: number;
}

/** What a row group says of a column's values; null: nothing that counts. */
export interface Bounds {
  lowest: Buffer | null;
  highest: Buffer | null;
  nulls: number | null;
}

export interface Group {
  rows: number;
  /** Bounds by the column's name. */
  bounds: ReadonlyMap<string, Bounds>;
}

export interface Footer {
  leaves: ReadonlyMap<string, Leaf>;
  groups: readonly Group[];
  /** The footer with only these groups, by their index; never longer than the whole one. */
  only(kept: readonly number[]): Buffer;
}

/** Reads a footer's bytes. Throws a RangeError where they are none, or signed. */
export function readFooter(bytes: Buffer): Footer {
  const { struct } = readThrift(bytes, 0);
  // Its signature would no longer be right.
  if (struct.has(META.encryption)) throw new RangeError('the file is encrypted');
  const leaves = readLeaves(listOf(struct, META.schema));
  const ordered = orderedColumns(listOf(struct, META.orders));
  const items = listOf(struct, META.groups);
  const groups = items.map(({ value }) => readGroup(value as ReadStruct, leaves, ordered));
  return {
    leaves: new Map(leaves.flatMap((leaf) => (leaf ? [[leaf.name, leaf]] : []))),
    groups,
    only: (kept) => spliced(bytes, struct, items, groups, kept),
  };
}

/** The leaves in the order of a group's columns; null for a part of a nested column. */
function readLeaves(elements: readonly Read[]): (Leaf | null)[] {
  const leaves: (Leaf | null)[] = [];
  /** Children that are still to come at each level, the root's first. */
  const open: number[] = [];
  for (const { value } of elements) {
    const element = value as ReadStruct;
    while (open.at(-1) === 0) open.pop();
    const depth = open.length;
    if (depth > 0) open[depth - 1] = (open[depth - 1] ?? 0) - 1;
    const children = numberOf(element, ELEMENT.children) ?? 0;
    if (children > 0) open.push(children);
    else if (depth > 0) leaves.push(depth === 1 ? leafOf(element) : null);
  }
  return leaves;
}

function leafOf(element: ReadStruct): Leaf {
  const logical = element.get(ELEMENT.logical)?.value;
  const [entry] = logical instanceof Map ? [...logical] : [];
  const fields = entry?.[1].value;
  return {
    name: bytesOf(element, ELEMENT.name)?.toString() ?? '',
    physical: numberOf(element, ELEMENT.type) ?? -1,
    converted: numberOf(element, ELEMENT.converted),
    logical: entry && fields instanceof Map ? { kind: entry[0], fields } : null,
    scale: numberOf(element, ELEMENT.scale) ?? 0,
  };
}

/** Which columns' `min_value` and `max_value` are by the order of their type: without that they mean nothing. */
function orderedColumns(orders: readonly Read[]): boolean[] {
  return orders.map(({ value }) => value instanceof Map && value.has(TYPE_ORDER));
}

function readGroup(group: ReadStruct, leaves: readonly (Leaf | null)[], ordered: readonly boolean[]): Group {
  const bounds = new Map<string, Bounds>();
  for (const [i, { value }] of listOf(group, GROUP.columns).entries()) {
    const leaf = leaves[i];
    const meta = (value as ReadStruct).get(CHUNK.meta)?.value;
    if (!leaf || !(meta instanceof Map)) continue;
    const path = listOf(meta, COLUMN.path);
    if (path.length !== 1 || String(path[0]?.value) !== leaf.name) continue;
    const statistics = meta.get(COLUMN.statistics)?.value;
    if (statistics instanceof Map) bounds.set(leaf.name, boundsOf(statistics, leaf, ordered[i] === true));
  }
  return { rows: numberOf(group, GROUP.rows) ?? 0, bounds };
}

/**
 * `min` and `max`, of older writers, are by signed bytes: they are right for numbers with a sign alone, and texts are taken from
 * `min_value` and `max_value` or not at all. Either may be cut, and bounds the values still.
 */
function boundsOf(statistics: ReadStruct, leaf: Leaf, ordered: boolean): Bounds {
  const nulls = numberOf(statistics, STATISTICS.nulls);
  const [lowest, highest] = [bytesOf(statistics, STATISTICS.lowest), bytesOf(statistics, STATISTICS.highest)];
  if (ordered && lowest && highest) return { lowest, highest, nulls };
  if (leaf.physical !== INT32 && leaf.physical !== INT64) return { lowest: null, highest: null, nulls };
  return { lowest: bytesOf(statistics, STATISTICS.min), highest: bytesOf(statistics, STATISTICS.max), nulls };
}

export const INT32 = 1;
export const INT64 = 2;
export const BYTE_ARRAY = 6;

function spliced(
  bytes: Buffer,
  meta: ReadStruct,
  items: readonly Read[],
  groups: readonly Group[],
  kept: readonly number[],
): Buffer {
  const rows = meta.get(META.rows);
  const list = meta.get(META.groups);
  if (!rows || !list || rows.from > list.from) throw new RangeError('the fields do not stand in their order');
  const count: number[] = [];
  varint(count, 2 * kept.reduce((sum, i) => sum + (groups[i]?.rows ?? 0), 0));
  const head = kept.length < 15 ? [(kept.length << 4) | STRUCT] : [0xf0 | STRUCT];
  if (kept.length >= 15) varint(head, kept.length);
  return Buffer.concat([
    bytes.subarray(0, rows.from),
    Buffer.from(count),
    bytes.subarray(rows.to, list.from),
    Buffer.from(head),
    ...kept.flatMap((i) => (items[i] ? [bytes.subarray(items[i].from, items[i].to)] : [])),
    bytes.subarray(list.to),
  ]);
}

function listOf(struct: ReadStruct, id: number): Read[] {
  const value = struct.get(id)?.value;
  return Array.isArray(value) ? value : [];
}

function numberOf(struct: ReadStruct, id: number): number | null {
  const value = struct.get(id)?.value;
  return typeof value === 'number' ? value : null;
}

function bytesOf(struct: ReadStruct, id: number): Buffer | null {
  const value = struct.get(id)?.value;
  return Buffer.isBuffer(value) ? value : null;
}
