import { schema } from '../../spec/schema.ts';
import { defineSpec } from '../../spec/spec.ts';

export const arrowSpec = defineSpec({
  kind: 'format',
  type: 'arrow',
  title: 'Arrow',
  text: 'Arrow IPC files (also called Feather, version 2) and Arrow streams, told apart by their first bytes.',
  settings: schema({ type: 'object', properties: {}, additionalProperties: false }),
  secrets: [],
  capabilities: { batch: true },
  examples: ['type: arrow\n'],
  notes: [
    '- Each field of the schema is a column. Integers of 8 to 32 bits are int (unsigned 32 bits: bigint), of 64 bits bigint (unsigned: `decimal(20,0)`); floats of 16, 32 and 64 bits double. Texts and bytes in their short, large and view forms are text and binary.',
    '- A decimal keeps every digit; one that may have more than 38 of them is text. Dates are date, times time, timestamps `timestamp`, with a zone `timestamptz`. Digits beyond the microsecond, and dates with a time of day, fail the run.',
    '- Durations and intervals are text in ISO 8601, such as `PT1.5S` and `P1M2DT3S`. A column of nulls is text.',
    '- A dictionary is read as its values, deltas included. Lists of every form are `list<…>`, structs `struct<…>`; maps and unions are `json`, as is a struct whose fields have no names or the same name twice, letter case aside.',
    '- The extension types `arrow.uuid` and `arrow.json` are uuid and json; others are read as what they are stored as.',
    '- Batches compressed by lz4 or zstd are read. Run-end encoded columns, list views, files written on big-endian machines and Feather of version 1 are refused.',
    '- A file that is cut off or damaged fails the run with its name. Files are read one batch at a time and are not divided among tasks.',
    '- Written: files of the file format in batches of about 65,536 rows, uncompressed; times in microseconds, decimals of 128 bits, uuid and json by their extension types. `target_file_size` counts the rows as uncompressed Parquet.',
  ].join('\n'),
});
