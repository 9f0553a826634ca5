import { isUtf8 } from 'node:buffer';
import { open } from 'node:fs/promises';
import { bomLength, unfinished } from '../shared/sample.ts';
import type { Layout } from './layout.ts';
import { afterLines } from './records.ts';

/** What one pass over a file's bytes says about how the engine may read it. */
export interface Survey {
  /** The engine's reader splits it right: quoting by the standard, one kind of line end, no line out of the ordinary. */
  regular: boolean;
  /**
   * Its parallel reader does too. That one starts amid the file and guesses where a record begins, so that quotes and
   * blank lines can make it lose rows without an error.
   */
  parallel: boolean;
  /** Told to the engine, which else takes the first one it sees, even inside quotes. null: no line ends. */
  lineEnd: LineEnd | null;
  /** Bytes that were there to read. */
  size: number;
}

export type LineEnd = '\n' | '\r\n' | '\r';

const IRREGULAR: Survey = { regular: false, parallel: false, lineEnd: null, size: 0 };

/** Sizes in bytes that decide between the ways of reading; tests make them small. */
export interface Limits {
  /** Read at once. */
  chunk: number;
  /** Longer lines go through our own reader; the engine is given buffers for twice this length. */
  line: number;
  /**
   * The engine's buffer. A DuckDB table written from buffers of many rows gets row groups that are filled in part, which the
   * engine then writes anew when the file is closed. Beyond the first one a blank line between CRLF lines may end up in a value.
   */
  buffer: number;
  /** Files up to this size are one piece of work to the engine, in parallel or not. */
  onePiece: number;
}

const MEGABYTE = 1024 * 1024;
export const LIMITS: Limits = { chunk: 4 * MEGABYTE, line: 2 * MEGABYTE, buffer: 8 * MEGABYTE, onePiece: 8_000_000 };

const LF = 10;
const CR = 13;
const SPACE = 32;
const PREAMBLE = 64 * 1024;

/**
 * Reads all bytes of a file. Text without quotes and carriage returns is passed over by native searches; other text
 * costs a step for each byte. With `checkRows` rows of another width and bytes that are no UTF-8 make it irregular too.
 */
export async function survey(
  path: string,
  layout: Layout,
  checkRows: boolean,
  limits: Limits = LIMITS,
): Promise<Survey> {
  const simple = layout.comment === null && /^[\x00-\x7f]$/.test(layout.delimiter);
  if (!simple) return IRREGULAR;
  const handle = await open(path, 'r');
  try {
    let bytes = await readChunk(handle, 0, Math.max(limits.chunk, PREAMBLE));
    const watch = new Watch(layout, checkRows, limits);
    if (!plainPreamble(bytes, layout)) return IRREGULAR;
    let place = bytes.length;
    let from = bomLength(bytes);
    while (bytes.length > 0 && !watch.irregular) {
      const following = await readChunk(handle, place, limits.chunk);
      place += following.length;
      watch.look(bytes.subarray(from), following[0] ?? -1);
      bytes = following;
      from = 0;
    }
    return watch.result(place);
  } finally {
    await handle.close();
  }
}

async function readChunk(handle: Awaited<ReturnType<typeof open>>, at: number, size: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(size);
  const { bytesRead } = await handle.read(buffer, 0, size, at);
  return buffer.subarray(0, bytesRead);
}

/** The engine skips lines, but loses its way where one of them holds a quote. */
function plainPreamble(bytes: Buffer, layout: Layout): boolean {
  if (layout.skip === 0) return true;
  const end = afterLines(bytes, layout.skip);
  return (
    end < Math.min(PREAMBLE, bytes.length) && !(layout.quote !== '' && bytes.subarray(0, end).includes(layout.quote))
  );
}

const OTHER = 0;
const QUOTE = 1;
const ESCAPE = 2;
const LINE = 3;
const DELIMITER = 4;

const LINE_ENDS: ReadonlyMap<number, LineEnd> = new Map([
  [LF, '\n'],
  [CR + LF, '\r\n'],
  [CR, '\r'],
]);

/** The state between two chunks. */
class Watch {
  irregular = false;
  readonly #classes = new Uint8Array(256);
  readonly #quote: number;
  readonly #delimiter: number;
  readonly #columns: number;
  readonly #checkRows: boolean;
  readonly #limits: Limits;
  #quotes = false;
  #blank = false;
  #inQuotes = false;
  #before = LF;
  /** The next chunk's first byte belongs to the last one of this chunk. */
  #skip = 0;
  #lineEnd = 0;
  #place = 0;
  #lineStart = 0;
  #width = 1;
  /** False where the line began in bytes that were passed over. */
  #counted = true;
  /** Lines that hold no rows: the preamble and, with it, a header. */
  #lead: number;
  #tail: Buffer = Buffer.alloc(0);

  constructor(layout: Layout, checkRows: boolean, limits: Limits) {
    this.#limits = limits;
    this.#quote = layout.quote === '' ? -1 : layout.quote.charCodeAt(0);
    this.#delimiter = layout.delimiter.charCodeAt(0);
    this.#columns = layout.names.length;
    this.#checkRows = checkRows;
    this.#lead = layout.skip;
    this.#classes[LF] = LINE;
    this.#classes[CR] = LINE;
    this.#classes[this.#delimiter] = DELIMITER;
    if (layout.escape !== '' && layout.escape !== layout.quote) this.#classes[layout.escape.charCodeAt(0)] = ESCAPE;
    if (this.#quote >= 0) this.#classes[this.#quote] = QUOTE;
  }

  /** `next` is the byte after these, -1 at the end. */
  look(bytes: Buffer, next: number): void {
    if (bytes.length === 0) return;
    const quoted = this.#inQuotes || (this.#quote >= 0 && bytes.includes(this.#quote));
    if (quoted) this.#quotes = true;
    if (this.#checkRows) this.#checkUtf8(bytes, next < 0);
    const plain = !quoted && !this.#checkRows && this.#skip === 0;
    if (plain && !bytes.includes(CR)) this.#lookAtLines(bytes);
    else if (!plain || !this.#lookAtPairs(bytes, next)) this.#lookClosely(bytes, next);
    this.#before = bytes[bytes.length - 1] ?? LF;
    this.#place += bytes.length;
  }

  result(size: number): Survey {
    if (this.#place > this.#lineStart) this.#endRow(this.#place);
    const crowded = this.#blank && (this.#columns === 1 || (size > this.#limits.buffer && this.#lineEnd !== LF));
    const regular = !this.irregular && !this.#inQuotes && !crowded;
    const parallel = regular && !this.#quotes && !this.#blank && this.#columns > 1;
    return { regular, parallel, lineEnd: LINE_ENDS.get(this.#lineEnd) ?? null, size };
  }

  #lookAtLines(bytes: Buffer): void {
    this.#counted = bytes[bytes.length - 1] === LF;
    const first = bytes.indexOf(LF);
    this.#checkLength(first < 0 ? bytes.length : first);
    if (first < 0) return;
    this.#noteEnd(LF);
    if (bytes.includes('\n\n') || (first === 0 && this.#before === LF)) this.#blank = true;
    this.#lineStart = this.#place + bytes.lastIndexOf(LF) + 1;
    this.#width = 1;
  }

  /** Text whose line ends are all CRLF; false where one is not. */
  #lookAtPairs(bytes: Buffer, next: number): boolean {
    let start = this.#lineStart - this.#place;
    let blank = false;
    let pairs = 0;
    for (let at = bytes.indexOf(CR); at >= 0; at = bytes.indexOf(CR, at + 2)) {
      if ((at + 1 < bytes.length ? bytes[at + 1] : next) !== LF) return false;
      if (at === start) blank = true;
      if (at - start > this.#limits.line) this.irregular = true;
      start = at + 2;
      pairs++;
    }
    let ends = 0;
    for (let at = bytes.indexOf(LF); at >= 0; at = bytes.indexOf(LF, at + 1)) ends++;
    const split = bytes[bytes.length - 1] === CR ? 1 : 0;
    if (ends !== pairs - split) return false;
    this.#noteEnd(CR + LF);
    this.#blank ||= blank;
    this.#lineStart = this.#place + start;
    this.#skip = split;
    this.#width = 1;
    this.#counted = start >= bytes.length;
    this.#checkLength(bytes.length);
    return true;
  }

  #lookClosely(bytes: Buffer, next: number): void {
    const classes = this.#classes;
    const length = bytes.length;
    let i = this.#skip;
    this.#skip = 0;
    for (; i < length; i++) {
      const kind = classes[bytes[i] as number];
      if (kind === OTHER) continue;
      const after = i + 1 < length ? (bytes[i + 1] as number) : next;
      if (this.#inQuotes) {
        if (kind === QUOTE) i += this.#closeQuote(after);
        else if (kind === ESCAPE) i += this.#escape(after);
      } else if (kind === LINE) i += this.#endLine(bytes[i] as number, after, this.#place + i);
      else if (kind === QUOTE) this.#openQuote(bytes, i);
      else if (kind === DELIMITER) this.#width++;
      if (this.irregular) return;
    }
    this.#skip = i - length;
    this.#checkLength(length);
  }

  #openQuote(bytes: Buffer, at: number): void {
    let back = at - 1;
    while (back >= 0 && bytes[back] === SPACE) back--;
    const before = back >= 0 ? bytes[back] : this.#before;
    const starts = before === this.#delimiter || before === LF || before === CR;
    if (back === at - 1) this.#inQuotes = starts;
    // A quote behind leading spaces is text to us and a quote to the engine.
    else if (starts || back < 0) this.irregular = true;
  }

  #closeQuote(after: number): number {
    if (this.#classes[this.#quote] === QUOTE && after === this.#quote && !this.#hasEscape()) return 1;
    this.#inQuotes = false;
    if (after !== this.#delimiter && after !== LF && after !== CR && after !== -1) this.irregular = true;
    return 0;
  }

  #hasEscape(): boolean {
    return this.#classes.includes(ESCAPE);
  }

  #escape(after: number): number {
    const kind = this.#classes[after];
    if (kind === QUOTE || kind === ESCAPE) return 1;
    this.irregular = true;
    return 0;
  }

  #endLine(byte: number, after: number, at: number): number {
    const both = byte === CR && after === LF;
    this.#noteEnd(both ? CR + LF : byte);
    if (at === this.#lineStart) this.#blank = true;
    else this.#endRow(at);
    if (at - this.#lineStart > this.#limits.line) this.irregular = true;
    this.#lineStart = at + (both ? 2 : 1);
    this.#width = 1;
    this.#counted = true;
    if (this.#lead > 0) this.#lead--;
    return both ? 1 : 0;
  }

  #endRow(at: number): void {
    if (this.#lead === 0 && this.#counted && this.#width !== this.#columns && at > this.#lineStart)
      this.irregular = true;
  }

  #noteEnd(kind: number): void {
    if (this.#lineEnd !== 0 && this.#lineEnd !== kind) this.irregular = true;
    this.#lineEnd = kind;
  }

  #checkLength(at: number): void {
    if (this.#place + at - this.#lineStart > this.#limits.line) this.irregular = true;
  }

  #checkUtf8(bytes: Buffer, last: boolean): void {
    const text = this.#tail.length > 0 ? Buffer.concat([this.#tail, bytes]) : bytes;
    const cut = last ? 0 : unfinished(text);
    if (!isUtf8(text.subarray(0, text.length - cut))) this.irregular = true;
    this.#tail = Buffer.from(text.subarray(text.length - cut));
  }
}
