import { schema } from '../../../spec/schema.ts';

/** How a destination of files writes them. */
export const writtenFiles = schema({
  type: 'object',
  properties: {
    format: {
      type: 'string',
      enum: ['parquet', 'csv', 'json', 'arrow'],
      'x-enum-text': [
        'Parquet, compressed by zstd.',
        'CSV with a header; text is always in quotes, null is nothing.',
        'One record per line (NDJSON).',
        'Arrow IPC files (Feather 2), uncompressed.',
      ],
      'x-value-synonyms': { ndjson: 'json', jsonl: 'json', pq: 'parquet', tsv: 'csv', feather: 'arrow' },
      default: 'parquet',
      description: 'How the files are written.',
    },
    partition_by: {
      type: 'array',
      'x-shorthand': '',
      items: { type: 'string', minLength: 1, 'x-kind': 'column' },
      minItems: 1,
      uniqueItems: true,
      description:
        'Columns whose values make `column=value` folders, as Hive lays them out; they stand in the files too.',
    },
    target_file_size: {
      type: 'string',
      'x-kind': 'size',
      description:
        'A file ends at about this size and the next one begins. Left out: a file per task. Not with `partition_by`.',
      examples: ['256MB'],
    },
  },
  additionalProperties: false,
  'x-synonyms': {
    folder: 'path',
    directory: 'path',
    partition: 'partition_by',
    partitions: 'partition_by',
    file_size: 'target_file_size',
  },
} as const);

/** How the types of the job language stand in such files. */
export const FILE_TYPES = `| type | Parquet | CSV | JSON | Arrow |
|---|---|---|---|---|
| boolean, int, bigint | BOOLEAN, INT32, INT64 | as they are | as they are | Bool, Int32, Int64 |
| double | DOUBLE | shortest exact text; inf, nan | number; "Infinity", "-Infinity", "NaN" | Float64 |
| decimal(p,s) | DECIMAL(p,s) | all digits | number with all digits | Decimal128(p,s) |
| text | UTF8 | in quotes; null is nothing, empty text is "" | text | Utf8 |
| binary | BYTE_ARRAY | hexadecimal behind \`\\x\` | the same | Binary |
| date, time | DATE, TIME(micros) | ISO 8601 | ISO 8601 | Date32, Time64(us) |
| timestamp | TIMESTAMP(micros, local) | \`2026-01-02T03:04:05\` | the same | Timestamp(us) |
| timestamptz | TIMESTAMP(micros, UTC) | \`2026-01-02T03:04:05Z\` | the same | Timestamp(us, UTC) |
| uuid | UUID | text | text | arrow.uuid |
| json | JSON | its text, on one line | the value, digits kept | arrow.json |
| list, struct | LIST, group | JSON text | list, object | List, Struct |

Infinite dates and times are refused in Parquet and Arrow, which have none: the load fails and names column and row. In CSV and JSON they are
\`infinity\`, as are years before 1 \`0044-03-15 (BC)\`.
`;
