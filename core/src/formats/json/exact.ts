/**
 * Whether the engine's own JSON reader keeps every value of some records as it is written. It takes numbers through double,
 * leaves fields out that no column has, writes nested values anew, and takes `NaN` and a comma before a bracket for JSON. All
 * else that is no JSON by the standard ends its query with an error, so it is not looked for here.
 */

/** How the engine is asked for a column. */
export type Kind =
  /** As text: numbers in the form that it writes them in. */
  | { as: 'text' }
  /** As a decimal with so many digits behind the point, which every number of the column has. */
  | { as: 'fixed'; scale: number }
  /** As JSON, without white space and escapes. */
  | { as: 'json' };

export interface ExactColumn {
  name: string;
  kind: Kind;
}

const QUOTE = 34;
const COMMA = 44;
const MINUS = 45;
const DOT = 46;
const ZERO = 48;
const NINE = 57;
const COLON = 58;
const OPEN_LIST = 91;
const BACKSLASH = 92;
const CLOSE_LIST = 93;
const LOWER_F = 102;
const LOWER_N = 110;
const LOWER_T = 116;
const LOWER_U = 117;
const OPEN_OBJECT = 123;
const CLOSE_OBJECT = 125;

/** Whole numbers of so many digits are 64 bits wide; fractions of so many digits come out of double as they went in. */
const WHOLE_DIGITS = 18;
const FRACTION_DIGITS = 15;
const DEEPEST = 500;

/** The bytes end before the record does. */
const SHORT = -1;
/** The engine would change something, or it is no record. */
const UNLIKE = -2;

export class ExactRecords {
  /** Records that were seen. */
  records = 0;
  readonly #names: readonly Buffer[];
  readonly #places: ReadonlyMap<string, number>;
  /** Digits behind the point of each column; -1: text, -2: JSON. */
  readonly #scales: Int16Array;
  /** The column that a record's nth field was last time. */
  readonly #guess: number[] = [];
  readonly #array: boolean;
  #mode: 'begin' | 'record' | 'behind' | 'end';

  constructor(columns: readonly ExactColumn[], layout: 'array' | 'ndjson') {
    this.#names = columns.map(({ name }) => Buffer.from(name));
    this.#places = new Map(columns.map(({ name }, i) => [Buffer.from(name).toString('latin1'), i]));
    this.#scales = Int16Array.from(columns, ({ kind }) =>
      kind.as === 'fixed' ? kind.scale : kind.as === 'text' ? -1 : -2,
    );
    this.#array = layout === 'array';
    this.#mode = this.#array ? 'begin' : 'record';
  }

  /** Looks at bytes; gives how many are done with, the others are to come again with more behind them. -1: not exact. */
  push(bytes: Buffer, last: boolean): number {
    const end = bytes.length;
    let at = 0;
    for (;;) {
      at = space(bytes, at, end);
      if (at >= end) return last && this.#array && this.#mode !== 'end' && this.#mode !== 'begin' ? -1 : end;
      const next = this.#step(bytes, at, end);
      if (next === SHORT) return last ? -1 : at;
      if (next < 0) return -1;
      at = next;
    }
  }

  #step(bytes: Buffer, at: number, end: number): number {
    const byte = bytes[at] as number;
    switch (this.#mode) {
      case 'begin':
        this.#mode = 'record';
        return byte === OPEN_LIST ? at + 1 : UNLIKE;
      case 'record': {
        if (byte === CLOSE_LIST && this.#array && this.records === 0) return this.#ended(at);
        const next = byte === OPEN_OBJECT ? this.#record(bytes, at + 1, end) : UNLIKE;
        if (next < 0) return next;
        this.records++;
        this.#mode = this.#array ? 'behind' : 'record';
        return next;
      }
      case 'behind':
        if (byte === CLOSE_LIST) return this.#ended(at);
        this.#mode = 'record';
        return byte === COMMA ? at + 1 : UNLIKE;
      case 'end':
        return UNLIKE;
    }
  }

  #ended(at: number): number {
    this.#mode = 'end';
    return at + 1;
  }

  /** Behind the bracket that opens a record; gives the place behind the one that closes it. */
  #record(bytes: Buffer, start: number, end: number): number {
    const scales = this.#scales;
    const guess = this.#guess;
    let at = space(bytes, start, end);
    if (at < end && bytes[at] === CLOSE_OBJECT) return at + 1;
    for (let field = 0; ; field++) {
      if (at >= end) return SHORT;
      if (bytes[at] !== QUOTE) return UNLIKE;
      at++;
      let column = guess[field] ?? -1;
      const name = this.#names[column];
      let to = at;
      if (name !== undefined) {
        to = at + name.length;
        if (to >= end) return SHORT;
        for (let i = 0; i < name.length; i++)
          if (bytes[at + i] !== name[i]) {
            column = -1;
            break;
          }
      }
      if (column < 0 || bytes[to] !== QUOTE) {
        to = bytes.indexOf(QUOTE, at);
        if (to < 0) return SHORT;
        const found = this.#places.get(bytes.toString('latin1', at, to));
        if (found === undefined) return UNLIKE;
        column = found;
        guess[field] = found;
      }
      at = space(bytes, to + 1, end);
      if (at >= end) return SHORT;
      if (bytes[at] !== COLON) return UNLIKE;
      at = space(bytes, at + 1, end);
      at = value(bytes, at, end, scales[column] as number);
      if (at < 0) return at;
      at = space(bytes, at, end);
      if (at >= end) return SHORT;
      const byte = bytes[at];
      if (byte === CLOSE_OBJECT) return at + 1;
      if (byte !== COMMA) return UNLIKE;
      at = space(bytes, at + 1, end);
    }
  }
}

function space(bytes: Buffer, at: number, end: number): number {
  let place = at;
  while (place < end && (bytes[place] as number) <= 32) place++;
  return place;
}

function value(bytes: Buffer, at: number, end: number, scale: number): number {
  if (at >= end) return SHORT;
  const byte = bytes[at] as number;
  if (byte === QUOTE) return scale >= 0 ? UNLIKE : text(bytes, at + 1, end, scale === -2);
  if (byte === OPEN_OBJECT || byte === OPEN_LIST) return scale >= 0 ? UNLIKE : nested(bytes, at, end);
  if (byte === MINUS || (byte >= ZERO && byte <= NINE)) return number(bytes, at, end, scale);
  return scale >= 0 && byte !== LOWER_N ? UNLIKE : word(bytes, at, end);
}

/** `plain`: the engine writes the text anew, so that it may have no escapes. */
function text(bytes: Buffer, start: number, end: number, plain: boolean): number {
  for (let at = start; at < end; at++) {
    const byte = bytes[at];
    if (byte === QUOTE) return at + 1;
    if (byte === BACKSLASH) {
      if (plain) return UNLIKE;
      at++;
    }
  }
  return SHORT;
}

/** `true`, `false` or `null`, whose other letters the engine looks at; what it takes besides them begins with other ones. */
function word(bytes: Buffer, at: number, end: number): number {
  const byte = bytes[at];
  if (at + 5 > end) return SHORT;
  if (byte === LOWER_F) return at + 5;
  if (byte === LOWER_T || (byte === LOWER_N && bytes[at + 1] === LOWER_U)) return at + 4;
  return UNLIKE;
}

/** `scale`: digits behind the point that the number has to have; below 0: none in particular. */
function number(bytes: Buffer, start: number, end: number, scale: number): number {
  let at = bytes[start] === MINUS ? start + 1 : start;
  const whole = at;
  while (at < end && isDigit(bytes[at])) at++;
  if (at >= end) return SHORT;
  const digits = at - whole;
  if (digits === 0) return UNLIKE;
  const zero = bytes[whole] === ZERO;
  const next = bytes[at] as number;
  if (next !== DOT) {
    if (next === 101 || next === 69 || scale > 0 || digits > WHOLE_DIGITS) return UNLIKE;
    return zero && whole > start ? UNLIKE : at;
  }
  const point = at++;
  while (at < end && isDigit(bytes[at])) at++;
  if (at >= end) return SHORT;
  const behind = at - point - 1;
  if (bytes[at] === 101 || bytes[at] === 69 || behind === 0) return UNLIKE;
  if (scale >= 0) {
    const signed = whole > start && isZero(bytes, whole, at);
    return behind === scale && digits + behind <= FRACTION_DIGITS && !signed ? at : UNLIKE;
  }
  return isShortest(bytes, start, whole, point, at) ? at : UNLIKE;
}

/** Whether a fraction is written as the engine writes its double: no zero at its end but that of `.0`, no more digits than needed. */
function isShortest(bytes: Buffer, start: number, whole: number, point: number, end: number): boolean {
  if (bytes[end - 1] === ZERO && end - point > 2) return false;
  // From 0.0001 downwards the engine writes an exponent.
  if (bytes[whole] === ZERO && end - point > 4 && isZero(bytes, point + 1, point + 5)) return false;
  if (end - whole - 1 <= FRACTION_DIGITS) return true;
  const written = bytes.toString('latin1', start, end);
  const read = Number(written);
  const size = Math.abs(read);
  return size >= 1e-4 && size < 1e15 && String(read) === written;
}

function isZero(bytes: Buffer, from: number, to: number): boolean {
  for (let at = from; at < to; at++) if (bytes[at] !== ZERO && bytes[at] !== DOT) return false;
  return true;
}

/** A list or an object inside of a record, without white space and escapes. */
function nested(bytes: Buffer, start: number, end: number): number {
  let depth = 0;
  let at = start;
  let before = 0;
  while (at < end) {
    const byte = bytes[at] as number;
    if (byte === QUOTE) {
      at = text(bytes, at + 1, end, true);
    } else if (byte === OPEN_OBJECT || byte === OPEN_LIST) {
      if (++depth > DEEPEST) return UNLIKE;
      at++;
    } else if (byte === CLOSE_OBJECT || byte === CLOSE_LIST) {
      if (before === COMMA) return UNLIKE;
      at++;
      if (--depth === 0) return at;
    } else if (byte === COMMA || byte === COLON) at++;
    else at = byte === MINUS || isDigit(byte) ? number(bytes, at, end, -1) : byte <= 32 ? UNLIKE : word(bytes, at, end);
    if (at < 0) return at;
    before = byte;
  }
  return SHORT;
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= ZERO && byte <= NINE;
}
