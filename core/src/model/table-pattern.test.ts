import { describe, expect, it } from 'vitest';
import { isTablePattern, tableMatcher } from './table-pattern.ts';

describe('table patterns', () => {
  it.each([
    ['public.*', true],
    ['orders_20??', true],
    ['orders', false],
    ['"a*b"', false],
    ['"a*b".*', true],
  ])('%s is a pattern: %s', (text, expected) => {
    expect(isTablePattern(text)).toBe(expected);
  });

  it.each([
    ['public.*', ['public', 'orders'], true],
    ['public.*', ['crm', 'orders'], false],
    ['*', ['public', 'orders'], true],
    ['*', ['crm', 'orders'], false],
    ['*', ['orders'], true],
    ['public.*', ['orders'], true],
    ['*.*', ['crm', 'a.b'], true],
    ['crm.o?', ['crm', 'o1'], true],
    ['crm.o?', ['crm', 'o12'], false],
    ['crm."a*".*', ['crm', 'a*', 'x'], true],
    ['crm."a*"', ['crm', 'ab'], false],
    ['public.a+b(*', ['public', 'a+b(c'], true],
    ['public.*', ['public', 'line\nbreak'], true],
  ])('%s against %j: %s', (pattern, parts, expected) => {
    expect(tableMatcher([pattern], 'public')(parts)).toBe(expected);
  });
});
