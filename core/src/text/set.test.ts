import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../model/json.ts';
import { parseDocument } from './parse.ts';
import { setInto } from './set.ts';

const set = (text: string, changes: JsonObject) => setInto(parseDocument(text, 'a.yaml'), changes);

describe('keys that are set', () => {
  it.each<[string, string, JsonObject, string]>([
    ['a scalar', '# top\na: 1 # one\nb: 2\n', { a: 5 }, '# top\na: 5 # one\nb: 2\n'],
    [
      'a key of a block',
      'c:\n  # why\n  min: 1\n  max: 2 # most\nd: x\n',
      { c: { max: 4 } },
      'c:\n  # why\n  min: 1\n  max: 4 # most\nd: x\n',
    ],
    [
      'a new key of a block',
      'c:\n  min: 1\n# after\nd: x\n',
      { c: { max: 4 } },
      'c:\n  min: 1\n  max: 4\n# after\nd: x\n',
    ],
    ['a new block', 'a: 1\n', { c: { w: { min: 1 } } }, 'a: 1\nc:\n  w:\n    min: 1\n'],
    ['no line end', 'a: 1', { b: 'x y' }, 'a: 1\nb: x y'],
    ['braces', 'c: {min: 1, max: 2}\n', { c: { max: 9, more: 'x' } }, 'c: {min: 1, max: 9, more: x}\n'],
    ['empty braces', 'c: {}\n', { c: { a: 1 } }, 'c: {a: 1}\n'],
    ['an empty value', 'c:\nd: 1\n', { c: { a: 1 } }, 'c: {a: 1}\nd: 1\n'],
    ['a text for a block', 'c:\n  a: 1\nd: 1\n', { c: 'x' }, 'c: x\nd: 1\n'],
    ['away from a block', 'c:\n  a: 1 # one\n  b: 2\nd: 1\n', { c: { a: null } }, 'c:\n  b: 2\nd: 1\n'],
    ['away from braces', 'c: {a: 1, b: 2, d: 3}\n', { c: { a: null, d: null } }, 'c: {b: 2}\n'],
    [
      'away with its parent',
      'c:\n  w:\n    a: 1\n    b: 2\n  x: 1\nd: 1\n',
      { c: { w: { a: null, b: null } } },
      'c:\n  x: 1\nd: 1\n',
    ],
    ['what is not there', 'a: 1\n', { b: null, c: { d: null } }, 'a: 1\n'],
    ['Windows line ends', 'c:\r\n  a: 1\r\nd: 1\r\n', { c: { b: 2 } }, 'c:\r\n  a: 1\r\n  b: 2\r\nd: 1\r\n'],
    ['texts that need quotes', 'a: 1\n', { a: 'yes: no' }, 'a: "yes: no"\n'],
  ])('%s', (_, text, changes, wanted) => {
    const found = set(text, changes);
    expect(found).toBe(wanted);
    expect(parseDocument(found ?? '', 'a.yaml').diagnostics).toEqual([]);
  });

  it('want a mapping', () => {
    expect(set('- a\n', { a: 1 })).toBeNull();
  });
});
