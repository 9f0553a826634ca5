import { encoding } from '../../spec/encoding.ts';
import { schema } from '../../spec/schema.ts';
import { defineSpec } from '../../spec/spec.ts';
import { onBadRow, skipFooter, skipRows } from '../../spec/text-rows.ts';

export const fixedWidthSpec = defineSpec({
  kind: 'format',
  type: 'fixed_width',
  title: 'Text with columns of fixed width',
  text: 'Each line is a row whose values stand at fixed places.',
  settings: schema({
    type: 'object',
    properties: {
      fields: {
        type: 'array',
        minItems: 1,
        description: 'The columns, in any order; they may overlap, and what lies between them is left out.',
        items: {
          type: 'object',
          properties: {
            name: { type: 'string', minLength: 1, description: 'Name of the column.' },
            start: { type: 'integer', minimum: 1, description: 'Place of its first character in the line, from 1.' },
            length: { type: 'integer', minimum: 1, description: 'Number of its characters.' },
          },
          required: ['name', 'start', 'length'],
          additionalProperties: false,
          'x-synonyms': { from: 'start', offset: 'start', position: 'start', width: 'length', size: 'length' },
        },
      },
      encoding,
      skip_rows: skipRows,
      skip_footer: skipFooter,
      on_bad_row: onBadRow('a line that is no row'),
    },
    required: ['fields'],
    additionalProperties: false,
    'x-synonyms': { columns: 'fields', colspecs: 'fields', charset: 'encoding', skip: 'skip_rows' },
  }),
  secrets: [],
  capabilities: { batch: true },
  examples: [
    'type: fixed_width\nfields:\n  - name: id\n    start: 1\n    length: 6\n  - name: name\n    start: 7\n    length: 20\nskip_rows: 1\nskip_footer: 1\nencoding: cp850\n',
  ],
  notes: [
    '- Places and lengths count characters (Unicode code points), not bytes: `ü` is one in every encoding. A character that is written as a letter and a combining mark is two.',
    '- Spaces around a value are left out; a value of spaces alone is NULL.',
    '- A line may end early, as where an editor took off the spaces at its end: what is missing is NULL. But where all lines before it were whole, a last line that is short and has no line end is a bad row, since the file looks cut off.',
    '- Blank lines are left out, and so is the character 26 that DOS programs end files with. Line ends may be LF, CRLF or CR; records without line ends are not read.',
    '- Decimals without a point are read by `columns[].scale`.',
    '- A line with bytes that the encoding has no character for is a bad row. A line may have 64 MiB.',
  ].join('\n'),
});
