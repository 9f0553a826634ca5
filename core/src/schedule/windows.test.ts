import { describe, expect, test } from 'vitest';
import {
  completeWindows,
  type DueQuestion,
  dueWindows,
  type Every,
  lastCompleteWindow,
  mergeWindows,
  type TimeWindow,
  windowOf,
  windowsBetween,
} from './windows.ts';

const at = (text: string) => Date.parse(text);
const HOUR = 3_600_000;
const BERLIN = 'Europe/Berlin';
const show = ({ start, end }: TimeWindow) =>
  [start, end].map((t) => new Date(t).toISOString().replace(/(T\d\d:\d\d):00\.000Z$/, '$1Z')).join(' ');
const hours = ({ start, end }: TimeWindow) => (end - start) / HOUR;

describe('windows', () => {
  test('are aligned in the zone', () => {
    const shown = (every: Every, zone: string, instant: string) => show(windowOf(at(instant), every, zone));
    expect(shown('day', BERLIN, '2024-01-10T23:30Z')).toBe('2024-01-10T23:00Z 2024-01-11T23:00Z');
    expect(shown('day', 'UTC', '2024-01-10T23:30Z')).toBe('2024-01-10T00:00Z 2024-01-11T00:00Z');
    expect(shown('hour', 'Asia/Kathmandu', '2024-01-10T00:00Z')).toBe('2024-01-09T23:15Z 2024-01-10T00:15Z');
    expect(shown('week', BERLIN, '2024-01-10T12:00Z')).toBe('2024-01-07T23:00Z 2024-01-14T23:00Z');
    expect(shown('month', BERLIN, '2024-03-10T12:00Z')).toBe('2024-02-29T23:00Z 2024-03-31T22:00Z');
  });

  test('start is inside, end is not', () => {
    const day = windowOf(at('2024-01-10T12:00Z'), 'day', 'UTC');
    expect(windowOf(day.start, 'day', 'UTC')).toEqual(day);
    expect(windowOf(day.end - 1, 'day', 'UTC')).toEqual(day);
    expect(windowOf(day.end, 'day', 'UTC').start).toBe(day.end);
  });

  test('days at clock changes are 23 and 25 hours long', () => {
    expect(hours(windowOf(at('2024-03-31T12:00Z'), 'day', BERLIN))).toBe(23);
    expect(hours(windowOf(at('2024-10-27T12:00Z'), 'day', BERLIN))).toBe(25);
    expect(hours(windowOf(at('2024-10-27T12:00Z'), 'week', BERLIN))).toBe(169);
    // Midnight does not exist; midnight is shown once, after an hour that is shown twice.
    expect(show(windowOf(at('2018-11-04T12:00Z'), 'day', 'America/Sao_Paulo'))).toBe(
      '2018-11-04T03:00Z 2018-11-05T02:00Z',
    );
    expect(show(windowOf(at('2018-02-18T02:30Z'), 'day', 'America/Sao_Paulo'))).toBe(
      '2018-02-17T02:00Z 2018-02-18T03:00Z',
    );
    // 30 December 2011 was left out.
    expect(show(windowOf(at('2011-12-30T09:00Z'), 'day', 'Pacific/Apia'))).toBe('2011-12-29T10:00Z 2011-12-30T10:00Z');
    expect(show(windowOf(at('2011-12-30T10:00Z'), 'day', 'Pacific/Apia'))).toBe('2011-12-30T10:00Z 2011-12-31T10:00Z');
  });

  test('an hour that occurs twice is one window, one that does not exist is none', () => {
    const lengths = (from: string, to: string) => windowsBetween(at(from), at(to), 'hour', BERLIN).map(hours);
    expect(lengths('2024-10-26T23:00Z', '2024-10-27T03:00Z')).toEqual([1, 2, 1]);
    expect(lengths('2024-03-30T23:00Z', '2024-03-31T03:00Z')).toEqual([1, 1, 1, 1]);
  });

  test('of a period: those that share time with it, and those that lie complete in it', () => {
    const from = at('2024-01-10T06:00Z');
    const to = at('2024-01-12T00:00Z');
    expect(windowsBetween(from, to, 'day', 'UTC').map(show)).toEqual([
      '2024-01-10T00:00Z 2024-01-11T00:00Z',
      '2024-01-11T00:00Z 2024-01-12T00:00Z',
    ]);
    expect(windowsBetween(from, to + 1, 'day', 'UTC')).toHaveLength(3);
    expect(windowsBetween(from, from, 'day', 'UTC')).toEqual([]);
    expect(completeWindows(from, to, 'day', 'UTC')).toHaveLength(2);
    expect(completeWindows(from, to - 1, 'day', 'UTC')).toHaveLength(1);
    expect(completeWindows(from, to + 1, 'day', 'UTC')).toHaveLength(2);
    expect(show(lastCompleteWindow(to, 'day', 'UTC'))).toBe('2024-01-11T00:00Z 2024-01-12T00:00Z');
    expect(show(lastCompleteWindow(to - 1, 'day', 'UTC'))).toBe('2024-01-10T00:00Z 2024-01-11T00:00Z');
  });

  test('merge into as few as possible', () => {
    const w = (start: number, end: number) => ({ start, end });
    expect(mergeWindows([w(5, 6), w(1, 2), w(2, 3), w(8, 9), w(1, 3)])).toEqual([w(1, 3), w(5, 6), w(8, 9)]);
    expect(mergeWindows([])).toEqual([]);
  });
});

describe('the windows of a due time', () => {
  const day = (date: string): TimeWindow => windowOf(at(`${date}T12:00Z`), 'day', 'UTC');
  const question: DueQuestion = {
    every: 'day',
    zone: 'UTC',
    dueAt: at('2024-01-10T05:00Z'),
    previousDueAt: at('2024-01-09T05:00Z'),
    finished: [],
    catchup: 'all',
    lookback: 0,
    start: at('2024-01-06T08:00Z'),
    firstApplied: at('2024-01-08T12:00Z'),
  };
  const ask = (change: Partial<DueQuestion>) =>
    dueWindows({ ...question, ...change }).map(
      (w) => `${new Date(w.start).toISOString().slice(8, 10)}${w.again ? '+' : ''}`,
    );

  test('all: every complete one since the window that holds the start', () => {
    expect(ask({})).toEqual(['06', '07', '08', '09']);
    expect(ask({ finished: [day('2024-01-07'), day('2024-01-08')] })).toEqual(['06', '09']);
    expect(ask({ finished: mergeWindows(['06', '07', '08', '09'].map((d) => day(`2024-01-${d}`))) })).toEqual([]);
  });

  test('without a start: since the last one complete when the job was first applied', () => {
    expect(ask({ start: null })).toEqual(['07', '08', '09']);
    expect(ask({ start: null, firstApplied: question.dueAt })).toEqual(['09']);
    expect(ask({ start: null, firstApplied: at('2024-01-10T00:00Z') })).toEqual(['09']);
    expect(ask({ start: null, firstApplied: at('2024-01-09T23:59Z') })).toEqual(['08', '09']);
  });

  test('a start that has not come yet', () => {
    expect(ask({ start: at('2024-02-01T00:00Z') })).toEqual([]);
    expect(ask({ start: at('2024-01-10T00:00Z'), catchup: 'latest' })).toEqual([]);
    expect(ask({ start: at('2024-01-10T00:00Z'), catchup: 'none' })).toEqual([]);
  });

  test('latest: the newest that is not finished', () => {
    expect(ask({ catchup: 'latest' })).toEqual(['09']);
    expect(ask({ catchup: 'latest', finished: [day('2024-01-09'), day('2024-01-07')] })).toEqual(['08']);
    expect(
      ask({ catchup: 'latest', start: null, firstApplied: question.dueAt, finished: [day('2024-01-09')] }),
    ).toEqual([]);
  });

  test('none: only the one that ended since the previous due time', () => {
    expect(ask({ catchup: 'none' })).toEqual(['09']);
    expect(ask({ catchup: 'none', finished: [day('2024-01-09')] })).toEqual([]);
    expect(ask({ catchup: 'none', previousDueAt: null })).toEqual(['09']);
    expect(ask({ catchup: 'none', previousDueAt: at('2024-01-10T04:00Z') })).toEqual([]);
    expect(ask({ catchup: 'none', dueAt: at('2024-01-10T00:00Z') })).toEqual(['09']);
    expect(ask({ catchup: 'none', previousDueAt: at('2024-01-10T00:00Z') })).toEqual([]);
  });

  test('lookback: the last finished ones again, oldest first', () => {
    const finished = ['06', '07', '08'].map((d) => day(`2024-01-${d}`));
    expect(ask({ lookback: 1, finished })).toEqual(['08+', '09']);
    expect(ask({ lookback: 2, finished, catchup: 'latest' })).toEqual(['07+', '08+', '09']);
    expect(ask({ lookback: 5, finished, catchup: 'none' })).toEqual(['06+', '07+', '08+', '09']);
    expect(ask({ lookback: 2, finished: [day('2024-01-02'), day('2024-01-08')], catchup: 'latest' })).toEqual([
      '02+',
      '08+',
      '09',
    ]);
    expect(ask({ lookback: 1 })).toEqual(['06', '07', '08', '09']);
    expect(ask({ lookback: 1, finished: [...finished, day('2024-01-09')] })).toEqual(['09+']);
  });

  test('windows finished after the due time are not touched', () => {
    expect(ask({ lookback: 1, finished: [day('2024-01-09'), day('2024-01-10')] })).toEqual(['06', '07', '08', '09+']);
  });

  test('after a change of zone a day counts as finished when finished ones cover it', () => {
    const finished = ['06', '07', '08', '09'].map((d) => day(`2024-01-${d}`));
    const due = dueWindows({ ...question, zone: BERLIN, finished, start: at('2024-01-06T08:00Z'), lookback: 1 });
    expect(due.map((w) => `${show(w)} ${w.again}`)).toEqual([
      '2024-01-05T23:00Z 2024-01-06T23:00Z false',
      '2024-01-08T23:00Z 2024-01-09T23:00Z true',
    ]);
  });

  test('each due time of a year does each day once, clock changes included', () => {
    let finished: TimeWindow[] = [];
    let seen = 0;
    for (let n = 0; n < 366; n++) {
      const dueAt = at('2024-01-02T05:00Z') + n * 24 * HOUR;
      const due = dueWindows({
        ...question,
        zone: BERLIN,
        dueAt,
        previousDueAt: dueAt - 24 * HOUR,
        finished,
        start: at('2024-01-01T12:00Z'),
      });
      expect(due).toHaveLength(1);
      finished = mergeWindows([...finished, ...due]);
      seen += due[0]!.end - due[0]!.start;
    }
    expect(finished).toHaveLength(1);
    expect(seen).toBe(366 * 24 * HOUR);
  });

  test('years of hours are answered without looking at each', () => {
    const zone = BERLIN;
    const until = windowOf(at('2024-01-10T05:30Z'), 'hour', zone).start;
    const finished = [{ start: windowOf(at('2004-01-01T00:00Z'), 'hour', zone).start, end: until - 2 * HOUR }];
    const start = at('2004-01-01T00:00Z');
    const due = dueWindows({ ...question, every: 'hour', zone, finished, start, dueAt: until, lookback: 3 });
    expect(due.map((w) => w.again)).toEqual([true, true, true, false, false]);
  });
});
