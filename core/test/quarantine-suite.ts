import { expect, test, vi } from 'vitest';
import { ADDRESSES, columns, type Driver, type Way } from './destination-driver.ts';

const ONE: Way = { how: 'load', tasks: 1 };
const COLUMNS = columns({ id: 'int', s: 'text' });
const three = (from: number) => `SELECT (range + ${from})::INT AS id, 'v' AS s FROM range(3)`;

/** What every way of loading does with rows that were set aside. */
export function committedAside(driver: () => Driver, way: Way): void {
  test('rows set aside are committed with the data', async () => {
    const quarantine = `SELECT 'bad/type' AS code, 'no number' AS reason, 'in.csv' AS path, 7::BIGINT AS row_number, NULL::BIGINT AS byte_offset, '{"a":1}' AS "row"`;
    await driver().run(way, three(1), COLUMNS, { quarantine });
    const rows = await driver().system.select(
      `SELECT code, path, "row_number", byte_offset, "row" AS r FROM "${driver().system.schema}"."_sluice_quarantine" WHERE stream = '${driver().table}'`,
    );
    expect(rows).toEqual([{ code: 'bad/type', path: 'in.csv', row_number: '7', byte_offset: null, r: '{"a":1}' }]);
  });
}

/** What every destination does with rows that a replay takes in again. */
function replayTests(driver: () => Driver): void {
  test('rows set aside are read back and taken in again once', async () => {
    const aside = `SELECT 'type/value' AS code, 'r' AS reason, 'in.csv' AS path, i AS row_number, NULL::BIGINT AS byte_offset, '{"id":' || i || '}' AS "row" FROM range(1, 4) t(i)
      UNION ALL SELECT 'check/range', 'c', 'in.csv', 9, NULL, '{}'`;
    await driver().run(ONE, three(1), COLUMNS, { quarantine: aside });
    await driver().run(ONE, three(4), COLUMNS);
    const session = await driver().connect('again');
    const page = { limit: 2, offset: 1 };
    expect(await session.quarantineGroups?.()).toMatchObject([
      { code: 'type/value', rows: 3, replayed: 0 },
      { code: 'check/range', rows: 1 },
    ]);
    const open = await session.quarantined?.({ open: true, entry: 'source' }, page);
    expect(open).toMatchObject([
      { run_id: 'run-1', row_number: 2, path: 'in.csv', row: '{"id":2}', replayed_by: null },
      { row_number: 3 },
    ]);
    const opened = await session.open(ADDRESSES, []);
    const replays = { entry: 'source' as const, runs: ['run-1'], rows: 4 };
    const wrong = session.load(driver().epoch('again', opened, COLUMNS, { replays }), driver().rows(three(7), COLUMNS));
    await expect(wrong).rejects.toMatchObject({ code: 'commit/replay', kind: 'transient' });
    const right = driver().epoch('again', opened, COLUMNS, { replays: { ...replays, rows: 3 } });
    await session.load(right, driver().rows(three(7), COLUMNS));
    expect(await session.quarantined?.({ open: true }, { limit: 10, offset: 0 })).toMatchObject([
      { code: 'check/range' },
    ]);
    expect(await session.quarantineGroups?.()).toMatchObject([{ replayed: 3 }, { replayed: 0 }]);
    await session.close();
    await driver().run(ONE, three(10), COLUMNS);
    const later = await driver().connect('later');
    expect(await later.quarantineGroups?.()).toMatchObject([{ replayed: 3 }, { replayed: 0 }]);
    await later.close();
  });
}

/** What every destination does with rows that were set aside. */
export function quarantineTests(driver: () => Driver, forgets: boolean): void {
  replayTests(driver);
  if (!forgets) return;
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
