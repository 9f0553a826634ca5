import { describe, expect, it } from 'vitest';
import { sqlScope, sqlShape, sqlTokens } from './sql-scope.ts';

describe('tokens', () => {
  const cases: [string, string[]][] = [
    ['a -- b\n c', ['a', 'c']],
    ['a /* x /* y */ z */ b', ['a', 'b']],
    ["'it''s' 'x--y' \"a\"\"b\"", ["'it''s'", "'x--y'", 'a"b']],
    ["e'\\'' 'b'", ["e'\\''", "'b'"]],
    ['$$a$b$$ $t$ $$ $t$', ['$$a$b$$', '$t$ $$ $t$']],
    ['a$1 $1 $x ?', ['a$1', '$1', '$x', '?']],
    ['1.5e3 .5 1_000', ['1.5e3', '.5', '1_000']],
    ['größe\u00a0日本', ['größe', '日本']],
    ['a::int', ['a', ':', ':', 'int']],
  ];
  it.each(cases)('%s', (sql, texts) => {
    expect(sqlTokens(sql).map((token) => token.text)).toEqual(texts);
  });

  it.each(["'open", '"open', '/* open', '$$open', "e'\\'"])('%s is not closed', (sql) => {
    const last = sqlTokens(sql).at(-1);
    expect(last?.kind).toBe('bad');
    expect(last?.end).toBe(sql.length);
  });

  it('offsets cover the token as it stands', () => {
    const sql = '  "a b" + \'c\'';
    expect(sqlTokens(sql).map((t) => sql.slice(t.start, t.end))).toEqual(['"a b"', '+', "'c'"]);
  });

  it('long and hostile texts take no time', () => {
    const started = process.cpuUsage();
    for (const text of [
      "'".repeat(100_001),
      '"'.repeat(100_001),
      '/*'.repeat(50_000),
      '$'.repeat(50_000),
      `'${"''".repeat(500_000)}'`,
    ])
      sqlTokens(text);
    expect(process.cpuUsage(started).user / 1000).toBeLessThan(3000);
  });
});

describe('scope', () => {
  const run = [
    'sum(a)',
    'SUM (a)',
    'sum /* x */ (a)',
    '"sum"(a)',
    'a.sum() > 1',
    'row_number() over ()',
    'count(*)',
    'max(a) over w',
    'percentile_cont(0.5) within group (order by a)',
  ];
  it.each(run)('run: %s', (sql) => {
    expect(sqlScope(sql)).toBe('run');
  });

  const row = [
    'sum',
    'sum > 1',
    "'sum(a)'",
    '"sum(a)"',
    '-- sum(a)\n a',
    '/* sum(a) */ a',
    '$$sum(a)$$',
    'list_sum(a)',
    'over(a)',
    '',
  ];
  it.each(row)('row: %s', (sql) => {
    expect(sqlScope(sql)).toBe('row');
  });

  it('tells a window call from an aggregate', () => {
    expect(sqlShape('sum(a) filter (where b) over (order by c)')).toEqual({ aggregate: false, window: true });
    expect(sqlShape('sum(sum(a)) over ()')).toEqual({ aggregate: true, window: true });
    expect(sqlShape('max(a) - max(a) over ()')).toEqual({ aggregate: true, window: true });
    expect(sqlShape('max((a + (b)))')).toEqual({ aggregate: true, window: false });
    expect(sqlShape('max(a')).toEqual({ aggregate: true, window: false });
  });
});
