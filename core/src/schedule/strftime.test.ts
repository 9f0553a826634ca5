import { expect, it } from 'vitest';
import { finishedWindows, isFinished, withFinished } from './finished.ts';
import { formatStrftime, strftimeFault } from './strftime.ts';
import { localInstant } from './zone.ts';

it.each([
  ['%Y-%m-%d', '2026-01-01'],
  ['%Y/%-m/%-d/%H%M%S', '2026/1/1/000000'],
  ['%G-W%V-%u %j', '2026-W01-4 001'],
  ['%a %A %b %B %y %I %p', 'Thu Thursday Jan January 26 12 AM'],
  ['%F %T%z %s %% x', '2026-01-01 00:00:00+0100 1767222000 % x'],
])('%s by the clock of the zone', (pattern, text) => {
  expect(formatStrftime(Date.parse('2025-12-31T23:00:00Z'), 'Europe/Berlin', pattern)).toBe(text);
  expect(strftimeFault(pattern)).toBeNull();
});

it.each(['%Q', '%', 'yyyy-MM', '%%', '%Y-%'])('%s is no pattern', (pattern) => {
  expect(strftimeFault(pattern)).not.toBeNull();
});

it.each([
  ['2026-03-01', 'Europe/Berlin', '2026-02-28T23:00:00.000Z'],
  ['2026-03-01 12:30', 'UTC', '2026-03-01T12:30:00.000Z'],
  ['2026-03-01T12:30:00.5-05:00', 'Europe/Berlin', '2026-03-01T17:30:00.500Z'],
  ['2026-03-29T02:30', 'Europe/Berlin', '2026-03-29T01:00:00.000Z'],
  ['2026-10-25T02:30', 'Europe/Berlin', '2026-10-25T00:30:00.000Z'],
])('%s in %s', (text, zone, instant) => {
  expect(new Date(localInstant(text, zone) ?? 0).toISOString()).toBe(instant);
});

it.each(['', 'soon', '2026-02-30', '2026-03-01T25:00', '20260301'])('%j is no time', (text) => {
  expect(localInstant(text, 'UTC')).toBeNull();
});

it('finished windows are kept in as few stretches as possible', () => {
  const hour = 3_600_000;
  const at = (n: number) => ({ start: n * hour, end: (n + 1) * hour });
  let checkpoint = withFinished(null, at(5), true);
  for (const n of [1, 2, 4, 0]) checkpoint = withFinished(checkpoint, at(n), false);
  expect(checkpoint).toEqual({
    windows: ['1970-01-01T00:00:00Z/1970-01-01T03:00:00Z', '1970-01-01T04:00:00Z/1970-01-01T06:00:00Z'],
    first: '1970-01-01T05:00:00Z',
  });
  expect(isFinished(checkpoint, at(2))).toBe(true);
  expect(isFinished(checkpoint, at(3))).toBe(false);
  expect(isFinished({ windows: 'x' }, at(3))).toBe(false);
  const full = { windows: Array.from({ length: 1500 }, (_, n) => `${iso(n * 2)}/${iso(n * 2 + 1)}`) };
  expect(() => withFinished(full, at(-5), true)).toThrow(/1501 stretches/);
  expect(finishedWindows(full)).toHaveLength(1500);

  function iso(n: number): string {
    return new Date(n * hour).toISOString();
  }
});
