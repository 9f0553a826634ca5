import type { JsonObject } from '../../model/json.ts';
import type { Grammar } from './records.ts';

/** The settings with their defaults; null: to be found out. */
export interface CsvSettings {
  delimiter: string | null;
  quote: string;
  escape: string;
  header: boolean | null;
  skipRows: number;
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
    skipRows: typeof settings.skip_rows === 'number' ? settings.skip_rows : 0,
    comment: text(settings.comment),
    nullValues: nulls,
  };
}

export function grammarOf(settings: CsvSettings, delimiter: string): Grammar {
  return { delimiter, quote: settings.quote, escape: settings.escape, comment: settings.comment };
}

function text(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}
