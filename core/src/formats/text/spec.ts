import { encoding } from '../../spec/encoding.ts';
import { schema } from '../../spec/schema.ts';
import { defineSpec } from '../../spec/spec.ts';
import { onBadRow, skipFooter, skipRows } from '../../spec/text-rows.ts';

export const textSpec = defineSpec({
  kind: 'format',
  type: 'text',
  title: 'Lines of text',
  text: 'Each line is a row: whole, or taken apart by a regular expression, as log files want it.',
  settings: schema({
    type: 'object',
    properties: {
      regex: {
        type: 'string',
        'x-kind': 'regex',
        minLength: 1,
        pattern: '\\(\\?P?<[A-Za-z_]',
        description:
          'Its named groups are the columns. It is looked for anywhere in the line: write `^…$` for the whole line. Left out: one column `line`.',
        examples: ['^(?<at>\\S+) (?<level>[A-Z]+) (?<message>.*)$'],
      },
      encoding,
      skip_rows: skipRows,
      skip_footer: skipFooter,
      on_bad_row: onBadRow('a line that is no row'),
    },
    additionalProperties: false,
    'x-synonyms': { pattern: 'regex', regexp: 'regex', grok: 'regex', charset: 'encoding', skip: 'skip_rows' },
  }),
  secrets: [],
  capabilities: { batch: true },
  examples: [
    'type: text\n',
    'type: text\nregex: \'^(?<host>\\S+) \\S+ \\S+ \\[(?<at>[^\\]]+)\\] "(?<request>[^"]*)" (?<status>\\d{3})\'\non_bad_row: quarantine\n',
  ],
  notes: [
    '- Without `regex` every line is a row, blank ones too. With it blank lines are left out, and a line in which it is not found is a bad row.',
    '- The expression is RE2: without look-around and without back references. Groups are named `(?<name>…)` or `(?P<name>…)`; other groups make no column.',
    '- A group that matches nothing is NULL. Types are inferred from the texts, or declared under `columns`.',
    '- Line ends may be LF, CRLF or CR, and differ within a file. A line may have 64 MiB.',
    '- A line with bytes that the encoding has no character for is a bad row.',
  ].join('\n'),
});
