import { schema } from './schema.ts';

/** Keys that formats of text have alike. */
export const skipRows = schema({
  type: 'integer',
  minimum: 0,
  default: 0,
  description: 'Lines at the beginning of each file that hold no rows; blank ones count.',
  examples: [1],
});

export const skipFooter = schema({
  type: 'integer',
  minimum: 0,
  maximum: 10000,
  default: 0,
  description: 'Lines at the end of each file that hold no rows, such as a total; blank ones count.',
  examples: [1],
});

/** What becomes of rows that cannot be taken; `which` says which these are in the format. */
export function onBadRow(which: string) {
  return {
    type: 'string',
    enum: ['fail', 'warn', 'discard', 'quarantine'],
    'x-enum-text': [
      'The run fails and names the line.',
      'The row is left out and counted, with a warning.',
      'The row is left out and counted.',
      'The row is set aside in the quarantine and counted.',
    ],
    default: 'fail',
    description: `What happens to ${which}, or whose value breaks a declared type.`,
  } as const;
}
