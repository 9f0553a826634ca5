import type { DataType } from '../../model/type.ts';
import { Broken } from './faults.ts';

/** A type of a schema, its names resolved. */
export type Node =
  | { kind: 'null' | 'boolean' | 'int' | 'long' | 'float' | 'double' | 'bytes' | 'string'; logical: Logical | null }
  | { kind: 'fixed'; size: number; logical: Logical | null }
  | { kind: 'enum'; symbols: readonly string[] }
  | { kind: 'array' | 'map'; items: Node }
  | { kind: 'record'; fields: { name: string; node: Node }[] }
  | { kind: 'union'; branches: Node[] };

/** A logical type that fits the type below it; others are left out, as the specification says. */
export type Logical =
  | { name: 'decimal'; precision: number; scale: number }
  | { name: 'date' | 'uuid' }
  | { name: 'time'; digits: 3 | 6 }
  | { name: 'timestamp' | 'local-timestamp'; digits: 3 | 6 | 9 };

const PRIMITIVES: ReadonlySet<string> = new Set([
  'null',
  'boolean',
  'int',
  'long',
  'float',
  'double',
  'bytes',
  'string',
]);
const DIGITS: Readonly<Record<string, 3 | 6 | 9>> = { millis: 3, micros: 6, nanos: 9 };
const DEEPEST = 200;
/** Digits of the widest decimal; as bytes a longer one would say nothing, as text it keeps them all. */
export const MOST_DIGITS = 38;

interface Scope {
  names: Map<string, Node>;
  space: string;
  depth: number;
}

/** Reads the schema of a file. Throws `Broken` for what is no schema. */
export function parseSchema(json: unknown): Node {
  return parse(json, { names: new Map(), space: '', depth: 0 });
}

function parse(json: unknown, scope: Scope): Node {
  if (scope.depth > DEEPEST) throw new Broken(`its schema is nested deeper than ${DEEPEST} levels`);
  const inner = { ...scope, depth: scope.depth + 1 };
  if (Array.isArray(json)) return { kind: 'union', branches: json.map((branch) => parse(branch, inner)) };
  if (typeof json === 'string') return named(json, scope);
  if (!isObject(json)) throw new Broken('its schema holds something that is no type');
  const { type } = json;
  if (typeof type !== 'string') return parse(type, inner);
  switch (type) {
    case 'record':
    case 'error':
      return record(json, inner);
    case 'enum':
      return enter(json, inner, { kind: 'enum', symbols: list(json.symbols).map(String) });
    case 'fixed': {
      const size = Number(json.size);
      if (!Number.isSafeInteger(size) || size < 0) throw new Broken('a fixed type of its schema has no size');
      return enter(json, inner, { kind: 'fixed', size, logical: logicalOf(json, 'fixed', size) });
    }
    case 'array':
    case 'map':
      return { kind: type, items: parse(type === 'array' ? json.items : json.values, inner) };
    default: {
      const found = named(type, scope);
      return 'logical' in found && found.kind !== 'fixed'
        ? { ...found, logical: logicalOf(json, found.kind, 0) }
        : found;
    }
  }
}

function record(json: Record<string, unknown>, scope: Scope): Node {
  const node: Node & { kind: 'record' } = { kind: 'record', fields: [] };
  enter(json, scope, node);
  const space = fullName(json, scope).split('.').slice(0, -1).join('.');
  for (const field of list(json.fields)) {
    if (!isObject(field) || typeof field.name !== 'string') throw new Broken('a field of its schema has no name');
    node.fields.push({ name: field.name, node: parse(field.type, { ...scope, space }) });
  }
  return node;
}

function named(name: string, scope: Scope): Node {
  if (PRIMITIVES.has(name)) return { kind: name, logical: null } as Node;
  const found = scope.names.get(name.includes('.') || scope.space === '' ? name : `${scope.space}.${name}`);
  const node = found ?? scope.names.get(name);
  if (!node) throw new Broken(`its schema names a type that it does not have: ${name.slice(0, 100)}`);
  return node;
}

function fullName(json: Record<string, unknown>, scope: Scope): string {
  const name = String(json.name ?? '');
  if (name.includes('.')) return name;
  const space = typeof json.namespace === 'string' ? json.namespace : scope.space;
  return space === '' ? name : `${space}.${name}`;
}

function enter(json: Record<string, unknown>, scope: Scope, node: Node): Node {
  scope.names.set(fullName(json, scope), node);
  return node;
}

function logicalOf(json: Record<string, unknown>, kind: string, size: number): Logical | null {
  const name = String(json.logicalType ?? '');
  if (name === 'decimal' && (kind === 'bytes' || kind === 'fixed')) {
    const precision = Number(json.precision);
    const scale = Number(json.scale ?? 0);
    return precision >= 1 && scale >= 0 && scale <= precision ? { name, precision, scale } : null;
  }
  if (name === 'date' && kind === 'int') return { name };
  if (name === 'uuid' && (kind === 'string' || (kind === 'fixed' && size === 16))) return { name };
  const clock = /^(time|timestamp|local-timestamp)-(millis|micros|nanos)$/.exec(name);
  const digits = DIGITS[clock?.[2] ?? ''];
  if (!clock || !digits) return null;
  if (clock[1] === 'time') {
    if (digits === 3) return kind === 'int' ? { name: 'time', digits } : null;
    return digits === 6 && kind === 'long' ? { name: 'time', digits } : null;
  }
  return kind === 'long' ? { name: clock[1] as 'timestamp' | 'local-timestamp', digits } : null;
}

/** The one branch of a union beside null; the node itself where it is no such union. */
export function valueNode(node: Node): Node {
  if (node.kind !== 'union') return node;
  const [only, ...others] = node.branches.filter(({ kind }) => kind !== 'null');
  return only && others.length === 0 ? only : node;
}

/** The type of a column of this node. */
export function columnType(node: Node): DataType {
  const value = valueNode(node);
  switch (value.kind) {
    case 'boolean':
      return { kind: 'boolean' };
    case 'null':
    case 'enum':
      return { kind: 'text' };
    case 'array':
    case 'map':
    case 'record':
    case 'union':
      return { kind: 'json' };
    default:
      return value.logical ? logicalType(value.logical) : plainType(value.kind);
  }
}

function logicalType(logical: Logical): DataType {
  switch (logical.name) {
    case 'decimal':
      return logical.precision > MOST_DIGITS
        ? { kind: 'text' }
        : { kind: 'decimal', precision: logical.precision, scale: logical.scale };
    case 'timestamp':
      return { kind: 'timestamptz' };
    case 'local-timestamp':
      return { kind: 'timestamp' };
    default:
      return { kind: logical.name };
  }
}

function plainType(kind: 'int' | 'long' | 'float' | 'double' | 'bytes' | 'string' | 'fixed'): DataType {
  switch (kind) {
    case 'int':
      return { kind: 'int' };
    case 'long':
      return { kind: 'bigint' };
    case 'float':
    case 'double':
      return { kind: 'double' };
    case 'string':
      return { kind: 'text' };
    default:
      return { kind: 'binary' };
  }
}

function list(value: unknown): unknown[] {
  if (!Array.isArray(value)) throw new Broken('its schema lacks a list of fields or symbols');
  return value;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
