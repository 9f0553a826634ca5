import { type FileHandle, open } from 'node:fs/promises';
import type { LocalFile } from '../../model/component.ts';
import { dataRecords, type Fault, faultError, faultOf } from './faults.ts';
import type { Layout } from './layout.ts';
import type { CsvRecord, Field } from './records.ts';

export interface Rewritten {
  rows: number;
  rejects: number;
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

/**
 * Writes a file anew in the one form that the engine reads without fail. The row's number counts bad rows too. Throws
 * `format/*` errors at the first bad row where `rejects` is null.
 */
export async function rewrite(file: LocalFile, layout: Layout, options: RewriteOptions): Promise<Rewritten> {
  const nulls = new Set(options.nullValues);
  const columns = layout.names.length;
  const rows = new Writer(await open(options.rows, 'w'));
  const rejects = options.rejects === null ? null : new Writer(await open(options.rejects, 'a'));
  let source: FileHandle | null = null;
  const done = { rows: 0, rejects: 0, longest: 0 };
  try {
    for await (const record of dataRecords(file.path, layout)) {
      const number = done.rows + done.rejects + 1;
      const fault = faultOf(record, columns);
      if (fault && !rejects) throw faultError(file, record, fault);
      if (fault && rejects) {
        source ??= await open(file.path, 'r');
        await rejects.write(await rejectLine(source, file, record, fault));
        done.rejects++;
        continue;
      }
      const values = record.fields.slice(0, columns).map((field) => written(field, nulls));
      const line = `${values.join(',')},${number}\n`;
      // A character is at most three bytes of UTF-8 per UTF-16 unit: near enough for a bound.
      done.longest = Math.max(done.longest, line.length * 3);
      await rows.write(line);
      done.rows++;
      if (options.limit !== null && done.rows >= options.limit) break;
    }
    await rows.flush();
    await rejects?.flush();
    return done;
  } finally {
    await rows.close();
    await rejects?.close();
    await source?.close();
  }
}

function written(field: Field, nulls: ReadonlySet<string>): string {
  if (!field.quoted && nulls.has(field.text)) return '';
  return quoted(field.text);
}

function quoted(text: string): string {
  return `"${text.includes('"') ? text.replaceAll('"', '""') : text}"`;
}

async function rejectLine(source: FileHandle, file: LocalFile, record: CsvRecord, fault: Fault): Promise<string> {
  const length = Math.min(record.end - record.start, KEPT_TEXT);
  const { buffer } = await source.read(Buffer.alloc(length), 0, length, record.start);
  const text = buffer.toString('utf8').replace(/(?:\r\n|\r|\n)$/, '');
  return `${file.ordinal},${record.line},${record.start},${quoted(fault.code)},${quoted(fault.reason)},${quoted(text)}\n`;
}

class Writer {
  readonly #handle: FileHandle;
  #parts: string[] = [];
  #size = 0;

  constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  async write(text: string): Promise<void> {
    this.#parts.push(text);
    this.#size += text.length;
    if (this.#size >= FLUSH) await this.flush();
  }

  async flush(): Promise<void> {
    if (this.#parts.length === 0) return;
    const text = this.#parts.join('');
    this.#parts = [];
    this.#size = 0;
    await this.#handle.appendFile(text);
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}
