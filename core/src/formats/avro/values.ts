import type { Bytes } from './bytes.ts';
import { Broken } from './faults.ts';
import { type Logical, type Node, valueNode } from './schema.ts';

const DEEPEST = 200;
/** Items of an array that may take no bytes: else a few bytes could stand for any number of them. */
const MOST_ITEMS = 16 * 1024 * 1024;
const DAY_MS = 86_400_000;
export const UUID = /^[0-9a-f]{8}(-?)[0-9a-f]{4}\1[0-9a-f]{4}\1[0-9a-f]{4}\1[0-9a-f]{12}$/i;

/** Reads a value as the text that the engine casts to the column's type; null is NULL. */
export function readText(bytes: Bytes, node: Node): string | null {
  if (node.kind === 'union') {
    const branch = branchOf(bytes, node);
    if (branch.kind === 'null') return null;
    return valueNode(node) === node ? readJson(bytes, branch, 0) : readText(bytes, branch);
  }
  if (node.kind === 'null') return null;
  return isNested(node) ? readJson(bytes, node, 0) : readScalar(bytes, node);
}

type Nested = Extract<Node, { kind: 'array' | 'map' | 'record' | 'union' }>;

function isNested(node: Node): node is Nested {
  return node.kind === 'array' || node.kind === 'map' || node.kind === 'record' || node.kind === 'union';
}

function branchOf(bytes: Bytes, node: Extract<Node, { kind: 'union' }>): Node {
  const branch = node.branches[bytes.count()];
  if (!branch) throw new Broken('a value is of a branch that its union does not have');
  return branch;
}

function readScalar(bytes: Bytes, node: Exclude<Node, Nested>): string {
  switch (node.kind) {
    case 'null':
      return 'null';
    case 'boolean':
      return bytes.byte() === 0 ? 'false' : 'true';
    case 'int':
    case 'long':
      return node.logical ? clock(bytes, node.logical) : bytes.integer();
    case 'float':
      return float(bytes.take(4).readFloatLE());
    case 'double':
      return float(bytes.take(8).readDoubleLE());
    case 'string':
      return node.logical?.name === 'uuid' ? uuid(bytes.text()) : bytes.text();
    case 'enum': {
      const symbol = node.symbols[bytes.count()];
      if (symbol === undefined) throw new Broken('a value is none of its enum');
      return symbol;
    }
    case 'bytes':
      return binary(bytes.block(), node.logical);
    case 'fixed':
      return binary(bytes.take(node.size), node.logical);
  }
}

function uuid(text: string): string {
  if (!UUID.test(text)) throw new Broken('a value is no uuid');
  return text;
}

function float(value: number): string {
  return Object.is(value, -0) ? '-0.0' : String(value);
}

function binary(value: Buffer, logical: Logical | null): string {
  const hex = value.toString('hex');
  if (logical?.name === 'uuid') return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
  if (logical?.name !== 'decimal') return hex;
  const whole = hex === '' ? 0n : BigInt.asIntN(value.length * 8, BigInt(`0x${hex}`));
  const digits = (whole < 0n ? -whole : whole).toString().padStart(logical.scale + 1, '0');
  if (digits.length > Math.max(logical.precision, logical.scale + 1)) {
    throw new Broken(`a decimal has more than ${logical.precision} digits`);
  }
  const point = digits.length - logical.scale;
  const fraction = logical.scale > 0 ? `.${digits.slice(point)}` : '';
  return `${whole < 0n ? '-' : ''}${digits.slice(0, point)}${fraction}`;
}

function clock(bytes: Bytes, logical: Logical): string {
  const value = bytes.long();
  switch (logical.name) {
    case 'date':
      return instant(value * BigInt(DAY_MS), 3).slice(0, -'T00:00:00.000'.length);
    case 'time': {
      const micros = logical.digits === 3 ? value * 1000n : value;
      if (micros < 0n || micros >= BigInt(DAY_MS) * 1000n) throw new Broken('a time is beyond the day');
      return instant(micros, 6).slice('1970-01-01T'.length);
    }
    case 'timestamp':
      return `${instant(value, logical.digits)}Z`;
    case 'local-timestamp':
      return instant(value, logical.digits);
    default:
      return value.toString();
  }
}

/** A count of fractions of a second since 1970 in ISO 8601, to the microsecond. */
function instant(count: bigint, digits: 3 | 6 | 9): string {
  const unit = 10n ** BigInt(digits);
  const second = (count - (((count % unit) + unit) % unit)) / unit;
  const fraction = (count - second * unit).toString().padStart(digits, '0');
  if (digits === 9 && !fraction.endsWith('000')) throw new Broken('a timestamp has digits beyond the microsecond');
  const date = new Date(Number(second) * 1000);
  if (Number.isNaN(date.getTime()) || date.getUTCFullYear() < 1 || date.getUTCFullYear() > 9999) {
    throw new Broken('a date is beyond the years 1 to 9999');
  }
  return `${date.toISOString().slice(0, -5)}.${fraction.slice(0, 6)}`;
}

/** Numbers of JSON have no quotes, and floats that are none have. */
function readJson(bytes: Bytes, node: Node, depth: number): string {
  if (depth > DEEPEST) throw new Broken(`a value is nested deeper than ${DEEPEST} levels`);
  switch (node.kind) {
    case 'union':
      return readJson(bytes, branchOf(bytes, node), depth + 1);
    case 'record':
      return `{${node.fields.map((field) => `${JSON.stringify(field.name)}:${readJson(bytes, field.node, depth + 1)}`).join(',')}}`;
    case 'array':
      return `[${items(bytes, () => readJson(bytes, node.items, depth + 1)).join(',')}]`;
    case 'map':
      return `{${items(bytes, () => `${JSON.stringify(bytes.text())}:${readJson(bytes, node.items, depth + 1)}`).join(',')}}`;
    default: {
      const text = readScalar(bytes, node);
      return isBare(node, text) ? text : JSON.stringify(text);
    }
  }
}

function isBare(node: Exclude<Node, Nested>, text: string): boolean {
  if (node.kind === 'null' || node.kind === 'boolean') return true;
  if (node.kind === 'enum' || node.kind === 'string') return false;
  if (node.logical) return node.logical.name === 'decimal';
  return node.kind !== 'bytes' && node.kind !== 'fixed' && !/[a-zN]{3}/.test(text);
}

/** Arrays and maps come in blocks; a negative count has the block's size behind it. */
function items(bytes: Bytes, read: () => string): string[] {
  const found: string[] = [];
  for (;;) {
    const count = bytes.count();
    if (count === 0) return found;
    if (count < 0) bytes.count();
    if (Math.abs(count) + found.length > MOST_ITEMS) throw new Broken(`a list has more than ${MOST_ITEMS} items`);
    for (let i = 0; i < Math.abs(count); i++) found.push(read());
  }
}
