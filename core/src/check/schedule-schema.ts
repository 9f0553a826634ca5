import type { Schema } from '../spec/schema.ts';
import { object } from './object-schema.ts';

/** When a job runs. */
export const schedule: Schema = {
  ...object(
    'When the daemon runs the job. A text alone is the cron.',
    {
      cron: {
        type: 'string',
        'x-kind': 'cron',
        description: 'Five fields (minute hour day month weekday), or `@daily` and the like.',
      },
      timezone: {
        type: 'string',
        'x-kind': 'timezone',
        default: 'UTC',
        description: 'IANA zone in which the cron is read.',
      },
      start: {
        type: 'string',
        'x-kind': 'timestamp',
        description: 'No run is due before. On the clock of `timezone`, unless the text says Z or an offset.',
      },
      end: {
        type: 'string',
        'x-kind': 'timestamp',
        description: 'No run is due from here on. On the clock of `timezone`, unless the text says Z or an offset.',
      },
      overlap_policy: {
        type: 'string',
        enum: ['skip', 'queue', 'cancel'],
        'x-enum-text': ['The new run is skipped.', 'The new run waits.', 'The running one is cancelled.'],
        'x-value-synonyms': {
          forbid: 'skip',
          wait: 'queue',
          allow: 'queue',
          buffer_one: 'queue',
          buffer_all: 'queue',
          replace: 'cancel',
          cancel_other: 'cancel',
          terminate_other: 'cancel',
        },
        default: 'skip',
        description: 'A run is due while one is still going.',
      },
      catchup: {
        type: 'string',
        enum: ['none', 'latest', 'all'],
        'x-enum-text': [
          'Missed runs are dropped.',
          'The last missed one is run.',
          'All missed ones are run, oldest first.',
        ],
        'x-value-synonyms': { true: 'all', false: 'none', last: 'latest', skip: 'none', off: 'none' },
        default: 'latest',
        description: 'Due times that were missed while no daemon was there, or the job was paused.',
      },
    },
    ['cron'],
  ),
  'x-shorthand': 'cron',
  'x-synonyms': {
    expression: 'cron',
    interval: 'cron',
    quartz_cron_expression: 'cron',
    timezone_id: 'timezone',
    concurrency: 'overlap_policy',
    backfill: 'catchup',
    cron_expression: 'cron',
    schedule_interval: 'cron',
    tz: 'timezone',
    time_zone: 'timezone',
    start_date: 'start',
    end_date: 'end',
    overlap: 'overlap_policy',
    catch_up: 'catchup',
  },
};

/** How often it is tried again. */
export const retries: Schema = {
  ...object('Attempts after one that failed for a passing reason.', {
    max: { type: 'integer', minimum: 0, maximum: 100, default: 0, description: 'Retries after the first attempt.' },
    delay: { type: 'string', 'x-kind': 'duration', default: '30s', description: 'Wait before the first retry.' },
    backoff: {
      type: 'string',
      enum: ['fixed', 'exponential'],
      'x-enum-text': ['The same wait each time.', 'Twice the wait each time.'],
      'x-value-synonyms': { constant: 'fixed', linear: 'fixed', none: 'fixed', random: 'exponential' },
      default: 'exponential',
    },
  }),
  'x-synonyms': {
    max_attempts: 'max',
    maxattempts: 'max',
    maxattempt: 'max',
    limit: 'max',
    interval: 'delay',
    wait: 'delay',
    min_retry_interval_millis: 'delay',
    strategy: 'backoff',
    type: 'backoff',
    count: 'max',
    attempts: 'max',
    max_retries: 'max',
    retry_delay: 'delay',
  },
};
