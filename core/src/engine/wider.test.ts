import { describe, expect, it } from 'vitest';
import { type DataType, formatType, parseType } from '../model/type.ts';
import { nextType } from './wider.ts';

const TYPES = [
  ...['boolean', 'int', 'bigint', 'double', 'decimal(10,2)', 'decimal(20,18)', 'decimal(38,0)', 'decimal(38,18)'],
  ...['date', 'timestamp', 'timestamptz', 'time', 'json', 'list<bigint>', 'list<decimal(38,18)>', 'list<double>'],
  ...['struct<a: decimal(38,18)>', 'struct<a: double>'],
];
const typeOf = (text: string) => parseType(text) as DataType;

describe('nextType', () => {
  it.each(TYPES)('of %s is another one, and text or json after a few', (start) => {
    for (const found of TYPES) {
      let type = typeOf(start);
      const seen = [start];
      while (type.kind !== 'text' && type.kind !== 'json') {
        type = nextType({ type, raw: null }, typeOf(found), false);
        expect(seen).not.toContain(formatType(type));
        seen.push(formatType(type));
        expect(seen.length).toBeLessThan(8);
      }
    }
  });

  it('is the type of the source where the table is written anew', () => {
    const column = { type: typeOf('decimal(38,18)'), raw: typeOf('double') };
    expect(nextType(column, typeOf('double'), true)).toEqual({ kind: 'double' });
    expect(nextType(column, typeOf('double'), false)).toEqual({ kind: 'text' });
  });
});
