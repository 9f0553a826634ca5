import { BROKEN, decode, type Fields, Scanner, SHORT } from './tokens.ts';

/** What keeps an element of the list from being a record. */
export interface Flaw {
  reason: string;
}

/** Told of each element of the list: its place in the bytes that were pushed. false ends the walk. */
export type Take = (from: number, to: number, flaw: Flaw | null) => boolean;

const COMMA = 44;
const CLOSE_LIST = 93;
const CLOSE_OBJECT = 125;

type Mode = 'value' | 'first-name' | 'name' | 'skip' | 'member' | 'first' | 'element' | 'next' | 'end';

/**
 * Walks through one JSON document that arrives in pieces to the list of its records. Only an element, or a member beside the
 * path, has to be in memory at once. A record that stands where the list is expected is a list of one.
 */
export class Walker {
  /** Why the document is broken, and where in the pushed bytes; null while it is not. */
  broken: { reason: string; at: number } | null = null;
  found = false;
  readonly fields: Fields;
  readonly scanner = new Scanner();
  readonly #path: readonly string[];
  readonly #passed: boolean[];
  #mode: Mode = 'value';
  /** Objects of the path that are open. */
  #level = 0;

  constructor(path: readonly string[], fields: Fields) {
    this.#path = path;
    this.#passed = path.map(() => false);
    this.fields = fields;
  }

  /** Takes in bytes and gives how many of them are done with; the others are to be pushed again with more behind them. */
  push(bytes: Buffer, last: boolean, take: Take): number {
    const scanner = this.scanner;
    scanner.over(bytes, bytes.length, last);
    let at = 0;
    for (;;) {
      at = scanner.space(at);
      if (at >= bytes.length) {
        if (last && this.#mode !== 'end') this.#fail(at, 'it ends before its last bracket is closed');
        else if (last && !this.found) this.#fail(at, `it holds no ${this.#path.join('.')}`);
        return at;
      }
      const next = this.#step(at, take);
      if (next === SHORT) return at;
      if (next === STOP) return at;
      if (next === BROKEN) {
        this.#fail(scanner.faultAt, scanner.fault);
        return at;
      }
      at = next;
    }
  }

  #fail(at: number, reason: string): void {
    this.broken = { at, reason };
  }

  #step(at: number, take: Take): number {
    const { scanner } = this;
    const byte = scanner.bytes[at] as number;
    switch (this.#mode) {
      case 'value':
        return this.#level < this.#path.length ? this.#descend(at, byte) : this.#target(at, byte, take);
      case 'first-name':
        return byte === CLOSE_OBJECT ? this.#close(at) : this.#name(at);
      case 'name':
        return this.#name(at);
      case 'skip':
        return this.#skip(at);
      case 'member':
        if (byte === CLOSE_OBJECT) return this.#close(at);
        return this.#comma(at, byte, 'name');
      case 'first':
        return byte === CLOSE_LIST ? this.#done(at + 1) : this.#element(at, take, 'next');
      case 'element':
        return this.#element(at, take, 'next');
      case 'next':
        return byte === CLOSE_LIST ? this.#done(at + 1) : this.#comma(at, byte, 'element');
      case 'end':
        return scanner.broken(at, 'text stands behind the end of the document');
    }
  }

  #comma(at: number, byte: number, mode: Mode): number {
    if (byte !== COMMA) return this.scanner.broken(at, 'a comma or a closing bracket is missing');
    this.#mode = mode;
    return at + 1;
  }

  #descend(at: number, byte: number): number {
    if (byte !== 123) {
      const name = this.#path.slice(0, this.#level).join('.') || 'the document';
      return this.scanner.broken(at, `${name} is no object that could hold ${this.#path.join('.')}`);
    }
    this.#level++;
    this.#mode = 'first-name';
    return at + 1;
  }

  #target(at: number, byte: number, take: Take): number {
    this.found = true;
    if (byte === 91) {
      this.#mode = 'first';
      return at + 1;
    }
    const name = this.#path.join('.') || 'the document';
    if (byte === 123) {
      const end = this.#element(at, take, 'end');
      return end < 0 ? end : this.#done(end);
    }
    const end = this.scanner.scalar(at);
    if (end < 0) return end;
    // No list at all is an empty one.
    if (byte === 110 && this.#path.length > 0) return this.#done(end);
    return this.scanner.broken(at, `${name} is neither a list nor an object`);
  }

  #name(at: number): number {
    const { scanner } = this;
    const end = scanner.name(at);
    if (end < 0) return end;
    const close = scanner.bytes.lastIndexOf(34, end - 1);
    const wanted = this.#path[this.#level - 1];
    this.#mode = 'skip';
    if (decode(scanner.bytes, at + 1, close, scanner.escaped) !== wanted) return end;
    if (this.#passed[this.#level - 1]) return scanner.broken(at, `${wanted} occurs twice`);
    this.#passed[this.#level - 1] = true;
    this.#mode = 'value';
    return end;
  }

  #skip(at: number): number {
    const end = this.scanner.value(at);
    if (end >= 0) this.#mode = 'member';
    return end;
  }

  #element(at: number, take: Take, mode: Mode): number {
    const { scanner, fields } = this;
    scanner.flaw = '';
    const isObject = scanner.bytes[at] === 123;
    const end = isObject ? scanner.object(at, fields) : scanner.value(at);
    if (end < 0) return end;
    this.#mode = mode;
    const reason = isObject ? scanner.flaw : 'it is no object';
    return take(at, end, reason === '' ? null : { reason }) ? end : STOP;
  }

  #close(at: number): number {
    this.#level--;
    return this.#done(at + 1);
  }

  /** Behind a value of the path. */
  #done(at: number): number {
    this.#mode = this.#level === 0 ? 'end' : 'member';
    return at;
  }
}

const STOP = -3;
