import { open } from 'node:fs/promises';
import type { LocalFile } from '../../model/component.ts';
import { FLUSH, KEPT_TEXT, quoted, rejectLine, Writer } from '../shared/writer.ts';
import { faultError, faultOf, visitData } from './faults.ts';
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
  /** The source's encoding, which the file may be decoded from: bad rows then have no place in bytes. */
  encoding: string;
  /** Rows to stop after. */
  limit: number | null;
}

const COMMA = 44;

/**
 * Writes a file anew in the one form that the engine reads without fail. The row's number counts bad rows too. Throws
 * `format/*` errors at the first bad row where `rejects` is null.
 */
export async function rewrite(file: LocalFile, layout: Layout, options: RewriteOptions): Promise<Rewritten> {
  const rows = new Writer(await open(options.rows, 'w'));
  const rejects = options.rejects === null ? null : new Writer(await open(options.rejects, 'a'));
  const nulls = options.nullValues.map((text) => Buffer.from(text));
  const limit = options.limit ?? Number.POSITIVE_INFINITY;
  const done = { rows: 0, rejects: 0, size: 0, longest: 0 };
  const columns = layout.names.length;
  const said = { names: layout.names, encoding: options.encoding };
  const placed = options.encoding === 'utf-8';
  const placeOf = (record: RecordView) => ({ line: record.line, start: placed ? record.start : null });
  const take = (record: RecordView): boolean => {
    const fault = faultOf(record, said);
    if (fault && !rejects) throw faultError(file, record, fault, said);
    if (fault) {
      rejects?.text(rejectLine(file.ordinal, placeOf(record), fault, record.text(KEPT_TEXT)));
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
