import { type FileHandle, open } from 'node:fs/promises';
import type { LocalFile } from '../../model/component.ts';
import { type Fault, faultError, faultOf, visitData } from './faults.ts';
import type { Layout } from './layout.ts';
import { BARE, ESCAPED, type RecordView } from './records.ts';

export interface Rewritten {
  rows: number;
  rejects: number;
  /** Bytes that were written. */
  size: number;
  /** Bytes of the longest line that was written. */
  longest: number;
}

export interface RewriteOptions {
  /** Where the rows go: values quoted, NULLs bare, comma and LF, the row's number in the source last; no header. */
  rows: string;
  /** Where bad rows go: line, byte offset, code, reason, text. null: the first one is thrown. */
  rejects: string | null;
  nullValues: readonly string[];
  /** Rows to stop after. */
  limit: number | null;
}

/** A rejected line is kept up to this length: a quote that is never closed takes in the rest of its file. */
const KEPT_TEXT = 256 * 1024;
const FLUSH = 1024 * 1024;
const QUOTE = 34;
const COMMA = 44;

/**
 * Writes a file anew in the one form that the engine reads without fail. The row's number counts bad rows too. Throws
 * `format/*` errors at the first bad row where `rejects` is null.
 */
export async function rewrite(file: LocalFile, layout: Layout, options: RewriteOptions): Promise<Rewritten> {
  const rows = new Writer(await open(options.rows, 'w'));
  const rejects = options.rejects === null ? null : new Writer(await open(options.rejects, 'a'));
  const nulls = options.nullValues.map((text) => Buffer.from(text));
  const columns = layout.names.length;
  const limit = options.limit ?? Number.POSITIVE_INFINITY;
  const done = { rows: 0, rejects: 0, size: 0, longest: 0 };
  const take = (record: RecordView): boolean => {
    const fault = faultOf(record, columns);
    if (fault && !rejects) throw faultError(file, record, fault);
    if (fault) {
      rejects?.text(rejectLine(file, record, fault));
      done.rejects++;
      return true;
    }
    const before = rows.size;
    for (let i = 0; i < columns; i++) writeValue(rows, record, i, nulls);
    rows.text(`${done.rows + done.rejects + 1}\n`);
    done.longest = Math.max(done.longest, rows.size - before);
    done.rows++;
    return done.rows < limit;
  };
  try {
    await visitData(file.path, layout, take, async () => {
      await rows.flush(FLUSH);
      await rejects?.flush(FLUSH);
    });
    await rows.flush(0);
    await rejects?.flush(0);
    return { ...done, size: rows.written };
  } finally {
    await rows.close();
    await rejects?.close();
  }
}

function writeValue(rows: Writer, record: RecordView, at: number, nulls: readonly Buffer[]): void {
  const kind = record.kind[at];
  const from = record.from[at] as number;
  const to = record.to[at] as number;
  if (kind === BARE && isNull(record.bytes, from, to, nulls)) rows.byte(COMMA);
  else if (kind === ESCAPED) rows.text(`${quoted(record.raw(at))},`);
  else rows.value(record.bytes, from, to);
}

function isNull(bytes: Buffer, from: number, to: number, nulls: readonly Buffer[]): boolean {
  for (const text of nulls) {
    if (text.length === to - from && text.compare(bytes, from, to) === 0) return true;
  }
  return false;
}

function quoted(text: string): string {
  return `"${text.includes('"') ? text.replaceAll('"', '""') : text}"`;
}

/** A bad row's place, reason and text; what is no UTF-8 becomes a replacement character. Characters stand for bytes. */
function rejectLine(file: LocalFile, record: RecordView, fault: Fault): string {
  const text = record.text(KEPT_TEXT).replace(/(?:\r\n|\r|\n)$/, '');
  const words = [fault.code, fault.reason, text].map(quoted).join(',');
  return Buffer.from(`${file.ordinal},${record.line},${record.start},${words}\n`).toString('latin1');
}

/** Collects bytes and writes them in large pieces. */
class Writer {
  /** Bytes that wait. */
  size = 0;
  written = 0;
  readonly #handle: FileHandle;
  #bytes = Buffer.allocUnsafe(FLUSH * 2);

  constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  byte(value: number): void {
    this.#reserve(1);
    this.#bytes[this.size++] = value;
  }

  /** Characters that stand for bytes. */
  text(text: string): void {
    this.#reserve(text.length);
    this.size += this.#bytes.write(text, this.size, 'latin1');
  }

  /** A value in quotes and a comma behind it. */
  value(source: Buffer, from: number, to: number): void {
    this.#reserve((to - from) * 2 + 3);
    const bytes = this.#bytes;
    let at = this.size;
    bytes[at++] = QUOTE;
    for (let i = from; i < to; i++) {
      const byte = source[i] as number;
      if (byte === QUOTE) bytes[at++] = QUOTE;
      bytes[at++] = byte;
    }
    bytes[at++] = QUOTE;
    bytes[at++] = COMMA;
    this.size = at;
  }

  /** Writes what waits, where it is at least so much. */
  async flush(least: number): Promise<void> {
    if (this.size === 0 || this.size < least) return;
    await this.#handle.appendFile(this.#bytes.subarray(0, this.size));
    this.written += this.size;
    this.size = 0;
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }

  #reserve(more: number): void {
    if (this.size + more <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.size + more));
    this.#bytes.copy(larger, 0, 0, this.size);
    this.#bytes = larger;
  }
}
