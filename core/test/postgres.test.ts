import { expect, test } from 'vitest';
import { testDatabase } from './postgres.ts';

test('a test file gets a database of its own, and it is gone after it', async () => {
  const db = await testDatabase();
  expect(await db.query(`SELECT 'x' AS a, 12345678901234567890.10 AS n`)).toEqual([
    { a: 'x', n: '12345678901234567890.10' },
  ]);
  await db.drop();
  await expect(db.query('SELECT 1')).rejects.toMatchObject({ code: '3D000' });
});
