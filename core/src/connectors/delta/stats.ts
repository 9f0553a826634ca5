import { ident } from '../../model/sql.ts';
import type { Column } from '../../model/type.ts';

/** What the engine knows of one column of a file that it wrote, as texts. */
export interface ValueRange {
  min?: string;
  max?: string;
  null_count?: string;
  has_nan?: string;
}

/** Columns that readers expect statistics of: the protocol's own default. */
const MOST_COLUMNS = 32;
/** Characters of a text that are kept: a longer one has a lower bound alone. */
const MOST_TEXT = 32;
/** Digits that survive in a reader that takes JSON numbers for doubles. */
const SURE_DIGITS = 15;

/** The `stats` of an added file: rows, and of the first plain columns the least and greatest value and the number of nulls. */
export function statsText(rows: number, columns: readonly Column[], ranges: ReadonlyMap<string, ValueRange>): string {
  const [min, max, nulls]: string[][] = [[], [], []];
  for (const column of columns.slice(0, MOST_COLUMNS)) {
    const range = ranges.get(ident(column.name));
    if (!range) continue;
    const name = JSON.stringify(column.name);
    if (range.null_count !== undefined) nulls?.push(`${name}:${Number(range.null_count)}`);
    if (range.has_nan === 'true') continue;
    const [low, high] = [bound(range.min, column, 'min'), bound(range.max, column, 'max')];
    if (low !== null) min?.push(`${name}:${low}`);
    if (high !== null) max?.push(`${name}:${high}`);
  }
  return `{"numRecords":${rows},"minValues":{${min}},"maxValues":{${max}},"nullCount":{${nulls}}}`;
}

/** JSON of a bound; null where there is none that every reader takes right. */
function bound(text: string | undefined, { type }: Column, side: 'min' | 'max'): string | null {
  if (text === undefined) return null;
  switch (type.kind) {
    case 'int':
    case 'bigint':
      return text;
    case 'double':
      return Number.isFinite(Number(text)) && text !== '' ? String(Number(text)) : null;
    case 'decimal':
      return text.replace(/\D/g, '').length <= SURE_DIGITS ? text : null;
    case 'date':
      return /^\d{4}-/.test(text) && !text.endsWith('BC)') ? JSON.stringify(text) : null;
    case 'timestamp':
    case 'timestamptz':
      return moment(text, type.kind === 'timestamptz');
    case 'text':
    case 'uuid':
    case 'time':
    case 'json':
      return textBound(text, side);
    default:
      return null;
  }
}

function moment(text: string, zoned: boolean): string | null {
  if (!/^\d{4}-/.test(text) || text.endsWith('BC)')) return null;
  return JSON.stringify(`${text.replace(' ', 'T').replace(/\+00(:00)?$/, '')}${zoned ? 'Z' : ''}`);
}

function textBound(text: string, side: 'min' | 'max'): string | null {
  const chars = [...text];
  if (chars.length <= MOST_TEXT) return JSON.stringify(text);
  return side === 'min' ? JSON.stringify(chars.slice(0, MOST_TEXT).join('')) : null;
}
