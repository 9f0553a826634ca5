import type { Schema } from '../spec/schema.ts';
import { object } from './object-schema.ts';

/** What a run reads: `incremental`. */
export const incremental: Schema = {
  type: 'object',
  description: 'What a run reads. Left out: `files` for files that are appended or merged, else `none`.',
  'x-union': {
    key: 'type',
    of: {
      none: object('Everything, every time.', {}),
      files: object('Files that were not loaded before.', {
        on_change: {
          type: 'string',
          enum: ['reload', 'ignore', 'fail'],
          'x-enum-text': ['It is loaded again.', 'It is passed over.', 'The stream fails.'],
          'x-value-synonyms': { reprocess: 'reload', load: 'reload', skip: 'ignore', error: 'fail' },
          description: 'A file that was loaded and then changed. Left out: `reload` for merge, `fail` for append.',
        },
      }),
      cursor: object(
        'Rows whose cursor is beyond the greatest one that was loaded.',
        {
          column: {
            type: 'string',
            minLength: 1,
            'x-kind': 'source-column',
            description: "The cursor's name in the source.",
          },
          initial_value: {
            type: 'string',
            minLength: 1,
            description:
              "The first run reads rows from this value on, as the cursor's type writes it: `2025-01-31`, `2025-01-31T06:00:00Z`, `1000`.",
          },
          lookback: {
            type: 'string',
            'x-kind': 'duration',
            default: '0s',
            description: 'How far before the cursor each run reads again.',
          },
        },
        ['column'],
      ),
      window: object(
        "One stretch of time a run, begun and ended by the clock of the schedule's zone. The finished ones are the checkpoint. `${window:start}` and `${window:end}`, with a strftime pattern after `|`, stand under `source`.",
        {
          column: {
            type: 'string',
            minLength: 1,
            'x-kind': 'source-column',
            description:
              "The rows' time, by its name in the source; a date or timestamp. Rows beyond the window are left out, and `replace` deletes the window's rows by it.",
          },
          every: {
            type: 'string',
            enum: ['hour', 'day', 'week', 'month'],
            'x-enum-text': [
              'From a full hour.',
              'From midnight.',
              'From Monday, midnight.',
              'From the first, midnight.',
            ],
            'x-value-synonyms': {
              hourly: 'hour',
              '1h': 'hour',
              daily: 'day',
              '1d': 'day',
              '24h': 'day',
              weekly: 'week',
              '7d': 'week',
              monthly: 'month',
            },
            description: 'How long a window is.',
          },
          lookback: {
            type: 'integer',
            minimum: 0,
            maximum: 1000,
            default: 0,
            description: 'How many finished windows are loaded once more each time, for rows that come late.',
          },
        },
        ['column', 'every'],
      ),
    },
  },
  'x-synonyms': {
    incremental_key: 'column',
    cursor_field: 'column',
    update_key: 'column',
    replication_key: 'column',
    time_column: 'column',
    event_time: 'column',
    partition_by: 'column',
    interval: 'every',
    granularity: 'every',
    batch_size: 'every',
    window_size: 'every',
    lag: 'lookback',
    initial: 'initial_value',
    start: 'initial_value',
    start_date: 'initial_value',
    begin: 'initial_value',
    cursor_start: 'initial_value',
  },
  'x-value-synonyms': {
    microbatch: 'window',
    time_interval: 'window',
    interval: 'window',
    timestamp: 'cursor',
    incremental: 'cursor',
    append: 'cursor',
    full: 'none',
    full_refresh: 'none',
    file: 'files',
  },
};
