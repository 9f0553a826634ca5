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

export interface Field {
  text: string;
  /** Written in quotes: never taken for a null. */
  quoted: boolean;
}

export interface CsvRecord {
  /** Physical line of its first byte, from 1. */
  line: number;
  /** Place of its first byte, and of the first byte after it and its line end. */
  start: number;
  end: number;
  fields: Field[];
  /** `open`: a quote that is never closed; `text`: characters behind a closing quote; `bytes`: no UTF-8. */
  fault: 'open' | 'text' | 'bytes' | null;
}

/** How to read the records of one file. */
export interface RecordStart {
  /** Place and line of the first byte that is pushed. */
  offset: number;
  line: number;
  /** Lines to leave out before the first record. */
  skip: number;
}

const LF = 10;
const CR = 13;
/** A record beyond this is no record but a quote that is never closed. */
export const MAX_RECORD = 128 * 1024 * 1024;

/** Splits bytes that arrive in chunks into records. Blank lines are records of one empty field that is not quoted. */
export class RecordReader {
  readonly #grammar: Bytes;
  #pending: Buffer = Buffer.alloc(0);
  #offset: number;
  #line: number;
  /** Parsing starts anew at a record's first byte, so an unfinished one waits until twice the bytes are there. */
  #wait = 0;

  #skip: number;

  constructor(grammar: Grammar, start: RecordStart = { offset: 0, line: 1, skip: 0 }) {
    this.#grammar = toBytes(grammar);
    this.#offset = start.offset;
    this.#line = start.line;
    this.#skip = start.skip;
  }

  /** The records that are complete with these bytes; `last` says that none follow. */
  *push(chunk: Buffer, last: boolean): Generator<CsvRecord> {
    this.#pending = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    if (!last && this.#pending.length < this.#wait) return;
    const bytes = this.#pending;
    const valid = isUtf8(bytes);
    let at = 0;
    while (at < bytes.length) {
      const final = last || bytes.length - at > MAX_RECORD;
      if (this.#skip > 0 || isComment(bytes, at, this.#grammar)) {
        const end = lineEnd(bytes, at, final);
        if (end < 0) break;
        if (this.#skip > 0) this.#skip--;
        at = this.#advance(bytes, at, end);
        continue;
      }
      const parsed = parseRecord(bytes, at, final, this.#grammar);
      if (!parsed) break;
      const { fields, end } = parsed;
      const fault = valid || isUtf8(bytes.subarray(at, end)) ? parsed.fault : 'bytes';
      yield { line: this.#line, start: this.#offset, end: this.#offset + end - at, fields, fault };
      at = this.#advance(bytes, at, end);
    }
    this.#pending = bytes.subarray(at);
    this.#wait = this.#pending.length * 2;
  }

  #advance(bytes: Buffer, at: number, end: number): number {
    this.#offset += end - at;
    this.#line += countLines(bytes, at, end);
    return end;
  }
}

interface Bytes {
  delimiter: Buffer;
  quote: number;
  escape: number;
  comment: Buffer | null;
}

function toBytes(grammar: Grammar): Bytes {
  const quote = grammar.quote === '' ? -1 : grammar.quote.charCodeAt(0);
  return {
    delimiter: Buffer.from(grammar.delimiter),
    quote,
    escape: grammar.escape === '' ? quote : grammar.escape.charCodeAt(0),
    comment: grammar.comment === null ? null : Buffer.from(grammar.comment),
  };
}

/** Line ends in a stretch of bytes: CRLF counts once, a lone CR too. */
export function countLines(bytes: Buffer, from: number, to: number): number {
  let lines = 0;
  for (let i = from; i < to; i++) {
    const byte = bytes[i];
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
export function isBlank(record: CsvRecord): boolean {
  const [field] = record.fields;
  return record.fields.length === 1 && field?.quoted === false && field.text === '';
}

function isComment(bytes: Buffer, at: number, grammar: Bytes): boolean {
  return grammar.comment !== null && startsWith(bytes, at, grammar.comment);
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

interface Parsed {
  fields: Field[];
  fault: CsvRecord['fault'];
  end: number;
}

function parseRecord(bytes: Buffer, start: number, last: boolean, grammar: Bytes): Parsed | null {
  const fields: Field[] = [];
  let at = start;
  for (;;) {
    const field = bytes[at] === grammar.quote ? quotedField(bytes, at, last, grammar) : bareField(bytes, at, grammar);
    if (!field) return null;
    fields.push(field);
    at = field.end;
    if (field.fault === 'open') return { fields, fault: 'open', end: at };
    if (at >= bytes.length) return last ? { fields, fault: null, end: at } : null;
    if (startsWith(bytes, at, grammar.delimiter)) {
      at += grammar.delimiter.length;
      if (at >= bytes.length && !last) return null;
      continue;
    }
    const isEnd = bytes[at] === LF || bytes[at] === CR;
    // Characters after a closing quote: the whole line is the fault, and the next one starts anew.
    const end = lineEnd(bytes, at, last);
    if (end < 0) return null;
    return { fields, fault: isEnd ? null : 'text', end };
  }
}

function bareField(bytes: Buffer, start: number, grammar: Bytes): (Field & { end: number; fault: null }) | null {
  const first = grammar.delimiter[0];
  let at = start;
  for (; at < bytes.length; at++) {
    const byte = bytes[at];
    if (byte === LF || byte === CR) break;
    if (byte === first && startsWith(bytes, at, grammar.delimiter)) break;
  }
  return { text: bytes.toString('utf8', start, at), quoted: false, end: at, fault: null };
}

function quotedField(
  bytes: Buffer,
  start: number,
  last: boolean,
  grammar: Bytes,
): (Field & { end: number; fault: 'open' | null }) | null {
  let text = '';
  let from = start + 1;
  for (let at = from; at < bytes.length; at++) {
    const byte = bytes[at];
    if (byte !== grammar.quote && byte !== grammar.escape) continue;
    const next = bytes[at + 1];
    if (next === undefined && !last) return null;
    const doubled = byte === grammar.quote && grammar.escape === grammar.quote && next === grammar.quote;
    const escaped =
      byte === grammar.escape && byte !== grammar.quote && (next === grammar.quote || next === grammar.escape);
    if (doubled || escaped) {
      text += bytes.toString('utf8', from, at);
      from = at + 1;
      at++;
    } else if (byte === grammar.quote) {
      text += bytes.toString('utf8', from, at);
      return { text, quoted: true, end: at + 1, fault: null };
    }
  }
  if (!last) return null;
  return { text: text + bytes.toString('utf8', from), quoted: true, end: bytes.length, fault: 'open' };
}
