import { schema } from '../../spec/schema.ts';
import { defineSpec } from '../../spec/spec.ts';

export const avroSpec = defineSpec({
  kind: 'format',
  type: 'avro',
  title: 'Avro',
  text: 'Object container files, whose schema stands in the file.',
  settings: schema({ type: 'object', properties: {}, additionalProperties: false }),
  secrets: [],
  capabilities: { batch: true },
  examples: ['type: avro\n'],
  notes: [
    '- Each field of the record is a column. Types: boolean, int, long (bigint), float and double (double), string and enum (text), bytes and fixed (binary).',
    '- Logical types: decimal keeps every digit (one of more than 38 is text); date; time-millis and time-micros (time); timestamp-millis, -micros and -nanos (timestamptz); the local-timestamp ones (timestamp); uuid. Digits beyond the microsecond fail the run. Others, such as duration, are read as the type below them.',
    '- A union with null is a column that may be NULL. A union of several other types is `json`, each value as it would stand alone; so are records, arrays and maps inside a field. Bytes are hexadecimal there, dates and times ISO 8601.',
    '- Codecs: null, deflate, snappy, zstandard, bzip2, xz. Others are refused with `format/codec`.',
    '- A file that is cut off or broken fails the run, with its name and the place. Files are read one block at a time and are not divided among tasks.',
  ].join('\n'),
});
