/** A place in a JSON document's bytes: from (included) to (not included). */
export type Slice = [from: number, to: number];

/** The text is no JSON, or is cut off. */
export class BrokenJson extends Error {}

const QUOTE = 34;
const BACKSLASH = 92;
const COMMA = 44;
const COLON = 58;

/**
 * Finds values in a JSON document without making objects of it, so that rows go on as the bytes that came. Checks what it
 * walks over only as far as it needs to find its way: brackets, strings and separators.
 */
export class JsonBytes {
  readonly bytes: Buffer;

  /** Throws `BrokenJson` where the bytes are not one whole document. */
  constructor(bytes: Buffer) {
    this.bytes = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? bytes.subarray(3) : bytes;
  }

  /** The document itself. */
  whole(): Slice {
    const from = this.#space(0);
    const to = this.#value(from);
    if (this.#space(to) !== this.bytes.length) throw new BrokenJson(`more follows the document at byte ${to}`);
    return [from, to];
  }

  isList([from]: Slice): boolean {
    return this.bytes[from] === 91;
  }

  isNull([from, to]: Slice): boolean {
    return to - from === 4 && this.bytes.toString('latin1', from, to) === 'null';
  }

  isObject([from]: Slice): boolean {
    return this.bytes[from] === 123;
  }

  /** The value at the end of some names; null where one of them is missing. */
  at(start: Slice, path: readonly string[]): Slice | null {
    let slice: Slice = start;
    for (const name of path) {
      const found = this.isObject(slice) ? this.#member(slice, name) : null;
      if (!found) return null;
      slice = found;
    }
    return slice;
  }

  /** Names of an object's members. */
  names(slice: Slice): string[] {
    return this.isObject(slice) ? [...this.#members(slice)].map(([name]) => name) : [];
  }

  /** A small value as JavaScript has it; numbers as they are written. */
  read([from, to]: Slice): string | null {
    const text = this.bytes.toString('utf8', from, to);
    if (text === 'null') return null;
    return text.startsWith('"') ? String(JSON.parse(text)) : text;
  }

  /** Elements of a list. */
  *elements([from, to]: Slice): Generator<Slice> {
    let at = this.#space(from + 1);
    if (this.bytes[at] === 93) return;
    while (at < to) {
      const end = this.#value(at);
      yield [at, end];
      at = this.#space(end);
      const byte = this.bytes[at];
      if (byte === 93) return;
      if (byte !== COMMA) throw this.#broken(at);
      at = this.#space(at + 1);
    }
    throw this.#broken(at);
  }

  #member(slice: Slice, wanted: string): Slice | null {
    let found: Slice | null = null;
    // Of a name that stands twice the last one counts, as in JSON.parse.
    for (const [name, value] of this.#members(slice)) if (name === wanted) found = value;
    return found;
  }

  *#members([from, to]: Slice): Generator<[string, Slice]> {
    let at = this.#space(from + 1);
    if (this.bytes[at] === 125) return;
    while (at < to) {
      const nameEnd = this.#string(at);
      const name = this.read([at, nameEnd]) ?? '';
      at = this.#space(nameEnd);
      if (this.bytes[at] !== COLON) throw this.#broken(at);
      at = this.#space(at + 1);
      const end = this.#value(at);
      yield [name, [at, end]];
      at = this.#space(end);
      const byte = this.bytes[at];
      if (byte === 125) return;
      if (byte !== COMMA) throw this.#broken(at);
      at = this.#space(at + 1);
    }
    throw this.#broken(at);
  }

  /** End of the value that begins here. */
  #value(from: number): number {
    const { bytes } = this;
    const first = bytes[from];
    if (first === QUOTE) return this.#string(from);
    if (first !== 123 && first !== 91) return this.#scalar(from);
    let depth = 0;
    for (let at = from; at < bytes.length; at++) {
      const byte = bytes[at];
      if (byte === QUOTE) at = this.#string(at) - 1;
      else if (byte === 123 || byte === 91) depth++;
      else if (byte === 125 || byte === 93) {
        depth--;
        if (depth === 0) return at + 1;
      }
    }
    throw new BrokenJson('it is cut off');
  }

  #string(from: number): number {
    const { bytes } = this;
    if (bytes[from] !== QUOTE) throw this.#broken(from);
    for (let at = from + 1; at < bytes.length; at++) {
      const byte = bytes[at] as number;
      if (byte === QUOTE) return at + 1;
      if (byte === BACKSLASH) at++;
      else if (byte < 32) throw new BrokenJson(`a string holds a control character at byte ${at}`);
    }
    throw new BrokenJson('it is cut off');
  }

  #scalar(from: number): number {
    let at = from;
    // Letters, digits, signs and points: what true, false, null and numbers are made of.
    while (at < this.bytes.length && /[\w+.-]/.test(String.fromCharCode(this.bytes[at] as number))) at++;
    if (at === from) throw this.#broken(from);
    return at;
  }

  #space(from: number): number {
    let at = from;
    while (at < this.bytes.length && isSpace(this.bytes[at] as number)) at++;
    return at;
  }

  #broken(at: number): BrokenJson {
    return new BrokenJson(at >= this.bytes.length ? 'it is cut off' : `it is no JSON at byte ${at}`);
  }
}

function isSpace(byte: number): boolean {
  return byte === 32 || byte === 10 || byte === 13 || byte === 9;
}

/** The bytes of a value on one line: line ends stand between its tokens only. Changes them in place. */
export function oneLine(bytes: Buffer): Buffer {
  for (const end of [10, 13]) {
    for (let at = bytes.indexOf(end); at >= 0; at = bytes.indexOf(end, at + 1)) bytes[at] = 32;
  }
  return bytes;
}
