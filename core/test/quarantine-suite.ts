import { expect, test, vi } from 'vitest';
import { columns, type Driver, type Way } from './destination-driver.ts';

const ONE: Way = { how: 'load', tasks: 1 };
const COLUMNS = columns({ id: 'int', s: 'text' });
const three = (from: number) => `SELECT (range + ${from})::INT AS id, 'v' AS s FROM range(3)`;

/** What every destination does with rows that were set aside. */
export function quarantineTests(driver: () => Driver): void {
  test('rows set aside go with the first commit after thirty days', async () => {
    const at = new Date();
    const aside = (code: string) =>
      `SELECT '${code}' AS code, 'r' AS reason, 'in.csv' AS path, 7::BIGINT AS row_number, NULL::BIGINT AS byte_offset, '{}' AS "row"`;
    const codes = async () =>
      (
        await driver().system.select(
          `SELECT code FROM "${driver().system.schema}"."_sluice_quarantine" WHERE stream = '${driver().table}' ORDER BY 1`,
        )
      ).map((row) => row.code);
    await driver().run(ONE, three(1), COLUMNS, { quarantine: aside('old') });
    try {
      vi.useFakeTimers({ toFake: ['Date'], now: at.getTime() + 29 * 86_400_000 });
      await driver().run(ONE, three(4), COLUMNS, { quarantine: aside('new') });
      expect(await codes()).toEqual(['new', 'old']);
      vi.setSystemTime(at.getTime() + 33 * 86_400_000);
      await driver().run(ONE, three(7), COLUMNS);
      // Both were written by the real clock.
      expect(await codes()).toEqual([]);
    } finally {
      vi.useRealTimers();
    }
    expect(await driver().select('count(*) AS n')).toEqual([{ n: '9' }]);
  });
}
