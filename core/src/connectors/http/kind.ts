import { SluiceError } from '../../model/error.ts';
import type { JsonObject } from '../../model/json.ts';
import { escapeRegex } from '../../model/regex.ts';
import { BrokenJson } from './slices.ts';

/** What the first page of a listing tells of the others, which are alike. */
export interface Kind {
  /** Format of the pages; null where nobody says it. */
  format: string | null;
  /** What the server calls it, without parameters. */
  media: string;
  /** The first line. */
  head: string;
}

/** Formats whose rows are known only once they are read: such a page counts as one row, so that it is no end. */
const UNCOUNTED: ReadonlySet<string> = new Set(['parquet', 'avro', 'arrow']);

export function mediaOf(contentType: string | undefined): string {
  return (contentType ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
}

export function kindOf(format: string | null, contentType: string | undefined, body: Buffer): Kind {
  const end = body.indexOf('\n');
  const head = body.toString('latin1', 0, Math.min(end < 0 ? body.length : end, 10_000)).trim();
  return { format, media: mediaOf(contentType), head };
}

const LF = 10;
const SPACE = 32;
const QUOTE = 34;

/**
 * Rows of a page that is no JSON. A page without rows is the end of the listing, so that a notice in the place of a page must not
 * count as one: throws `BrokenJson`, as an answer that broke off, where the page is not like the first.
 */
export function rowsOf(page: Kind, body: Buffer, settings: JsonObject, first: Kind | null): number {
  if (first && page.media !== first.media)
    throw new BrokenJson(`it is ${page.media || 'of no type'}, and the first page ${first.media || 'of no type'}`);
  const format = page.format ?? 'csv';
  if (UNCOUNTED.has(format)) return 1;
  if (format === 'xml') return elements(body, settings.record_path);
  const lines = linesOf(body, format === 'csv');
  if (format !== 'csv' || settings.header === false) return lines;
  if (lines !== 1 || first === null || page.head === first.head) return Math.max(0, lines - 1);
  if (settings.header === true) throw new BrokenJson('its only line is not the line of names of the first page');
  // Pages without a line of names: one row.
  return 1;
}

/** Throws where the next page begins behind the rows of this one, and nobody knows their number. */
export function requireCount(format: string | null, label: string): void {
  if (format === null || !UNCOUNTED.has(format)) return;
  throw new SluiceError('source/settings', 'config', `${label}: rows of ${format} are not counted page by page`, {
    hint: 'Use `pagination: {type: page}`, or an address or cursor that leads on.',
  });
}

function elements(body: Buffer, path: unknown): number {
  const name = typeof path === 'string' ? path.slice(Math.max(path.lastIndexOf('.'), path.lastIndexOf('/')) + 1) : '';
  if (name === '') return 1;
  const open = new RegExp(`<(?:[\\w.-]+:)?${escapeRegex(name)}[\\s/>]`, 'g');
  return body.toString('utf8').match(open)?.length ?? 0;
}

/** Lines that hold something; one inside quotes belongs to the line before. */
export function linesOf(body: Buffer, quotes: boolean): number {
  if (quotes && body.includes(QUOTE)) return quotedLines(body);
  let lines = 0;
  for (let from = 0; from < body.length; ) {
    const found = body.indexOf(LF, from);
    const end = found < 0 ? body.length : found;
    while (from < end && (body[from] as number) <= SPACE) from++;
    if (from < end) lines++;
    from = end + 1;
  }
  return lines;
}

function quotedLines(body: Buffer): number {
  let [lines, quoted, filled] = [0, false, false];
  for (const byte of body) {
    if (byte === QUOTE) quoted = !quoted;
    if (byte === LF && !quoted) {
      if (filled) lines++;
      filled = false;
    } else if (byte > SPACE) filled = true;
  }
  return filled ? lines + 1 : lines;
}
