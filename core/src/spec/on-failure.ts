import { schema } from './schema.ts';

/** What happens to a row that fails a check. */
export const onFailure = schema({
  type: 'string',
  enum: ['fail', 'warn', 'discard', 'quarantine'],
  default: 'fail',
  'x-enum-text': [
    'The stream fails and commits nothing',
    'The row is written, and the run warns',
    'The row is left out and counted as rejected',
    'The row is set aside with the reason and counted as rejected',
  ],
  'x-value-synonyms': {
    error: 'fail',
    abort: 'fail',
    raise: 'fail',
    block: 'fail',
    expect_or_fail: 'fail',
    warning: 'warn',
    log: 'warn',
    expect: 'warn',
    ignore: 'discard',
    drop: 'discard',
    skip: 'discard',
    reject: 'discard',
    expect_or_drop: 'discard',
    dead_letter: 'quarantine',
    dlq: 'quarantine',
    rescue: 'quarantine',
  },
  title: 'On failure',
  description: 'What happens to a row that fails.',
  examples: ['quarantine'],
});

/** What happens when a check fails that looks at all rows at once: there is no single row to set aside. */
export const onTableFailure = schema({
  type: 'string',
  enum: ['fail', 'warn'],
  default: 'fail',
  'x-enum-text': ['The stream fails and commits nothing', 'The rows are written, and the run warns'],
  'x-value-synonyms': { error: 'fail', abort: 'fail', raise: 'fail', block: 'fail', warning: 'warn', log: 'warn' },
  title: 'On failure',
  description: 'What happens when the check fails.',
  examples: ['warn'],
});
