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
    '- A file that has a decimal of more than 38 digits fails the run.',
  ].join('\n'),
});
