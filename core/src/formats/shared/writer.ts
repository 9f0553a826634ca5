import type { FileHandle } from 'node:fs/promises';
import { ident, literal } from '../../model/sql.ts';

/** Bytes that are written at once. */
export const FLUSH = 1024 * 1024;
/** A rejected row is kept up to this length: a quote that is never closed takes in the rest of its file. */
export const KEPT_TEXT = 256 * 1024;
const QUOTE = 34;
const COMMA = 44;

/** Collects bytes and writes them in large pieces. */
export class Writer {
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

  /** As `value`, of a text. */
  quotedText(text: string): void {
    // Three bytes are the most that a unit takes, and quotes are doubled.
    this.#reserve(text.length * 3 + 3);
    const bytes = this.#bytes;
    let at = this.size;
    bytes[at++] = QUOTE;
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      if (code > 127) {
        const source = Buffer.from(text);
        this.value(source, 0, source.length);
        return;
      }
      if (code === QUOTE) bytes[at++] = QUOTE;
      bytes[at++] = code;
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

/** A text in quotes, quotes inside doubled. */
export function quoted(text: string): string {
  return `"${text.includes('"') ? text.replaceAll('"', '""') : text}"`;
}

/**
 * A bad row's place (in bytes, where it is known), reason and text as a line of the rejects' file. Gives characters that stand for bytes; what is no UTF-8
 * becomes a replacement character.
 */
export function rejectLine(
  ordinal: number,
  place: { line: number; start: number | null },
  fault: { code: string; reason: string },
  row: string,
): string {
  const text = row.replace(/(?:\r\n|\r|\n)$/, '');
  const words = [fault.code, fault.reason, text].map(quoted).join(',');
  return Buffer.from(`${ordinal},${place.line},${place.start ?? ''},${words}\n`).toString('latin1');
}

/** Reads a rejects' file, in the form that `Scan.rejects` has. */
export function rejectsSql(path: string): string {
  const types = ['_file', 'line', 'byte_offset', 'code', 'reason', 'row'].map((name) => `${ident(name)}: 'VARCHAR'`);
  return (
    'SELECT "_file"::INTEGER AS "_file", line::BIGINT AS line, byte_offset::BIGINT AS byte_offset, code, reason, "row" ' +
    `FROM read_csv(${literal(path)}, auto_detect=false, header=false, delim=',', quote='"', escape='"', ` +
    `allow_quoted_nulls=false, parallel=false, new_line='\\n', columns={${types.join(', ')}})`
  );
}
