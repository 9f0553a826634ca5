import { describe, expect, test } from 'vitest';
import { checkSchedule } from './check.ts';
import { type Cron, normaliseCron, parseCron } from './cron.ts';
import { describeCron } from './describe.ts';
import { formatLocal, isTimeZone, suggestTimeZone } from './zone.ts';

function cron(text: string): Cron {
  const parsed = parseCron(text);
  if (!parsed.ok) throw new Error(`${text}: ${parsed.message}`);
  return parsed.cron;
}

/** The part of a refused text that is at fault. */
function culprit(text: string): string {
  const parsed = parseCron(text);
  expect(parsed.ok, text).toBe(false);
  return parsed.ok ? '' : text.slice(parsed.range.start, parsed.range.end);
}

/** Two texts mean the same when they differ in nothing but how they are written. */
function same(a: string, b: string): void {
  expect({ ...cron(a), text: '' }, `${a} = ${b}`).toEqual({ ...cron(b), text: '' });
}

describe('reading a cron', () => {
  test('values, lists, ranges and steps become ascending sets', () => {
    expect(cron('30,5-7,59 9-17/4 1,15 */3 *')).toMatchObject({
      minutes: [5, 6, 7, 30, 59],
      hours: [9, 13, 17],
      months: [1, 4, 7, 10],
      days: { any: false, dates: [1, 15], last: false },
      weekdays: { any: true },
    });
    expect(cron('5/20 0 * * *').minutes).toEqual([5, 25, 45]);
    expect(cron('0 0 * * 1-7').weekdays.plain).toEqual([0, 1, 2, 3, 4, 5, 6]);
    expect(cron('0 0 * * 5/1').weekdays.plain).toEqual([5, 6]);
  });

  test('names, Sunday as 7, ranges to Sunday, leading zeroes and ? say the same as the plain form', () => {
    same('0 0 * JAN,mar Mon-Fri', '0 0 * 1,3 1-5');
    same('0 6 * * 7L', '0 6 * * 0L');
    same('0 6 * * SUNL', '0 6 * * 0L');
    same('0 6 * * 7', '0 6 * * 0');
    same('0 6 * * FRI-SUN', '0 6 * * 0,5,6');
    same('0 6 * * 5-7', '0 6 * * 0,5,6');
    same('0 6 * * SUN-TUE', '0 6 * * 0-2');
    same('0 6 * * 7-2', '0 6 * * 0-2');
    same('00 02 01 * *', '0 2 1 * *');
    same('0 0 ? * 1', '0 0 * * 1');
    same('0 0 1 * ?', '0 0 1 * *');
    same('0 0 * * fri#2', '0 0 * * 5#2');
    same('0 0 * * 7#1', '0 0 * * 0#1');
  });

  test('nicknames', () => {
    same('@hourly', '0 * * * *');
    same('@daily', '0 0 * * *');
    same('@midnight', '0 0 * * *');
    same('@weekly', '0 0 * * 0');
    same('@monthly', '0 0 1 * *');
    same('@yearly', '0 0 1 1 *');
    same(' @ANNUALLY ', '@yearly');
    expect(cron(' @Daily').text).toBe('@daily');
  });

  test('a schedule is an interval when the minute or the hour runs through its field', () => {
    for (const text of [
      '* * * * *',
      '*/30 * * * *',
      '0 * * * *',
      '0 */2 * * *',
      '0 8-18/2 * * *',
      '0 0-23 * * *',
      '*/5 2 * * *',
    ])
      expect(cron(text).interval, text).toBe(true);
    for (const text of ['0 2 * * *', '0,30 1-5 * * *', '@daily', '0 7,9 */2 */3 1-5', '5-10 3 * * *'])
      expect(cron(text).interval, text).toBe(false);
  });

  test('white space and case do not make another cron', () => {
    expect(normaliseCron('  0  6\t* *  mon-Fri ')).toBe('0 6 * * MON-FRI');
    expect(normaliseCron('0 6 * * MON-FRI')).toBe('0 6 * * MON-FRI');
    expect(normaliseCron(' @Daily ')).toBe('@daily');
    expect(cron('0  6 * * *').text).toBe(cron('0 6 * * *').text);
    expect(normaliseCron('')).toBe('');
  });
});

describe('refusing a cron', () => {
  test.each([
    ['60 * * * *', '60'],
    ['*/0 * * * *', '0'],
    ['0 0 30 2 *', '30 2'],
    ['0 0 31 4,6,9,11 *', '31 4,6,9,11'],
    ['0 0 12W 6 *', '12W'],
    ['0 0 LW 6 *', 'LW'],
    ['0 0 L-3 6 *', 'L-3'],
    ['0 24 * * *', '24'],
    ['0 0 0 * *', '0'],
    ['0 0 32 * *', '32'],
    ['0 0 * 13 *', '13'],
    ['0 0 * * 8', '8'],
    ['0 0 * * 1,8L', '8'],
    ['0 0 * * L', 'L'],
    ['0 0 * * 5#6', '6'],
    ['0 0 * * 5#0', '0'],
    ['0 0 * * 5#', '#'],
    ['0 0 * * 9#1', '9'],
    ['0  0 * FOO *', 'FOO'],
    ['0 0 * JAN-FOO *', 'FOO'],
    ['0 22-2 * * *', '22-2'],
    ['0 0 * * FRI-MON', 'FRI-MON'],
    ['1,,2 * * * *', ','],
    ['1, * * * *', ','],
    [', * * * *', ','],
    ['*/ * * * *', '/'],
    ['*/x * * * *', 'x'],
    ['*/61 * * * *', '61'],
    ['5-70/2 * * * *', '70'],
    ['-5 * * * *', '-'],
    ['1.5 * * * *', '1.5'],
    ['H * * * *', 'H'],
    ['a-* * * * *', 'a'],
    ['0 0 L/2 * *', 'L'],
    ['0 0 1-L * *', 'L'],
    ['007 * * * *', '007'],
    ['0 0 0 * * *', '0'],
    ['0 0 1 1 * 2025', '2025'],
    ['0 0 1 1 * 2025-2027', '2025-2027'],
    ['0 0 1 1 * 1 1', '0 0 1 1 * 1 1'],
    [' * * * ', '* * *'],
    ['@reboot', '@reboot'],
    ['@dayly', '@dayly'],
    ['@every 5m', '@every 5m'],
    ['@daily 5', '@daily 5'],
    ['every day', 'every day'],
    ['', ''],
    ['   ', '   '],
  ])('%j at %j', (text, part) => {
    expect(culprit(text)).toBe(part);
  });

  test('of two equal parts the right one', () => {
    expect(parseCron('0 6 6 6 8')).toMatchObject({ ok: false, range: { start: 8, end: 9 } });
    expect(parseCron('  5,60,60 * * * *')).toMatchObject({ ok: false, range: { start: 4, end: 6 } });
  });

  test('a day that some given month has, or a weekday beside it, is no fault', () => {
    for (const text of [
      '0 0 29 2 *',
      '0 0 30 2,3 *',
      '0 0 30 2 1',
      '0 0 L 2 *',
      '0 0 30,L 2 *',
      '*/60 * * * *',
      '0 */24 * * *',
    ])
      expect(parseCron(text).ok, text).toBe(true);
  });

  test('anything is either read or refused within the text', () => {
    for (const text of [
      '* * * * *\u0000',
      '💥 * * * *',
      '*'.repeat(5000),
      '1,'.repeat(400),
      '@',
      '#',
      'L L L L L',
      '__proto__ * * * *',
      '@__proto__',
      '@constructor',
    ]) {
      const parsed = parseCron(text);
      expect(parsed.ok, text.slice(0, 20)).toBe(false);
      if (parsed.ok) continue;
      expect(parsed.range.start).toBeGreaterThanOrEqual(0);
      expect(parsed.range.end).toBeGreaterThan(parsed.range.start);
      expect(parsed.range.end).toBeLessThanOrEqual(text.length);
    }
  });
});

describe('checking a schedule', () => {
  test('both texts, each with its range', () => {
    expect(checkSchedule({ cron: '0 2 * * *', timezone: 'Europe/Berlin' })).toEqual([]);
    expect(checkSchedule({})).toEqual([]);
    expect(checkSchedule({ cron: '0 25 * * *', timezone: 'Europe/Berlni' })).toMatchObject([
      { field: 'cron', code: 'value/cron', range: { start: 2, end: 4 } },
      { field: 'timezone', code: 'value/timezone', range: { start: 0, end: 13 }, text: 'Europe/Berlin' },
    ]);
  });
});

describe('time zones', () => {
  test('IANA names in any case, no offsets', () => {
    for (const zone of [
      'UTC',
      'Europe/Berlin',
      'europe/berlin',
      'America/Argentina/Buenos_Aires',
      'Etc/GMT+5',
      'US/Pacific',
    ])
      expect(isTimeZone(zone), zone).toBe(true);
    for (const zone of [
      '',
      ' ',
      '+02:00',
      '-0500',
      'GMT+2',
      'PST8',
      'Berlin',
      'Europe/',
      'Mars/Base',
      'Europe/Berlin ',
      '${var:zone}',
    ])
      expect(isTimeZone(zone), zone).toBe(false);
  });

  test.each([
    ['Europe/Berln', 'Europe/Berlin'],
    ['Berlin', 'Europe/Berlin'],
    ['New York', 'America/New_York'],
    ['America/New York', 'America/New_York'],
    ['US/New_York', 'America/New_York'],
    ['Europe/Berlin ', 'Europe/Berlin'],
    ['PST', 'America/Los_Angeles'],
    ['CEST', 'Europe/Berlin'],
    ['+02:00', 'Etc/GMT-2'],
    ['UTC-5', 'Etc/GMT+5'],
    ['Z', 'UTC'],
    ['UCT+0', undefined],
    ['nowhere at all', undefined],
    ['', undefined],
  ])('%j is meant as %j', (text, zone) => {
    expect(suggestTimeZone(text)).toBe(zone);
  });

  test('an instant as the clock on the wall shows it', () => {
    expect(formatLocal(Date.parse('2024-03-10T07:00Z'), 'America/New_York')).toBe('2024-03-10T03:00:00-04:00');
    expect(formatLocal(0, 'UTC')).toBe('1970-01-01T00:00:00+00:00');
    expect(formatLocal(0, 'Africa/Monrovia')).toBe('1969-12-31T23:15:30-00:44:30');
    expect(formatLocal(Date.parse('2024-01-01T00:00Z'), 'Asia/Kathmandu')).toBe('2024-01-01T05:45:00+05:45');
  });
});

describe('a schedule in words', () => {
  test.each([
    ['0 2 * * *', 'every day at 02:00'],
    ['@daily', 'every day at 00:00'],
    ['* * * * *', 'every minute'],
    ['*/5 * * * *', 'every 5 minutes'],
    ['2/5 * * * *', 'every 5 minutes from minute 2'],
    ['*/7 * * * *', 'every hour at minutes 0, 7, 14, 21, 28, 35, 42, 49 and 56'],
    ['@hourly', 'every hour'],
    ['15 * * * *', 'every hour at minute 15'],
    ['0 */6 * * *', 'every 6 hours'],
    ['30 1/6 * * *', 'every 6 hours from 01:30'],
    ['0 7,9 * * *', 'every day at 07:00 and 09:00'],
    ['*/15 9-17 * * MON-FRI', 'every 15 minutes from 09:00 to 17:45, Monday to Friday'],
    ['30 8-18 * * *', 'every hour from 08:30 to 18:30'],
    ['0,20 8-18 * * *', 'every hour at minutes 0 and 20 from 08:00 to 18:20'],
    ['10-30 1,5,9 * * *', 'every day at minutes 10 to 30 of the hours 1, 5 and 9'],
    ['0 2 * * 1', 'every Monday at 02:00'],
    ['0 2 * * 0,6', 'every Saturday and Sunday at 02:00'],
    ['0 2 * * FRI-SUN', 'Friday to Sunday at 02:00'],
    ['0 2 1 * *', 'on day 1 of every month at 02:00'],
    ['0 2 1,15,L * *', 'on days 1 and 15 and the last day of every month at 02:00'],
    ['0 0 1 1 *', 'on day 1 of January at 00:00'],
    ['*/5 * L 1-3 *', 'every 5 minutes on the last day of January to March'],
    ['0 6 * * 7L', 'on the last Sunday of the month at 06:00'],
    ['0 6 * 3 5#2', 'on the second Friday of the month in March at 06:00'],
    ['0 0 13 * 5', 'on day 13 of the month and also every Friday at 00:00'],
    ['0 0 * 7 *', 'every day in July at 00:00'],
  ])('%s', (text, words) => {
    expect(describeCron(cron(text), 'Europe/Berlin')).toBe(`${words} (Europe/Berlin)`);
  });
});
