import type { FormatReader } from '../../model/component.ts';
import { SluiceError } from '../../model/error.ts';
import type { JsonObject } from '../../model/json.ts';
import { ident } from '../../model/sql.ts';
import type { Infer } from '../../spec/schema.ts';
import { pinEncoding, sniffEncodings } from '../shared/encodings.ts';
import { keptTextLines } from '../shared/kept.ts';
import { type LineSettings, linesScan, scanLines } from '../shared/lines.ts';
import { distinctNames, key } from '../shared/names.ts';
import type { fixedWidthSpec } from './spec.ts';

type Settings = Infer<typeof fixedWidthSpec.settings>;

export const fixedWidth: FormatReader = {
  divisible: async () => true,

  async sniff(files, settings) {
    const { fields, lines } = readSettings(settings);
    const found = await sniffEncodings(files, lines.encoding);
    const columns = distinctNames(fields.map((field) => field.name)).map((name) => ({ name, type: null }));
    return { ...found, columns };
  },

  again: async (settings) => keptTextLines(settings),

  pin(sniffed, settings) {
    return pinEncoding(sniffed.dialect, readSettings(settings).lines.encoding);
  },

  async scan(files, sniffed, settings, engine, options) {
    const { fields, lines } = readSettings(settings);
    const items = sniffed.columns.map((column, i) => {
      const { start = 1, length = 0 } = fields[i] ?? {};
      return `nullif(trim(substring(t, ${start}, ${length})), '') AS ${ident(column.name)}`;
    });
    return linesScan(await scanLines(files, sniffed, lines, engine, options), items.join(', '), options);
  },

  async explain() {
    return null;
  },
};

/** Throws `format/fields` where two fields have the same name. */
function readSettings(settings: JsonObject): { fields: Settings['fields']; lines: LineSettings } {
  const read = settings as unknown as Settings;
  const names = read.fields.map((field) => key(field.name));
  const twice = read.fields.find((_, i) => names.indexOf(names[i] ?? '') !== i);
  if (twice) {
    throw new SluiceError('format/fields', 'config', `Two fields of format fixed_width are named ${twice.name}`, {
      where: { column: twice.name },
      hint: 'Give each field a name of its own.',
    });
  }
  const lines = {
    encoding: read.encoding ?? 'auto',
    skip: read.skip_rows ?? 0,
    footer: read.skip_footer ?? 0,
    blanks: false,
    reach: Math.max(...read.fields.map((field) => field.start + field.length - 1)),
  };
  return { fields: read.fields, lines };
}
