import type { FormatReader } from '../../model/component.ts';
import type { JsonObject } from '../../model/json.ts';
import { csv } from '../csv/reader.ts';

/** The source writes a sheet's values as CSV of one form: nothing of it is to be found out. */
function fixed(settings: JsonObject): JsonObject {
  const { on_bad_row } = settings;
  return {
    delimiter: ',',
    quote: '"',
    escape: '"',
    header: settings.header === false ? 'false' : 'true',
    null_values: [''],
    ...(on_bad_row === undefined ? {} : { on_bad_row }),
  };
}

export const sheets: FormatReader = {
  ...csv,
  sniff: (files, settings, engine) => csv.sniff(files, fixed(settings), engine),
  scan: (files, sniffed, settings, engine, options) => csv.scan(files, sniffed, fixed(settings), engine, options),
};
