import { isUtf8 } from 'node:buffer';

/**
 * A CSV tokenizer over bytes: RFC 4180 with the settings of our spec. It reads samples, finds the place of a fault and
 * rewrites files that the engine's own reader does not read right.
 */
export interface Grammar {
  delimiter: string;
  /** One ASCII character, or empty: nothing is quoted. */
  quote: string;
  escape: string;
  /** Lines that begin with it are no records; null: none. */
  comment: string | null;
}

/** How to read the records of one file. */
export interface RecordStart {
  /** Place and line of the first byte that is pushed. */
  offset: number;
  line: number;
  /** Lines to leave out before the first record. */
  skip: number;
}

/** What is known of a record without looking at its values. */
export interface RecordShape {
  /** Physical line of its first byte, from 1. */
  line: number;
  /** Place of its first byte, and of the first byte after it and its line end. */
  start: number;
  end: number;
  width: number;
  /** The last value is empty and not quoted. */
  trailing: boolean;
  /** `open`: a quote that is never closed; `text`: characters behind a closing quote; `bytes`: no UTF-8. */
  fault: 'open' | 'text' | 'bytes' | null;
}

/** A record that outlives the bytes it was read from. */
export interface CsvRecord extends RecordShape {
  fields: { text: string; quoted: boolean }[];
}

const LF = 10;
const CR = 13;
/** A record beyond this is no record but a quote that is never closed. */
const MAX_RECORD = 128 * 1024 * 1024;

export const BARE = 0;
const QUOTED = 1;
/** Quoted, with escapes inside. */
export const ESCAPED = 2;

/** The record that is being visited: places of its values in `bytes`. One object serves all records. */
export class RecordView implements RecordShape {
  bytes: Buffer = Buffer.alloc(0);
  /** Its first byte in `bytes`. */
  place = 0;
  line = 1;
  start = 0;
  end = 0;
  width = 0;
  fault: RecordShape['fault'] = null;
  /** First byte of each value and the first one after it, its quotes left out. */
  from = new Int32Array(64);
  to = new Int32Array(64);
  kind = new Uint8Array(64);
  readonly grammar: Tokens;

  constructor(grammar: Tokens) {
    this.grammar = grammar;
  }

  get trailing(): boolean {
    const last = this.width - 1;
    return this.kind[last] === BARE && this.from[last] === this.to[last];
  }

  add(from: number, to: number, kind: number): void {
    const at = this.width++;
    if (at === this.from.length) this.#grow();
    this.from[at] = from;
    this.to[at] = to;
    this.kind[at] = kind;
  }

  /** The bytes of a value as characters, quotes and escapes taken off. */
  raw(at: number): string {
    const text = this.bytes.toString('latin1', this.from[at], this.to[at]);
    return this.kind[at] === ESCAPED ? unescaped(text, this.grammar) : text;
  }

  /** The record's own text, its first bytes where it is longer than `most`. */
  text(most: number): string {
    return this.bytes.toString('utf8', this.place, this.place + Math.min(most, this.end - this.start));
  }

  /** What is known of it without its values, as it is now. */
  shape(): RecordShape {
    const { line, start, end, width, trailing, fault } = this;
    return { line, start, end, width, trailing, fault };
  }

  keep(): CsvRecord {
    const fields = Array.from({ length: this.width }, (_, i) => ({
      text: Buffer.from(this.raw(i), 'latin1').toString('utf8'),
      quoted: this.kind[i] !== BARE,
    }));
    return { ...this.shape(), fields };
  }

  #grow(): void {
    const size = this.from.length * 2;
    const [from, to, kind] = [this.from, this.to, this.kind];
    this.from = new Int32Array(size);
    this.to = new Int32Array(size);
    this.kind = new Uint8Array(size);
    this.from.set(from);
    this.to.set(to);
    this.kind.set(kind);
  }
}

/** A grammar as bytes. */
export interface Tokens {
  delimiter: Buffer;
  quote: number;
  escape: number;
  comment: Buffer | null;
}

function toTokens(grammar: Grammar): Tokens {
  const quote = grammar.quote === '' ? -1 : grammar.quote.charCodeAt(0);
  return {
    delimiter: Buffer.from(grammar.delimiter),
    quote,
    escape: grammar.escape === '' ? quote : grammar.escape.charCodeAt(0),
    comment: grammar.comment === null ? null : Buffer.from(grammar.comment),
  };
}

/** Splits bytes that arrive in chunks into records. A blank line is a record of one empty value that is not quoted. */
export class RecordReader {
  readonly #view: RecordView;
  #pending: Buffer = Buffer.alloc(0);
  #offset: number;
  #line: number;
  #skip: number;
  /** Parsing starts anew at a record's first byte, so an unfinished one waits until twice the bytes are there. */
  #wait = 0;

  constructor(grammar: Grammar, start: RecordStart = { offset: 0, line: 1, skip: 0 }) {
    this.#view = new RecordView(toTokens(grammar));
    this.#offset = start.offset;
    this.#line = start.line;
    this.#skip = start.skip;
  }

  /** Visits the records that are complete with these bytes, until `visit` gives false; `last` says that no bytes follow. */
  push(chunk: Buffer, last: boolean, visit: (record: RecordView) => boolean): void {
    this.#pending = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    if (!last && this.#pending.length < this.#wait) return;
    const bytes = this.#pending;
    const view = this.#view;
    const { comment } = view.grammar;
    const valid = isUtf8(bytes);
    view.bytes = bytes;
    let at = 0;
    while (at < bytes.length) {
      const final = last || bytes.length - at > MAX_RECORD;
      const leftOut = this.#skip > 0 || (comment !== null && startsWith(bytes, at, comment));
      const end = leftOut ? lineEnd(bytes, at, final) : parseRecord(view, at, final);
      if (end < 0) break;
      view.place = at;
      view.line = this.#line;
      view.start = this.#offset;
      this.#offset += end - at;
      this.#line += leftOut ? 1 : countLines(bytes, at, end);
      view.end = this.#offset;
      if (leftOut) this.#skip = Math.max(0, this.#skip - 1);
      else {
        if (!valid && !isUtf8(bytes.subarray(at, end))) view.fault = 'bytes';
        if (!visit(view)) return;
      }
      at = end;
    }
    this.#pending = bytes.subarray(at);
    this.#wait = this.#pending.length * 2;
  }
}

/** Line ends in a stretch of bytes: CRLF counts once, a lone CR too. */
function countLines(bytes: Buffer, from: number, to: number): number {
  let lines = 0;
  for (let i = from; i < to; i++) {
    const byte = bytes[i] as number;
    if (byte > CR) continue;
    if (byte === LF) lines++;
    else if (byte === CR && bytes[i + 1] !== LF) lines++;
  }
  return lines;
}

/** Place of the first byte behind so many lines. */
export function afterLines(bytes: Buffer, lines: number): number {
  let at = 0;
  for (let line = 0; line < lines && at < bytes.length; line++) at = lineEnd(bytes, at, true);
  return at;
}

/** A record of a line without anything. */
export function isBlank(record: RecordShape): boolean {
  return record.width === 1 && record.trailing;
}

function startsWith(bytes: Buffer, at: number, wanted: Buffer): boolean {
  for (let i = 0; i < wanted.length; i++) if (bytes[at + i] !== wanted[i]) return false;
  return true;
}

/** First byte after the line that holds `at`, or -1 where the bytes end first and more may follow. */
function lineEnd(bytes: Buffer, at: number, last: boolean): number {
  for (let i = at; i < bytes.length; i++) {
    const byte = bytes[i];
    if (byte === LF) return i + 1;
    if (byte === CR) {
      if (i + 1 === bytes.length && !last) return -1;
      return bytes[i + 1] === LF ? i + 2 : i + 1;
    }
  }
  return last ? bytes.length : -1;
}

/** Fills the view; gives the first byte after the record, or -1 where the bytes end first and more may follow. */
function parseRecord(view: RecordView, start: number, last: boolean): number {
  const { bytes, grammar } = view;
  const { delimiter, quote } = grammar;
  const length = bytes.length;
  view.width = 0;
  view.fault = null;
  let at = start;
  for (;;) {
    at = bytes[at] === quote ? quotedField(view, at, last) : bareField(view, at);
    if (at < 0) return -1;
    if (view.fault !== null) return at;
    if (at >= length) return last ? at : -1;
    if (startsWith(bytes, at, delimiter)) {
      at += delimiter.length;
      if (at >= length && !last) return -1;
      continue;
    }
    const isEnd = bytes[at] === LF || bytes[at] === CR;
    // Characters behind a closing quote: the whole line is the fault, and the next one starts anew.
    view.fault = isEnd ? null : 'text';
    return lineEnd(bytes, at, last);
  }
}

function bareField(view: RecordView, start: number): number {
  const { bytes, grammar } = view;
  const { delimiter } = grammar;
  const first = delimiter[0];
  const single = delimiter.length === 1;
  const length = bytes.length;
  let at = start;
  for (; at < length; at++) {
    const byte = bytes[at];
    if (byte === LF || byte === CR) break;
    if (byte === first && (single || startsWith(bytes, at, delimiter))) break;
  }
  view.add(start, at, BARE);
  return at;
}

function quotedField(view: RecordView, start: number, last: boolean): number {
  const { bytes, grammar } = view;
  const { quote, escape: mark } = grammar;
  const length = bytes.length;
  let kind = QUOTED;
  for (let at = start + 1; at < length; at++) {
    const byte = bytes[at] as number;
    if (byte !== quote && byte !== mark) continue;
    const next = bytes[at + 1];
    if (next === undefined && !last) return -1;
    if (isEscape(byte, next, grammar)) {
      kind = ESCAPED;
      at++;
    } else if (byte === quote) {
      view.add(start + 1, at, kind);
      return at + 1;
    }
  }
  if (!last) return -1;
  view.add(start + 1, length, kind);
  view.fault = 'open';
  return length;
}

function isEscape(byte: number, next: number | undefined, grammar: Tokens): boolean {
  return byte === grammar.escape && next !== undefined && (next === grammar.quote || next === grammar.escape);
}

function unescaped(text: string, grammar: Tokens): string {
  const mark = String.fromCharCode(grammar.escape);
  let out = '';
  let from = 0;
  for (let at = text.indexOf(mark); at >= 0; at = text.indexOf(mark, at)) {
    const next = at + 1 < text.length ? text.charCodeAt(at + 1) : undefined;
    if (!isEscape(grammar.escape, next, grammar)) {
      at++;
      continue;
    }
    out += text.slice(from, at);
    from = at + 1;
    at += 2;
  }
  return out + text.slice(from);
}
