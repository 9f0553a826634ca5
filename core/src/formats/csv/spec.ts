import { schema } from '../../spec/schema.ts';
import { defineSpec } from '../../spec/spec.ts';

export const csvSpec = defineSpec({
  kind: 'format',
  type: 'csv',
  title: 'CSV and other delimited text',
  text: 'Rows of text with a delimiter, by RFC 4180. What is not declared is found out from the first bytes of each file, said, and then fixed for the run.',
  settings: schema({
    type: 'object',
    properties: {
      delimiter: {
        type: 'string',
        minLength: 1,
        maxLength: 4,
        description:
          'What stands between two values. Left out: comma, semicolon, tab or bar, whichever splits every line alike.',
        examples: [';', '\t', '|'],
      },
      quote: {
        type: 'string',
        pattern: '^[\\x21-\\x7e]?$',
        default: '"',
        description: 'One character around values that hold a delimiter or a line end. Empty: no value is quoted.',
      },
      escape: {
        type: 'string',
        pattern: '^[\\x21-\\x7e]?$',
        description: 'One character before a quote inside quotes. Left out: the quote itself, doubled.',
        examples: ['\\'],
      },
      header: {
        type: ['boolean', 'string'],
        pattern: '^auto$',
        default: 'auto',
        description:
          'Whether the first line holds the names of the columns: true, false (columns are column_1, column_2 …) or auto: it does unless it looks like data.',
      },
      skip_rows: {
        type: 'integer',
        minimum: 0,
        default: 0,
        description: 'Lines before the header, or before the data where there is none.',
      },
      comment: {
        type: 'string',
        minLength: 1,
        maxLength: 4,
        description: 'Lines that begin with it are left out.',
        examples: ['#'],
      },
      null_values: {
        type: 'array',
        items: { type: 'string' },
        default: [''],
        description: 'Unquoted texts that stand for NULL. A quoted text is never NULL.',
        examples: [['', 'NULL', 'N/A']],
      },
      decimal: {
        type: 'string',
        enum: ['.', ','],
        default: '.',
        description: 'The decimal mark of numbers.',
      },
      thousands: {
        type: 'string',
        minLength: 1,
        maxLength: 1,
        description: 'The mark between groups of three digits.',
        examples: ['.', ' '],
      },
      encoding: {
        type: 'string',
        enum: ['utf-8'],
        default: 'utf-8',
        description: 'How characters are written as bytes. A byte order mark is left out.',
      },
      on_bad_row: {
        type: 'string',
        enum: ['fail', 'warn', 'discard', 'quarantine'],
        'x-enum-text': [
          'The run fails and names the line.',
          'The row is left out and counted, with a warning.',
          'The row is left out and counted.',
          'The row is set aside in the quarantine and counted.',
        ],
        default: 'fail',
        description:
          'What happens to a row that cannot be split into the columns, or whose value breaks a declared type.',
      },
    },
    additionalProperties: false,
    'x-synonyms': {
      delim: 'delimiter',
      sep: 'delimiter',
      separator: 'delimiter',
      field_delimiter: 'delimiter',
      quotechar: 'quote',
      quote_char: 'quote',
      escapechar: 'escape',
      escape_char: 'escape',
      has_header: 'header',
      skiprows: 'skip_rows',
      skip: 'skip_rows',
      na_values: 'null_values',
      nullstr: 'null_values',
      null_string: 'null_values',
      charset: 'encoding',
    },
  }),
  secrets: [],
  capabilities: { batch: true },
  examples: [
    'type: csv\ndelimiter: ";"\ndecimal: ","\nthousands: "."\n',
    'type: csv\nheader: false\nnull_values: ["", "NULL"]\n',
  ],
  notes: [
    '- A value that is not quoted and empty is NULL; `""` is the empty text. Under a type other than text an empty text is NULL too.',
    '- A line without a value is left out; in a file of one column it is a NULL.',
    '- One more empty value at the end of a row is taken for a trailing delimiter. Any other row with too few or too many values is a bad row, as is one with text behind a closing quote, with a quote that is never closed, or with bytes that are no UTF-8.',
    '- Line ends may be LF, CRLF or CR, and differ within a file.',
    '- Files may hold their columns in any order: they are matched by name, case aside. A column that a file lacks is NULL there.',
    '- A name that occurs twice gets `_2`, `_3` …; an empty name becomes `column_N`.',
    '- An empty file has no rows and no columns of its own.',
  ].join('\n'),
});
