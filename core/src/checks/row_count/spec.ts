import { onTableFailure } from '../../spec/on-failure.ts';
import { schema } from '../../spec/schema.ts';
import { defineSpec } from '../../spec/spec.ts';

export const rowCountSettings = schema({
  type: 'object',
  additionalProperties: false,
  properties: {
    min: {
      type: 'integer',
      minimum: 0,
      title: 'Least',
      description: 'Fewer rows than this fail the check.',
      examples: [1],
    },
    max: {
      type: 'integer',
      minimum: 0,
      title: 'Most',
      description: 'More rows than this fail the check.',
      examples: [1000000],
    },
    on_failure: onTableFailure,
  },
});

export const rowCountSpec = defineSpec({
  kind: 'check',
  type: 'row_count',
  title: 'Number of rows',
  text: 'Fails where the run has fewer or more rows than the bounds. Both bounds are included.',
  settings: rowCountSettings,
  secrets: [],
  capabilities: { scope: 'run' },
  examples: ['row_count: {min: 1, on_failure: warn}', 'row_count:\n  min: 1000\n  max: 2000000'],
  notes: 'Counts the rows of the run after the transforms, not those that are in the destination already.',
});
