import { schema } from '../../spec/schema.ts';
import { defineSpec } from '../../spec/spec.ts';

export const sheetsSpec = defineSpec({
  kind: 'format',
  type: 'sheets',
  title: 'Google Sheets',
  text: 'A sheet of a spreadsheet in Google Drive.',
  settings: schema({
    type: 'object',
    properties: {
      sheet: {
        type: 'string',
        minLength: 1,
        description: 'Name of the sheet. Left out: the first one.',
        examples: ['Orders'],
      },
      range: {
        type: 'string',
        pattern: '^[A-Za-z]{0,3}[0-9]*(:[A-Za-z]{0,3}[0-9]*)?$',
        minLength: 1,
        description: 'Part of the sheet, in A1 notation. Left out: all of it.',
        examples: ['A3:F'],
      },
      header: { type: 'boolean', default: true, description: 'The first row that is not blank holds the names.' },
    },
    additionalProperties: false,
    'x-synonyms': { sheet_name: 'sheet', worksheet: 'sheet', tab: 'sheet', cells: 'range' },
  }),
  secrets: [],
  capabilities: { batch: true },
  examples: ['type: sheets\nsheet: Orders\nrange: A3:F\n', 'type: sheets\n'],
  notes: [
    '- Numbers come as they are stored, whatever their display shows; dates and times as they are displayed, because a sheet stores them as numbers.',
    '- Blank rows are left out, wherever they stand. A name that stands twice gets `_2`, an empty one becomes `column_N`; empty columns at the end without a name are left out. Empty cells are NULL.',
  ].join('\n'),
});
