import type { Came } from '../../model/engine.ts';

/** A value as its text; bytes are written in hexadecimal digits; null is no value. */
export type CsvValue = string | Uint8Array | null;

const CHUNK = 1 << 16;

/** Rows as the CSV bytes that `spoolCsv` takes, many rows to a chunk, of which `came` is told. */
export async function* csvRows(
  rows: AsyncIterable<readonly CsvValue[]> | Iterable<readonly CsvValue[]>,
  came: Came = () => undefined,
) {
  let text = '';
  let count = 0;
  for await (const row of rows) {
    text += line(row);
    count++;
    if (text.length < CHUNK) continue;
    yield Buffer.from(text);
    came(text.length, count);
    [text, count] = ['', 0];
  }
  if (text !== '') yield Buffer.from(text);
  came(text.length, count);
}

function line(row: readonly CsvValue[]): string {
  let text = '';
  for (let i = 0; i < row.length; i++) {
    const value = row[i] ?? null;
    if (i > 0) text += ',';
    if (value === null) continue;
    text += typeof value === 'string' ? quoted(value) : Buffer.from(value).toString('hex') || '""';
  }
  // A line of one column that is null would be empty, and passed over.
  return row.length === 1 ? `${text},1\n` : `${text}\n`;
}

const PLAIN = /^[\w.:+-][\w.:+ -]*$/;

function quoted(text: string): string {
  return PLAIN.test(text) ? text : `"${text.replaceAll('"', '""')}"`;
}
