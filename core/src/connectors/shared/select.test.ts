import { expect, it } from 'vitest';
import { selection } from './select.ts';

const NOW = Date.UTC(2026, 0, 1);
const settled = (min_age: string | null, ageMs: number | null) => {
  const settings = { path: '*.csv', ...(min_age === null ? {} : { min_age }) };
  return selection(settings, NOW).isSettled(ageMs === null ? null : new Date(NOW - ageMs));
};

it('a file waits until it is as old as `min_age` says; one without a time does not', () => {
  expect([0, 29_999, 30_000, 60_000].map((age) => settled('30s', age))).toEqual([false, false, true, true]);
  expect(settled('30s', null)).toBe(true);
});

it('without an age nothing waits, also where the clock of the files is ahead', () => {
  for (const min_age of [null, '0s'])
    expect([5000, 0, -1, -3_600_000].map((age) => settled(min_age, age))).toEqual(Array(4).fill(true));
  expect(settled('1s', -3_600_000)).toBe(false);
});
