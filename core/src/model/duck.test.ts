import { DuckDBInstance } from '@duckdb/node-api';
import { expect, it } from 'vitest';
import { castText } from './duck.ts';

/** Texts of every shape that one of the two ways might read otherwise. */
const TEXTS = [
  ...['0', '-0', '+7', '1.5', '-1.50', '.5', '-.5', '1.', '12.', '00012.50', '1.25', '1.245', '-1.255', '0.5', '-0.5'],
  ...['123456789.123456789', '999999999.999999999', '1234567890.5', '9223372036854775807', '123456789012345678'],
  ...[
    '99999999999999999999999999.12',
    '0.0000000001',
    '0.00000000005',
    '1.123456789123',
    '1e5',
    '1E-3',
    '5e-1',
    '1.5e20',
  ],
  ...['1.5e-9', ' 12 ', '1 2', 'abc', '', 'NaN', '1_000', '1,5', '0x10', '-', '.'],
];

it('texts are read as wide decimals with the same answer as by the plain cast', async () => {
  const instance = await DuckDBInstance.create();
  const connection = await instance.connect();
  for (const [precision, scale] of [
    [38, 10],
    [20, 4],
    [38, 0],
    [19, 2],
    [38, 30],
  ] as const) {
    const rows = TEXTS.map((text) => `('${text}')`).join(', ');
    const fast = castText('x', { kind: 'decimal', precision, scale });
    const found = await connection.runAndReadAll(
      `SELECT x FROM (VALUES ${rows}) AS t(x) WHERE ${fast} IS DISTINCT FROM try_cast(x AS DECIMAL(${precision},${scale}))`,
    );
    expect(found.getRowsJson()).toEqual([]);
  }
  connection.closeSync();
  instance.closeSync();
});
