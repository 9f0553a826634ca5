import type { JsonObject } from '../../model/json.ts';
import type { Grammar } from './records.ts';

/** The settings with their defaults; null: to be found out. */
export interface CsvSettings {
  delimiter: string | null;
  quote: string;
  escape: string;
  header: boolean | null;
  skipRows: number;
  skipFooter: number;
  /** One of the spec's names; `auto`: to be found out. */
  encoding: string;
  /** A name that occurs twice gets a number, or fails. */
  duplicateHeaders: 'rename' | 'fail';
  comment: string | null;
  nullValues: string[];
}

/** Reads settings that the spec has validated. */
export function readSettings(settings: JsonObject): CsvSettings {
  const quote = text(settings.quote) ?? '"';
  const header = settings.header === undefined || settings.header === null ? 'auto' : String(settings.header);
  const nulls = Array.isArray(settings.null_values) ? settings.null_values.map(String) : [''];
  return {
    delimiter: text(settings.delimiter),
    quote,
    escape: text(settings.escape) || quote,
    header: header === 'auto' ? null : header === 'true',
    skipRows: count(settings.skip_rows),
    skipFooter: count(settings.skip_footer),
    encoding: text(settings.encoding) ?? 'auto',
    duplicateHeaders: settings.duplicate_headers === 'fail' ? 'fail' : 'rename',
    comment: text(settings.comment),
    nullValues: nulls,
  };
}

export function grammarOf(settings: CsvSettings, delimiter: string): Grammar {
  return { delimiter, quote: settings.quote, escape: settings.escape, comment: settings.comment };
}

function count(value: unknown): number {
  return typeof value === 'number' ? value : 0;
}

function text(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}
