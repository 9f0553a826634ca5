import { onTableFailure } from '../../spec/on-failure.ts';
import { schema } from '../../spec/schema.ts';
import { defineSpec } from '../../spec/spec.ts';

export const freshnessSettings = schema({
  type: 'object',
  additionalProperties: false,
  required: ['column', 'max_age'],
  'x-synonyms': { loaded_at_field: 'column', field: 'column', age: 'max_age', within: 'max_age' },
  properties: {
    column: {
      type: 'string',
      minLength: 1,
      'x-kind': 'column',
      title: 'Column',
      description: 'A date, timestamp or timestamptz after the transforms. One without a zone is UTC.',
      examples: ['updated_at'],
    },
    max_age: {
      type: 'string',
      'x-kind': 'duration',
      title: 'Greatest age',
      description: "How far the newest value may lie before the run's start.",
      examples: ['2h', '1d'],
    },
    on_failure: onTableFailure,
  },
});

export const freshnessSpec = defineSpec({
  kind: 'check',
  type: 'freshness',
  title: 'Freshness',
  text: 'Fails where the newest value of the column is older than the greatest age.',
  settings: freshnessSettings,
  secrets: [],
  capabilities: { scope: 'run' },
  examples: [
    'freshness: {column: updated_at, max_age: 1d}',
    'freshness:\n  column: ordered_at\n  max_age: 36h\n  on_failure: warn',
  ],
  notes:
    "The clock is the run's start. Rows of which none has a value fail. A run without rows passes: `row_count` and `on_no_data` are for those. " +
    "A date's age counts from its beginning in UTC.",
});
