import { add, Nested, objectOf, whole, type XmlRecord } from './values.ts';

/** The text ends before the element does. */
export const SHORT = -1;
/** Something that the strict parser has to look at. */
export const UNLIKE = -2;

/** In a text: what is another character than it looks like, or none of XML's; and what it may not hold. */
const SUSPECT = /[&\x00-\x08\x0b-\x1f\ufffe\uffff]/;
const CDATA_END = ']]>';
/** In an attribute's value, where white space is changed too. */
const SUSPECT_VALUE = /[<&\x00-\x1f\ufffe\uffff]/;
const DEEPEST = 50;
/** Names that are remembered by their place in a record. */
const MOST_NAMES = 1000;

const TAB = 9;
const LF = 10;
const SPACE = 32;
const SLASH = 47;
const EQUALS = 61;
const GREATER = 62;

/** ASCII's part of the characters of names; 1: one may begin with it, 2: it may stand behind the first. */
const NAME = new Uint8Array(128);
for (const [from, to, kind] of [
  ['A', 'Z', 1],
  ['a', 'z', 1],
  ['_', '_', 1],
  [':', ':', 1],
  ['0', '9', 2],
  ['-', '.', 2],
] as const)
  NAME.fill(kind, from.charCodeAt(0), to.charCodeAt(0) + 1);

/**
 * Reads elements as most are written: names in ASCII, no references, comments, CDATA or carriage returns. Such an element is well-formed
 * when its tags match, so that no more of XML's rules need to be asked; it costs a fraction of the strict parser.
 */
export class PlainElements {
  /** What `read` found. */
  record: XmlRecord = new Map();
  name = '';
  #text = '';
  /** No character of the whole text is suspect. */
  #clean = false;
  /** The names of elements by their place in the record before, most often those of the next one. */
  readonly #names: string[] = [];
  #place = 0;

  over(text: string): void {
    this.#text = text;
    this.#clean = !isSuspect(text);
  }

  /** Reads the element whose `<` stands at `at`, and gives the place behind it, `SHORT` or `UNLIKE`. */
  read(at: number): number {
    this.#place = 0;
    return this.#element(at, null, 0);
  }

  #element(at: number, into: XmlRecord | null, depth: number): number {
    if (depth > DEEPEST) return UNLIKE;
    const text = this.#text;
    const name = this.#name(at + 1);
    if (typeof name === 'number') return name;
    let values: XmlRecord | null = into === null ? new Map() : null;
    let i = at + 1 + name.length;
    if (text.charCodeAt(i) !== GREATER && text.charCodeAt(i) !== SLASH) {
      values ??= new Map();
      i = this.#attributes(i, values);
      if (i < 0) return i;
    }
    let own = '';
    if (text.charCodeAt(i) === SLASH) {
      if (text.charCodeAt(i + 1) !== GREATER) return this.#missing(i + 1);
      i += 2;
    } else {
      i++;
      for (;;) {
        const next = text.indexOf('<', i);
        if (next < 0) return SHORT;
        if (next > i) {
          const piece = text.slice(i, next);
          if (!this.#clean && isSuspect(piece)) return UNLIKE;
          own = own === '' ? piece : own + piece;
        }
        if (text.charCodeAt(next + 1) === SLASH) {
          i = next + 2 + name.length;
          if (!text.startsWith(name, next + 2)) return i > text.length ? SHORT : UNLIKE;
          if (text.charCodeAt(i) !== GREATER) return this.#missing(i);
          i++;
          break;
        }
        values ??= new Map();
        i = this.#element(next, values, depth + 1);
        if (i < 0) return i;
      }
    }
    if (into === null) {
      this.record = whole(values ?? new Map(), own);
      this.name = name;
    } else add(into, name, values !== null && values.size > 0 ? new Nested(objectOf(whole(values, own))) : own);
    return i;
  }

  /** The name that begins at `at`, or why there is none. */
  #name(at: number): string | number {
    const text = this.#text;
    const place = this.#place++;
    const known = this.#names[place];
    if (known !== undefined && text.startsWith(known, at) && !isName(text.charCodeAt(at + known.length))) return known;
    const end = nameEnd(text, at);
    if (end < 0) return end;
    const name = text.slice(at, end);
    if (place < MOST_NAMES) this.#names[place] = name;
    return name;
  }

  /** Goes from behind an element's name to what ends its tag. */
  #attributes(start: number, values: XmlRecord): number {
    const text = this.#text;
    for (let i = start; ; ) {
      const at = spaceEnd(text, i);
      const code = text.charCodeAt(at);
      if (code === GREATER || code === SLASH) return at;
      if (at === i) return this.#missing(at);
      const end = nameEnd(text, at);
      if (end < 0) return end;
      if (text.charCodeAt(end) !== EQUALS) return this.#missing(end);
      const quote = text[end + 1];
      if (quote !== '"' && quote !== "'") return this.#missing(end + 1);
      const close = text.indexOf(quote, end + 2);
      if (close < 0) return SHORT;
      const value = text.slice(end + 2, close);
      const name = text.slice(at, end);
      const key = `@${name}`;
      if (/^(?:xmlns|xsi:)/.test(name) || values.has(key) || SUSPECT_VALUE.test(value)) return UNLIKE;
      values.set(key, value);
      i = close + 1;
    }
  }

  /** Why something does not stand at a place. */
  #missing(at: number): number {
    return at >= this.#text.length ? SHORT : UNLIKE;
  }
}

function isSuspect(text: string): boolean {
  return text.includes(CDATA_END) || SUSPECT.test(text);
}

/** Whether a character may go on with a name; what is beyond ASCII is not asked. */
function isName(code: number): boolean {
  return code > 127 || NAME[code] !== 0;
}

function nameEnd(text: string, at: number): number {
  if (at >= text.length) return SHORT;
  if (NAME[text.charCodeAt(at)] !== 1) return UNLIKE;
  let end = at + 1;
  while (end < text.length && isName(text.charCodeAt(end))) if (text.charCodeAt(end++) > 127) return UNLIKE;
  return end < text.length ? end : SHORT;
}

/** The place behind white space, if there is any. */
export function spaceEnd(text: string, at: number): number {
  for (let i = at; ; i++) {
    const code = text.charCodeAt(i);
    if (code !== SPACE && code !== LF && code !== TAB) return i;
  }
}
