import { expect, it } from 'vitest';
import { plainSql, wrapExpression, wrapQuery } from './sql-wrap.ts';

it.each([
  ["a /* it's */ = 'x' -- it's\n and b", "a = 'x'\nand b"],
  ['a\u00a0=\u2003b', 'a = b'],
  ["e'\\'\\\\' || 'a\u00a0b'", "e'''\\\\' || 'a\u00a0b'"],
  ['a$b$c + 1', '"a$b$c" + 1'],
  ["'a'\n'b'", "'a'\n'b'"],
  ['"a""b".c', '"a""b".c'],
  ['', ''],
])('plain: %j', (text, plain) => {
  expect(plainSql(text).replaceAll(/ +/g, ' ')).toBe(plain);
  expect(plainSql(plainSql(text))).toBe(plainSql(text));
});

it('keeps the number of lines, so that places in errors hold', () => {
  const text = 'a\n-- one\n/* two\nthree */\n+ b';
  expect(plainSql(text).split('\n')).toHaveLength(text.split('\n').length);
});

it('a comment cannot swallow what follows', () => {
  expect(wrapExpression('a --')).toMatch(/^\(\na\s*\n\)$/);
});

it('a query sees the user’s columns only', () => {
  const sql = wrapQuery('from input', [
    { name: 'a"b', type: { kind: 'int' } },
    { name: '_sluice_row', type: { kind: 'int' } },
  ]);
  expect(sql).toContain('SELECT "a""b" FROM "input"');
});
