import { encoding } from '../../spec/encoding.ts';
import { schema } from '../../spec/schema.ts';
import { defineSpec } from '../../spec/spec.ts';
import { onBadRow } from '../../spec/text-rows.ts';

export const jsonSpec = defineSpec({
  kind: 'format',
  type: 'json',
  title: 'JSON and NDJSON',
  text: 'Objects with one field per column: one on each line, or in a list. Every number keeps all of its digits.',
  settings: schema({
    type: 'object',
    properties: {
      layout: {
        type: 'string',
        enum: ['auto', 'array', 'ndjson'],
        'x-enum-text': [
          'By each file’s first bytes.',
          'The file is one document: a list of records, one record, or an object that holds the list.',
          'Each line is a document of its own.',
        ],
        default: 'auto',
        description: 'How records are laid out in a file.',
      },
      records: {
        type: 'string',
        pattern: '^[^.]+(\\.[^.]+)*$',
        description:
          'The names that lead to the list of records, with dots between them. Left out: the document itself.',
        examples: ['data.items'],
      },
      encoding: {
        ...encoding,
        description:
          'How characters are written as bytes. auto: UTF-16 by its byte order mark or by its zeros, else UTF-8. A byte order mark wins over what is declared, and is left out.',
      },
      on_bad_row: onBadRow('a record that is no object'),
    },
    additionalProperties: false,
    'x-synonyms': {
      format: 'layout',
      record_path: 'records',
      json_path: 'records',
      data_path: 'records',
      root: 'records',
    },
  }),
  secrets: [],
  capabilities: { batch: true },
  examples: ['type: json\nrecords: data.items\n', 'type: json\nlayout: ndjson\non_bad_row: quarantine\n'],
  notes: [
    '- Columns are the fields of the records in the first bytes of the files. A record that lacks one has NULL there, as where it is null. Where a record has a field that was not seen there, the run looks through that file and begins anew with the column, and `schema_contract` says what the table does with it. Only a value makes a column: a field that is null everywhere makes none.',
    '- Types are inferred from the values as they are written; a column that holds lists or objects is `json`, with each value as it is written. A `list<…>` or `struct<…>` can be declared: `sluice infer` says which would keep every value of its sample, and `infer --write --nested` writes it. A value that does not fit it makes a bad row, also by an item of another type, a number that would change, or a name that the struct lacks; a field that is missing is null.',
    '- A column of strings is never taken for numbers or booleans; dates and times are.',
    '- Names differ by letter case, columns do not: the second of `id` and `Id` becomes `Id_2`. Of a name that a record has twice the last value counts.',
    '- A bad row is a line or an element of the list that is no object, is no JSON by the standard (NaN, comments, a comma too many), has half of a surrogate pair, or bytes that are no UTF-8. A list that is broken or cut off fails the run, because what stands behind that place cannot be found.',
    '- A record may have 128 MiB and 512 levels of nesting. Blank lines are left out; an empty file has no rows.',
  ].join('\n'),
});
