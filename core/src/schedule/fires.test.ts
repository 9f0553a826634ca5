import { describe, expect, test } from 'vitest';
import { type Cron, parseCron } from './cron.ts';
import { dstNotes } from './dst.ts';
import { fires, missedFires, nextFires, previousFire } from './fires.ts';

function cron(text: string): Cron {
  const parsed = parseCron(text);
  if (!parsed.ok) throw new Error(`${text}: ${parsed.message}`);
  return parsed.cron;
}

const at = (text: string) => Date.parse(text);
const iso = (instants: readonly number[]) => instants.map((t) => new Date(t).toISOString().replace(/:00\.000Z$/, 'Z'));
const next = (text: string, zone: string, from: string, n: number) => iso(nextFires(cron(text), zone, at(from), n));

const NEW_YORK = 'America/New_York';

describe('a time that does not exist on the day the clocks go forward', () => {
  test('fires once, at the first moment after the gap', () => {
    expect(next('0 2 * * *', NEW_YORK, '2024-03-09T05:00Z', 3)).toEqual([
      '2024-03-09T07:00Z',
      '2024-03-10T07:00Z',
      '2024-03-11T06:00Z',
    ]);
  });

  test('is one catch-up run after a night without a daemon', () => {
    const missed = (catchup: 'none' | 'latest' | 'all') =>
      iso(missedFires(cron('0 2 * * *'), NEW_YORK, at('2024-03-09T12:00Z'), at('2024-03-10T07:30Z'), catchup));
    expect(missed('latest')).toEqual(['2024-03-10T07:00Z']);
    expect(missed('all')).toEqual(['2024-03-10T07:00Z']);
    expect(missed('none')).toEqual([]);
    expect(previousFire(cron('0 2 * * *'), NEW_YORK, at('2024-03-10T07:30Z'))).toBe(at('2024-03-10T07:00Z'));
    expect(previousFire(cron('0 2 * * *'), NEW_YORK, at('2024-03-10T06:59:59Z'))).toBe(at('2024-03-09T07:00Z'));
  });

  test('several such times, and the time after the gap, are one fire', () => {
    expect(next('0,15,30 2,3 * * *', NEW_YORK, '2024-03-10T05:00Z', 4)).toEqual([
      '2024-03-10T07:00Z',
      '2024-03-10T07:15Z',
      '2024-03-10T07:30Z',
      '2024-03-11T06:00Z',
    ]);
  });

  test('does not delay an interval', () => {
    expect(next('0 * * * *', NEW_YORK, '2024-03-10T05:00Z', 3)).toEqual([
      '2024-03-10T06:00Z',
      '2024-03-10T07:00Z',
      '2024-03-10T08:00Z',
    ]);
    expect(next('30 */2 * * *', NEW_YORK, '2024-03-10T05:00Z', 2)).toEqual(['2024-03-10T05:30Z', '2024-03-10T08:30Z']);
  });

  test('a midnight that does not exist, a day that does not exist', () => {
    expect(next('0 0 * * *', 'America/Sao_Paulo', '2018-11-03T12:00Z', 2)).toEqual([
      '2018-11-04T03:00Z',
      '2018-11-05T02:00Z',
    ]);
    expect(next('0 12 * * *', 'Pacific/Apia', '2011-12-29T12:00Z', 3)).toEqual([
      '2011-12-29T22:00Z',
      '2011-12-30T10:00Z',
      '2011-12-30T22:00Z',
    ]);
  });
});

test('an hour list takes the new offset on the day of the change', () => {
  expect(next('0 7,9 * * *', 'America/Los_Angeles', '2020-03-07T08:00Z', 6)).toEqual([
    '2020-03-07T15:00Z',
    '2020-03-07T17:00Z',
    '2020-03-08T14:00Z',
    '2020-03-08T16:00Z',
    '2020-03-09T14:00Z',
    '2020-03-09T16:00Z',
  ]);
});

describe('a time that occurs twice on the day the clocks go back', () => {
  test('a fixed schedule fires the first time only', () => {
    expect(next('30 1 * * *', NEW_YORK, '2025-11-01T04:00Z', 3)).toEqual([
      '2025-11-01T05:30Z',
      '2025-11-02T05:30Z',
      '2025-11-03T06:30Z',
    ]);
    expect(next('30 1 * * *', NEW_YORK, '2025-11-02T05:45Z', 1)).toEqual(['2025-11-03T06:30Z']);
    expect(previousFire(cron('30 1 * * *'), NEW_YORK, at('2025-11-02T06:45Z'))).toBe(at('2025-11-02T05:30Z'));
  });

  test('an interval fires on both passes', () => {
    expect(next('*/30 * * * *', NEW_YORK, '2025-11-02T03:59Z', 7)).toEqual([
      '2025-11-02T04:00Z',
      '2025-11-02T04:30Z',
      '2025-11-02T05:00Z',
      '2025-11-02T05:30Z',
      '2025-11-02T06:00Z',
      '2025-11-02T06:30Z',
      '2025-11-02T07:00Z',
    ]);
    expect(next('* * * * *', NEW_YORK, '2026-11-01T06:30:15Z', 1)).toEqual(['2026-11-01T06:31Z']);
  });

  test('midnight shown one minute before the clocks go back to the day before', () => {
    // St. John's: 00:01 became 23:01 of the day before.
    expect(next('0 0 * * *', 'America/St_Johns', '2010-11-06T12:00Z', 2)).toEqual([
      '2010-11-07T02:30Z',
      '2010-11-08T03:30Z',
    ]);
    expect(next('30 23,0 * * *', 'America/St_Johns', '2010-11-06T12:00Z', 3)).toEqual([
      '2010-11-07T02:00Z',
      '2010-11-07T04:00Z',
      '2010-11-08T03:00Z',
    ]);
    expect(next('*/30 * * * *', 'America/St_Johns', '2010-11-07T01:59Z', 5)).toEqual([
      '2010-11-07T02:00Z',
      '2010-11-07T02:30Z',
      '2010-11-07T03:00Z',
      '2010-11-07T03:30Z',
      '2010-11-07T04:00Z',
    ]);
  });
});

describe('days', () => {
  test('the last Sunday, written with 7 or 0', () => {
    const expected = ['2024-02-25T06:00Z', '2024-03-31T06:00Z', '2024-04-28T06:00Z', '2024-05-26T06:00Z'];
    expect(next('0 6 * * 7L', 'UTC', '2024-02-01', 4)).toEqual(expected);
    expect(next('0 6 * * 0L', 'UTC', '2024-02-01', 4)).toEqual(expected);
  });

  test('the last day, leap years', () => {
    expect(next('0 0 L * *', 'UTC', '2024-01-15', 3)).toEqual([
      '2024-01-31T00:00Z',
      '2024-02-29T00:00Z',
      '2024-03-31T00:00Z',
    ]);
    expect(next('0 0 29 2 *', 'UTC', '2096-03-01', 2)).toEqual(['2104-02-29T00:00Z', '2108-02-29T00:00Z']);
    expect(previousFire(cron('0 0 29 2 *'), 'UTC', at('2104-02-28T00:00Z'))).toBe(at('2096-02-29T00:00Z'));
  });

  test('a fifth Friday of February comes once in 28 years', () => {
    expect(next('0 0 * 2 5#5', 'UTC', '2008-03-01', 1)).toEqual(['2036-02-29T00:00Z']);
  });

  test('both day fields: either of them', () => {
    expect(next('0 0 13 * 5', 'UTC', '2024-09-05', 4)).toEqual([
      '2024-09-06T00:00Z',
      '2024-09-13T00:00Z',
      '2024-09-20T00:00Z',
      '2024-09-27T00:00Z',
    ]);
    expect(next('0 0 1 * 5#1', 'UTC', '2024-09-01', 3)).toEqual([
      '2024-09-06T00:00Z',
      '2024-10-01T00:00Z',
      '2024-10-04T00:00Z',
    ]);
  });
});

describe('bounds and borders', () => {
  const daily = cron('0 2 * * *');

  test('start is included, end is not', () => {
    const bounds = { start: at('2024-01-02T02:00Z'), end: at('2024-01-04T02:00Z') };
    expect(iso(nextFires(daily, 'UTC', at('2023-12-01'), 9, bounds))).toEqual([
      '2024-01-02T02:00Z',
      '2024-01-03T02:00Z',
    ]);
    expect(nextFires(daily, 'UTC', at('2024-01-03T02:00Z'), 9, bounds)).toEqual([]);
    expect(previousFire(daily, 'UTC', at('2024-01-02T01:59Z'), bounds)).toBeNull();
    expect(previousFire(daily, 'UTC', at('2024-01-02T02:00Z'), bounds)).toBe(bounds.start);
    expect(previousFire(daily, 'UTC', at('2025-01-01T00:00Z'), bounds)).toBe(at('2024-01-03T02:00Z'));
    expect(iso(missedFires(daily, 'UTC', 0, at('2025-01-01'), 'latest', bounds))).toEqual(['2024-01-03T02:00Z']);
    expect(missedFires(daily, 'UTC', 0, at('2025-01-01'), 'all', bounds)).toHaveLength(2);
    expect(missedFires(daily, 'UTC', at('2024-01-03T02:00Z'), at('2025-01-01'), 'all', bounds)).toEqual([]);
  });

  test('the next fire is later than the time asked about, the previous one may be it', () => {
    const due = at('2024-01-02T02:00Z');
    expect(nextFires(daily, 'UTC', due, 1)).toEqual([at('2024-01-03T02:00Z')]);
    expect(nextFires(daily, 'UTC', due - 1, 1)).toEqual([due]);
    expect(nextFires(daily, 'UTC', due - 0.5, 1)).toEqual([due]);
    expect(previousFire(daily, 'UTC', due)).toBe(due);
    expect(previousFire(daily, 'UTC', due - 1)).toBe(at('2024-01-01T02:00Z'));
  });

  test('a fire at the moment itself is not late', () => {
    const due = at('2024-01-05T02:00Z');
    const from = at('2024-01-02T12:00Z');
    expect(missedFires(daily, 'UTC', from, due, 'none')).toEqual([due]);
    expect(missedFires(daily, 'UTC', from, due, 'latest')).toEqual([due]);
    expect(iso(missedFires(daily, 'UTC', from, due, 'all'))).toEqual([
      '2024-01-03T02:00Z',
      '2024-01-04T02:00Z',
      '2024-01-05T02:00Z',
    ]);
    expect(missedFires(daily, 'UTC', due, due, 'all')).toEqual([]);
    expect(missedFires(daily, 'UTC', due, due - 1000, 'latest')).toEqual([]);
  });

  test('nothing, many, and beyond the calendar', () => {
    expect(nextFires(daily, 'UTC', 0, 0)).toEqual([]);
    expect(nextFires(cron('* * * * *'), 'UTC', 0, 5000)).toHaveLength(5000);
    expect(nextFires(daily, 'UTC', at('9999-12-30T02:00Z'), 5)).toHaveLength(1);
    expect(nextFires(daily, 'UTC', Number.MAX_VALUE, 1)).toEqual([]);
    expect(nextFires(daily, 'UTC', Number.NaN, 1)).toEqual([]);
    expect(nextFires(daily, 'UTC', Number.NEGATIVE_INFINITY, 1)).toEqual([at('1900-01-01T02:00Z')]);
    expect(previousFire(daily, 'UTC', Number.NEGATIVE_INFINITY)).toBeNull();
    expect(previousFire(daily, 'UTC', Number.NaN)).toBeNull();
    expect(previousFire(daily, 'UTC', at('1900-01-01T02:00Z'))).toBe(at('1900-01-01T02:00Z'));
    expect(previousFire(daily, 'UTC', at('1900-01-01T01:00Z'))).toBeNull();
    expect(previousFire(daily, 'UTC', Number.MAX_VALUE)).toBe(at('9999-12-31T02:00Z'));
    expect([...fires(daily, 'UTC', 5, 5)]).toEqual([]);
  });

  test('an unknown zone is an error of the configuration', () => {
    expect(() => nextFires(daily, 'Europe/Berln', 0, 1)).toThrowError(
      expect.objectContaining({ code: 'value/timezone', kind: 'config' }),
    );
  });
});

describe('what a clock change does', () => {
  const year = [at('2025-01-01'), at('2026-01-01')] as const;
  const kinds = (text: string, zone = NEW_YORK) =>
    dstNotes(cron(text), zone, ...year).map((note) => [note.kind, iso([note.at])[0], note.times]);

  test('each kind', () => {
    expect(kinds('0 2 * * *')).toEqual([['moved', '2025-03-09T07:00Z', ['2025-03-09T02:00:00']]]);
    expect(kinds('30 1 * * *')).toEqual([['once', '2025-11-02T06:00Z', ['2025-11-02T01:30:00']]]);
    expect(kinds('*/30 * * * *')).toEqual([
      ['skipped', '2025-03-09T07:00Z', ['2025-03-09T02:00:00', '2025-03-09T02:30:00']],
      ['twice', '2025-11-02T06:00Z', ['2025-11-02T01:00:00', '2025-11-02T01:30:00']],
    ]);
    expect(kinds('0 5 * * *')).toEqual([]);
    expect(kinds('0 2 * * 1')).toEqual([]);
    expect(kinds('* * * * *', 'UTC')).toEqual([]);
  });

  test('the clock before and after', () => {
    const [note] = dstNotes(cron('0 2 * * *'), NEW_YORK, ...year);
    expect(note?.clock).toEqual({ from: '2025-03-09T02:00:00', to: '2025-03-09T03:00:00' });
    expect(note?.text).toBe(
      'On 2025-03-09 the clocks go forward from 02:00 to 03:00: 02:00 does not exist and the schedule fires once at 03:00.',
    );
    const [apia] = dstNotes(cron('0 12 * * *'), 'Pacific/Apia', at('2011-12-01'), at('2012-01-15'));
    expect(apia).toMatchObject({ kind: 'moved', times: ['2011-12-30T12:00:00'], clock: { to: '2011-12-31T00:00:00' } });
  });

  test('only changes within the period', () => {
    const change = at('2025-03-09T07:00Z');
    expect(dstNotes(cron('0 2 * * *'), NEW_YORK, change, change + 1)).toHaveLength(1);
    expect(dstNotes(cron('0 2 * * *'), NEW_YORK, change + 1, change + 9e9)).toHaveLength(0);
    expect(dstNotes(cron('0 2 * * *'), NEW_YORK, change - 9e9, change)).toHaveLength(0);
  });
});
