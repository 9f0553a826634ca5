/**
 * A JSON scanner over bytes (RFC 8259, nothing beyond it). It finds where values begin and end and never turns a number into
 * a float, so that every digit can be handed on as it is written.
 */

/** The bytes end before the value does, and more may follow. */
export const SHORT = -1;
/** The bytes are no JSON; `fault` and `faultAt` say why and where. */
export const BROKEN = -2;

/** Lists and objects inside each other. */
const MAX_DEPTH = 512;

const QUOTE = 34;
const COMMA = 44;
const MINUS = 45;
const DOT = 46;
const ZERO = 48;
const COLON = 58;
const BACKSLASH = 92;
const OPEN_LIST = 91;
const CLOSE_LIST = 93;
const OPEN_OBJECT = 123;
const CLOSE_OBJECT = 125;
const LOWER_U = 117;

const WORDS: ReadonlyMap<number, Buffer> = new Map(
  ['true', 'false', 'null'].map((word) => [word.charCodeAt(0), Buffer.from(word)]),
);
const ESCAPES: ReadonlySet<number> = new Set(Buffer.from('"\\/bfnrt'));

/** The top-level fields of an object: places of names (without quotes) and values in the scanned bytes. */
export class Fields {
  count = 0;
  nameFrom = new Int32Array(64);
  nameTo = new Int32Array(64);
  /** The name has escapes. */
  nameEscaped = new Uint8Array(64);
  from = new Int32Array(64);
  to = new Int32Array(64);
  /** The value is a string with escapes. */
  escaped = new Uint8Array(64);

  /** Makes room for one more. */
  grow(): void {
    if (this.count < this.from.length) return;
    for (const name of ['nameFrom', 'nameTo', 'from', 'to'] as const) {
      const larger = new Int32Array(this.count * 2);
      larger.set(this[name]);
      this[name] = larger;
    }
    for (const name of ['nameEscaped', 'escaped'] as const) {
      const larger = new Uint8Array(this.count * 2);
      larger.set(this[name]);
      this[name] = larger;
    }
  }
}

export class Scanner {
  bytes: Buffer = Buffer.alloc(0);
  /** First byte that is not to be read. */
  end = 0;
  /** No bytes follow behind `end`. */
  last = true;
  fault = '';
  faultAt = 0;
  /** What is wrong inside a string without hiding where it ends: half of a surrogate pair. */
  flaw = '';
  /** The string that was read last has escapes. */
  escaped = false;
  readonly #stack = new Uint8Array(MAX_DEPTH);

  over(bytes: Buffer, end: number, last: boolean): void {
    this.bytes = bytes;
    this.end = end;
    this.last = last;
  }

  /** First byte that is no white space. */
  space(at: number): number {
    const { bytes, end } = this;
    for (let i = at; i < end; i++) {
      const byte = bytes[i];
      if (byte !== 32 && byte !== 10 && byte !== 13 && byte !== 9) return i;
    }
    return end;
  }

  broken(at: number, fault: string): number {
    this.fault = fault;
    this.faultAt = at;
    return BROKEN;
  }

  /** What it means that no byte is left. */
  short(): number {
    return this.last ? this.broken(this.end, 'it ends in the middle of a value') : SHORT;
  }

  /** Reads one value of any kind; gives the first byte behind it, SHORT or BROKEN. */
  value(start: number): number {
    let depth = 0;
    let at = start;
    for (;;) {
      at = this.space(at);
      if (at >= this.end) return this.short();
      const byte = this.bytes[at] as number;
      if (byte === OPEN_OBJECT || byte === OPEN_LIST) {
        if (depth === MAX_DEPTH) return this.broken(at, `it is nested deeper than ${MAX_DEPTH} levels`);
        this.#stack[depth++] = byte;
        at = this.space(at + 1);
        if (at >= this.end) return this.short();
        if (this.bytes[at] !== byte + 2) {
          at = byte === OPEN_OBJECT ? this.name(at) : at;
          if (at < 0) return at;
          continue;
        }
      } else {
        at = this.scalar(at);
        if (at < 0) return at;
      }
      while (depth > 0) {
        at = this.space(at);
        if (at >= this.end) return this.short();
        const open = this.#stack[depth - 1] as number;
        // Both closing brackets stand two places behind their opening ones.
        if (this.bytes[at] === open + 2) {
          depth--;
          at++;
          continue;
        }
        at = this.#next(at, open);
        if (at < 0) return at;
        break;
      }
      if (depth === 0) return at;
    }
  }

  /** Behind a value: over the comma, and over the name in an object. */
  #next(at: number, open: number): number {
    if (this.bytes[at] !== COMMA)
      return this.broken(at, this.#unexpected(at, open === OPEN_LIST ? ', or ]' : ', or }'));
    const next = this.space(at + 1);
    if (next >= this.end) return this.short();
    if (open === OPEN_OBJECT) return this.name(next);
    return this.bytes[next] === CLOSE_LIST ? this.broken(next, 'a comma stands before ]') : next;
  }

  /** Reads an object and enters its fields; a place that holds no object is BROKEN. */
  object(start: number, fields: Fields): number {
    fields.count = 0;
    if (this.bytes[start] !== OPEN_OBJECT) return this.broken(start, 'it is no object');
    let at = this.space(start + 1);
    if (at < this.end && this.bytes[at] === CLOSE_OBJECT) return at + 1;
    for (;;) {
      if (at >= this.end) return this.short();
      at = this.#field(at, fields);
      if (at < 0) return at;
      at = this.space(at);
      if (at >= this.end) return this.short();
      const byte = this.bytes[at];
      if (byte === CLOSE_OBJECT) return at + 1;
      if (byte !== COMMA) return this.broken(at, this.#unexpected(at, ', or }'));
      at = this.space(at + 1);
    }
  }

  #field(at: number, fields: Fields): number {
    fields.grow();
    const i = fields.count;
    const quoted = this.#quotedName(at);
    if (quoted < 0) return quoted;
    fields.nameFrom[i] = at + 1;
    fields.nameTo[i] = quoted - 1;
    fields.nameEscaped[i] = this.escaped ? 1 : 0;
    const colon = this.#colon(quoted);
    if (colon < 0) return colon;
    const from = this.space(colon);
    const to = this.value(from);
    if (to < 0) return to;
    fields.from[i] = from;
    fields.to[i] = to;
    fields.escaped[i] = this.escaped && this.bytes[from] === QUOTE ? 1 : 0;
    fields.count++;
    return to;
  }

  /** Reads a name and its colon. */
  name(at: number): number {
    const end = this.#quotedName(at);
    return end < 0 ? end : this.#colon(end);
  }

  #quotedName(at: number): number {
    return this.bytes[at] === QUOTE
      ? this.#string(at)
      : this.broken(at, this.#unexpected(at, 'a name in double quotes'));
  }

  #colon(start: number): number {
    const at = this.space(start);
    if (at >= this.end) return this.short();
    return this.bytes[at] === COLON ? at + 1 : this.broken(at, this.#unexpected(at, ':'));
  }

  /** Reads a string, a number or a word. */
  scalar(at: number): number {
    const byte = this.bytes[at] as number;
    if (byte === QUOTE) return this.#string(at);
    if (byte === MINUS || isDigit(byte)) return this.#number(at);
    const word = WORDS.get(byte);
    return word ? this.#word(at, word) : this.broken(at, this.#unexpected(at, 'a value'));
  }

  #word(at: number, word: Buffer): number {
    for (let i = 0; i < word.length; i++) {
      if (at + i >= this.end) return this.short();
      if (this.bytes[at + i] !== word[i]) return this.broken(at, this.#unexpected(at, 'a value'));
    }
    return at + word.length;
  }

  #number(start: number): number {
    const { bytes, end } = this;
    let at = bytes[start] === MINUS ? start + 1 : start;
    if (at < end && bytes[at] === ZERO) {
      at++;
      if (at < end && isDigit(bytes[at] as number)) return this.broken(start, 'a number begins with 0');
    } else at = this.#digits(at);
    if (at >= 0 && at < end && bytes[at] === DOT) at = this.#digits(at + 1);
    if (at >= 0 && at < end && ((bytes[at] as number) | 32) === 101) {
      const sign = bytes[at + 1] === MINUS || bytes[at + 1] === 43;
      at = this.#digits(at + (sign && at + 1 < end ? 2 : 1));
    }
    // More digits may follow in the next bytes.
    return at === end && !this.last ? SHORT : at;
  }

  #digits(start: number): number {
    let at = start;
    while (at < this.end && isDigit(this.bytes[at] as number)) at++;
    if (at > start) return at;
    return at >= this.end ? this.short() : this.broken(at, this.#unexpected(at, 'a digit'));
  }

  #string(start: number): number {
    const { bytes, end } = this;
    this.escaped = false;
    for (let at = start + 1; at < end; at++) {
      const byte = bytes[at] as number;
      if (byte === QUOTE) return at + 1;
      if (byte === BACKSLASH) {
        this.escaped = true;
        at = this.#escape(at + 1);
        if (at < 0) return at;
      } else if (byte < 32) return this.broken(at, 'a control character stands in a string without an escape');
    }
    return this.short();
  }

  /** Behind a backslash: the last byte of the escape. */
  #escape(at: number): number {
    if (at >= this.end) return this.short();
    const byte = this.bytes[at] as number;
    if (ESCAPES.has(byte)) return at;
    if (byte !== LOWER_U) return this.broken(at - 1, 'a backslash begins no known escape');
    const unit = this.#hex(at + 1);
    if (unit < 0) return unit;
    if (unit < 0xd800 || unit > 0xdfff) return at + 4;
    if (unit < 0xdc00 && at + 6 >= this.end && !this.last) return SHORT;
    const pair = unit < 0xdc00 && this.bytes[at + 5] === BACKSLASH && this.bytes[at + 6] === LOWER_U;
    const low = pair ? this.#hex(at + 7) : 0;
    if (low < 0) return low;
    if (low >= 0xdc00 && low <= 0xdfff) return at + 10;
    this.flaw = 'a string holds half of a surrogate pair';
    return at + 4;
  }

  #hex(start: number): number {
    let unit = 0;
    for (let at = start; at < start + 4; at++) {
      if (at >= this.end) return this.short();
      const byte = this.bytes[at] as number;
      const letter = (byte | 32) - 87;
      const digit = isDigit(byte) ? byte - ZERO : letter >= 10 && letter <= 15 ? letter : -1;
      if (digit < 0) return this.broken(at, 'an escape \\u lacks four hexadecimal digits');
      unit = unit * 16 + digit;
    }
    return unit;
  }

  #unexpected(at: number, wanted: string): string {
    const byte = this.bytes[at] as number;
    const found = byte > 32 && byte < 127 ? String.fromCharCode(byte) : `byte 0x${byte.toString(16).padStart(2, '0')}`;
    return `expected ${wanted}, found ${found}`;
  }
}

function isDigit(byte: number): boolean {
  return byte >= ZERO && byte <= 57;
}

/** The text of a string or name without its quotes. */
export function decode(bytes: Buffer, from: number, to: number, escaped: boolean): string {
  const text = bytes.toString('utf8', from, to);
  return escaped ? (JSON.parse(`"${text}"`) as string) : text;
}
