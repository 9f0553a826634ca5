import { describe, expect, it } from 'vitest';
import { formatted } from './cursor.ts';
import { linesOf } from './kind.ts';
import { nextLink } from './pages.ts';
import { retryAfter } from './retry.ts';
import { BrokenJson, JsonBytes } from './slices.ts';

const now = Date.parse('2024-05-01T10:00:00Z');

describe('Retry-After', () => {
  it.each([
    ['7', 7000],
    ['Wed, 01 May 2024 10:00:07 GMT', 7000],
    ['Wednesday, 01-May-24 10:00:07 GMT', 7000],
    ['Wed May  1 10:00:07 2024 GMT', 7000],
    ['Wed, 01 May 2024 09:00:00 GMT', 0],
    ['0', 0],
    ['soon', null],
    ['-5', null],
    ['2024', 2_024_000],
    ['', null],
    [undefined, null],
  ])('%s', (header, wanted) => {
    expect(retryAfter(header, now)).toBe(wanted);
  });
});

describe('Link', () => {
  it.each([
    ['<https://a/?p=2>; rel="next"', 'https://a/?p=2'],
    ['<https://a/?p=1>; rel=prev, <https://a/?p=3,4>; rel=next', 'https://a/?p=3,4'],
    ['<b>; title="x, <y>; rel=next"; rel="last next"', 'b'],
    ['<b>; rel="nextish"', null],
    ['<b>; rel="prev"', null],
    [undefined, null],
  ])('%s', (header, wanted) => {
    expect(nextLink(header)).toBe(wanted);
  });
});

describe('a cursor as a parameter', () => {
  it.each([
    ['2024-05-01 10:00:00.000900+00', undefined, 0, '2024-05-01T10:00:00Z'],
    ['2024-05-01 10:00:00.1239', undefined, 0, '2024-05-01T10:00:00.123Z'],
    ['2024-05-01 12:00:00+02', 'unix', 60_000, String(now / 1000 - 60)],
    ['2024-05-01', undefined, 0, '2024-05-01'],
    ['2024-05-01', undefined, 86_400_000, '2024-04-30'],
    ['2024-05-01 10:00:00', '%d.%m.%Y %H:%M:%S', 0, '01.05.2024 10:00:00'],
    ['9007199254740993', 'unix', 1000, '9007199254740993'],
    ['abc', undefined, 0, 'abc'],
  ])('%s as %s', (value, format, lookback, wanted) => {
    expect(formatted(value, format, lookback)).toBe(wanted);
  });
});

describe('JSON as bytes', () => {
  const rows = (text: string, path: string[]) => {
    const json = new JsonBytes(Buffer.from(text));
    const list = json.at(json.whole(), path);
    return list && [...json.elements(list)].map(([from, to]) => json.bytes.toString('utf8', from, to));
  };

  it('finds the elements of a list as they are written', () => {
    const text = '\uFEFF {"a":{"b":[ {"x":"}],\\"","n":1.50} , 2 ,"é",[[]],null ]},"z":[]} ';
    expect(rows(text, ['a', 'b'])).toEqual(['{"x":"}],\\"","n":1.50}', '2', '"é"', '[[]]', 'null']);
    expect(rows(text, ['z'])).toEqual([]);
    expect(rows(text, ['a', 'c'])).toBeNull();
    expect(rows('{"__proto__":[1],"a":1,"a":[2]}', ['__proto__'])).toEqual(['1']);
    expect(rows('{"a":1,"\\u0061":[2]}', ['a'])).toEqual(['2']);
  });

  it.each(['{"a":[1,2', '[1 2]', '{"a" 1}', '[1] x', '', '{"a":"x\ny"}', '[,]'])('%j is broken', (text) => {
    expect(() => rows(text, text.startsWith('{') ? ['a'] : [])).toThrow(BrokenJson);
  });
});

describe('rows of a page of lines', () => {
  it.each([
    ['', false, 0],
    ['\n \r\n\t\n', false, 0],
    ['a\n\n  b\r\n', false, 2],
    ['a\nb', false, 2],
    ['"a\nb"\nc', false, 3],
    ['"a\nb"\nc', true, 2],
    ['"a\n\nb"', true, 1],
    ['a\n \nb\n', true, 2],
  ])('%j, quotes %s', (text, quotes, wanted) => {
    expect(linesOf(Buffer.from(text), quotes)).toBe(wanted);
  });
});
