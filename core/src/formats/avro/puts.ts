import type { ColumnBuffer } from '../../columnar/column.ts';
import type { Bytes } from './bytes.ts';
import { Broken } from './faults.ts';
import { columnType, type Logical, MOST_DIGITS, type Node, valueNode } from './schema.ts';
import { readText, UUID } from './values.ts';

/** Reads a value and puts it into its column. Throws `Broken`. */
export type Put = (bytes: Bytes, column: ColumnBuffer) => void;

const HALF = 0x1_0000_0000;
const SECOND = 1_000_000;
const DAY_MICROS = 86_400 * SECOND;
/** The years 1 to 9999 in days and in milliseconds since 1970, the last of which is the first beyond. */
const DAYS = { from: -719_162, to: 2_932_897 };
const MILLIS = { from: DAYS.from * 86_400_000, to: DAYS.to * 86_400_000 };
const MICROS = { from: BigInt(MILLIS.from) * 1000n, to: BigInt(MILLIS.to) * 1000n };
/** Beyond what a double holds exactly: halves of a number are put together only below it. */
const EXACT_HIGH = 2 ** 21;

/** How the values of a node get into a column of `columnType(node)`. */
export function putOf(node: Node): Put {
  if (node.kind === 'union') {
    const json = valueNode(node) === node;
    const branches = node.branches.map((branch) => (json && branch.kind !== 'null' ? null : putOf(branch)));
    return (bytes, column) => {
      const start = bytes.at;
      const put = branches[bytes.count()];
      if (put) return put(bytes, column);
      bytes.at = start;
      text(bytes, column, node);
    };
  }
  switch (node.kind) {
    case 'null':
      return (_, column) => column.none();
    case 'boolean':
      return (bytes, column) => column.boolean(bytes.byte() !== 0);
    case 'int':
    case 'long':
      return node.logical ? clock(node.logical) : node.kind === 'int' ? int : long;
    case 'float':
      return (bytes, column) => column.double(bytes.view.getFloat32(bytes.skip(4), true));
    case 'double':
      return (bytes, column) => column.double(bytes.view.getFloat64(bytes.skip(8), true));
    case 'string':
      return node.logical?.name === 'uuid' ? uuid : string;
    case 'enum':
      return symbols(node.symbols);
    case 'bytes':
      return node.logical ? binary(node, node.logical, null) : (bytes, column) => raw(bytes, column, bytes.count());
    case 'fixed': {
      const { size, logical } = node;
      return logical ? binary(node, logical, size) : (bytes, column) => raw(bytes, column, size);
    }
    default:
      return (bytes, column) => text(bytes, column, node);
  }
}

function text(bytes: Bytes, column: ColumnBuffer, node: Node): void {
  const value = readText(bytes, node);
  if (value === null) column.none();
  else column.text(value);
}

function raw(bytes: Bytes, column: ColumnBuffer, length: number): void {
  const from = bytes.skip(length);
  column.bytes(bytes.view, from, bytes.at);
}

const string: Put = (bytes, column) => {
  const from = bytes.string();
  column.bytes(bytes.view, from, bytes.at);
};

const int: Put = (bytes, column) => column.int32(int32(bytes));

const long: Put = (bytes, column) => {
  bytes.wide();
  column.int64(bytes.high, bytes.low);
};

function int32(bytes: Bytes): number {
  bytes.wide();
  if (bytes.high !== bytes.low >> 31) throw new Broken('an int has more than 32 bits');
  return bytes.low;
}

const uuid: Put = (bytes, column) => {
  const written = bytes.text();
  if (!UUID.test(written)) throw new Broken('a value is no uuid');
  const value = Buffer.from(written.replaceAll('-', ''), 'hex');
  column.fixed16(new DataView(value.buffer, value.byteOffset, value.length), 0);
};

function symbols(words: readonly string[]): Put {
  return (bytes, column) => {
    const word = words[bytes.count()];
    if (word === undefined) throw new Broken('a value is none of its enum');
    column.text(word);
  };
}

function clock(logical: Logical): Put {
  switch (logical.name) {
    case 'date':
      return date;
    case 'time':
      return time(logical.digits === 3 ? 1000 : 1);
    case 'timestamp':
    case 'local-timestamp':
      return logical.digits === 3 ? millis : logical.digits === 6 ? micros : nanos;
    default:
      throw new Error(`${logical.name} is no whole number`);
  }
}

const date: Put = (bytes, column) => {
  const days = int32(bytes);
  if (days < DAYS.from || days >= DAYS.to) throw beyondYears();
  column.int32(days);
};

function time(unit: number): Put {
  return (bytes, column) => {
    bytes.wide();
    const value = (bytes.high * HALF + (bytes.low >>> 0)) * unit;
    if (value < 0 || value >= DAY_MICROS) throw new Broken('a time is beyond the day');
    column.whole(value);
  };
}

const millis: Put = (bytes, column) => {
  bytes.wide();
  const value = bytes.high * HALF + (bytes.low >>> 0);
  if (value < MILLIS.from || value >= MILLIS.to) throw beyondYears();
  const seconds = Math.floor(value / 1000);
  column.micros(seconds, (value - seconds * 1000) * 1000);
};

const micros: Put = (bytes, column) => {
  bytes.wide();
  const { high, low } = bytes;
  // Where a double holds it, it is long within the years.
  if (high < -EXACT_HIGH || high >= EXACT_HIGH) {
    const value = (BigInt(high) << 32n) | BigInt(low >>> 0);
    if (value < MICROS.from || value >= MICROS.to) throw beyondYears();
  }
  column.int64(high, low);
};

const nanos: Put = (bytes, column) => {
  const value = bytes.long();
  if (value % 1000n !== 0n) throw new Broken('a timestamp has digits beyond the microsecond');
  column.big(value / 1000n);
};

function beyondYears(): Broken {
  return new Broken('a date is beyond the years 1 to 9999');
}

/** `size`: bytes of each value; null: a length stands before them. */
function binary(node: Node, logical: Logical, size: number | null): Put {
  if (logical.name === 'uuid') return (bytes, column) => column.fixed16(bytes.view, bytes.skip(16));
  if (logical.name !== 'decimal') throw new Error(`${logical.name} is no type of bytes`);
  if (columnType(node).kind !== 'decimal') return (bytes, column) => text(bytes, column, node);
  const { precision } = logical;
  const wide = precision > 18;
  const most = 10n ** BigInt(Math.min(precision, MOST_DIGITS));
  const small = precision < 16 ? 10 ** precision : Number.MAX_SAFE_INTEGER;
  return (bytes, column) => {
    const length = size ?? bytes.count();
    const from = bytes.skip(length);
    if (length <= 6) {
      const value = length === 0 ? 0 : bytes.buffer.readIntBE(from, length);
      if (value >= small || value <= -small) throw tooWide(precision);
      if (wide) column.whole128(value);
      else column.whole(value);
      return;
    }
    const hex = bytes.buffer.toString('hex', from, bytes.at);
    const value = BigInt.asIntN(length * 8, BigInt(`0x${hex}`));
    if (value >= most || value <= -most) throw tooWide(precision);
    if (wide) column.big128(value);
    else column.big(value);
  };
}

function tooWide(precision: number): Broken {
  return new Broken(`a decimal has more than ${precision} digits`);
}
