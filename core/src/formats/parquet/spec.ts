import { schema } from '../../spec/schema.ts';
import { defineSpec } from '../../spec/spec.ts';

export const parquetSpec = defineSpec({
  kind: 'format',
  type: 'parquet',
  title: 'Parquet',
  text: 'Columnar files with types of their own.',
  settings: schema({ type: 'object', properties: {}, additionalProperties: false }),
  secrets: [],
  capabilities: { batch: true, parallel: 'engine' },
  examples: ['type: parquet\n'],
  notes: [
    '- Files may hold their columns in any order: they are matched by name, case aside. A column that a file lacks is NULL there.',
    '- Where files give a column different types it gets one that holds both (int and bigint: bigint; date and timestamp: timestamp). A value that the wider type would change fails the run, as do types without a common one.',
    '- A timestamp that is adjusted to UTC is a timestamptz, any other one a timestamp; neither depends on the zone of the machine. INT96 is a timestamp.',
    '- Timestamps are kept to the microsecond; a value with digits beyond it fails the run.',
    '- Unsigned and 128-bit integers become the next wider integer or a decimal, enums text, maps JSON.',
    '- Of files in S3 that are larger than 1 MB the footer comes first, then the columns that are read, of those row groups alone whose statistics say that a row may be wanted: by the window, by the cursor that a run goes on from, and by the `filter` steps that come before all others. Of a condition the comparisons of a column with a constant count, `in`, `between`, `is null`, `and` and `or`.',
    '- Statistics count for `min_value` and `max_value` in the order of the type, and for `min` and `max` of numbers with a sign; for whole numbers, decimals as INT32 or INT64, text, date and timestamps. All groups come where a column has a type of its own in `columns` that a value may break, or is not nullable, since bad rows count.',
    '- Rows of groups that were left out count as read and as filtered, as they would if they had come. A value in them that would fail the run is not seen.',
    '- A file that has a decimal of more than 38 digits fails the run.',
  ].join('\n'),
});
