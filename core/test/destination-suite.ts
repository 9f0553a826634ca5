import { describe, expect, test } from 'vitest';
import type { EpochCommit } from '../src/model/component.ts';
import { ADDRESSES, columns, type SystemUnderTest } from './destination-driver.ts';
import { destinationFixture, three, two, WAYS } from './destination-fixture.ts';
import { committedAside, quarantineTests } from './quarantine-suite.ts';

/** What every destination of tables has to do alike. */
export function destinationSuite(
  name: string,
  system: () => SystemUnderTest,
  /** What it can do beside append. */
  can: { merge: boolean; window: boolean; replace?: boolean; reshape?: boolean; forgets?: boolean } = {
    merge: true,
    window: true,
  },
): void {
  // What a system cannot do is not tested there, and not counted as skipped.
  const none = () => undefined;
  const mergeTest = can.merge ? test : none;
  const windowTest = can.window ? test : none;
  const replaceTest = can.replace === false ? none : test;
  describe(`${name}: the destination contract`, () => {
    const lab = destinationFixture(system);

    describe.each(WAYS)('$how with $tasks task(s)', (way) => {
      test('append adds rows and says how many', async () => {
        expect(await lab.driver.run(way, three(1), two)).toMatchObject({ rows_written: 3, repeated: false });
        expect(await lab.driver.run(way, three(4), two)).toMatchObject({ rows_written: 3, repeated: false });
        expect((await lab.driver.select()).map((r) => r.id)).toEqual(['1', '2', '3', '4', '5', '6']);
      });

      replaceTest('replace puts the new rows in the place of the old ones, also with other columns', async () => {
        await lab.driver.run(way, three(1), two, { disposition: 'replace' });
        const other = columns({ id: 'bigint', n: 'decimal(6,2)' });
        const result = await lab.driver.run(way, 'SELECT 9::BIGINT AS id, 1.50::DECIMAL(6,2) AS n', other, {
          disposition: 'replace',
        });
        expect(result).toMatchObject({ rows_written: 1 });
        // Where a table cannot be swapped in a transaction its old columns stay.
        const rest = can.reshape === false ? { s: null } : {};
        expect(await lab.driver.select()).toEqual([{ id: '9', n: '1.50', ...rest }]);
      });

      replaceTest('a replace with no rows leaves an empty table', async () => {
        await lab.driver.run(way, three(1), two, { disposition: 'replace' });
        await lab.driver.run(way, `${three(1)} WHERE false`, two, { disposition: 'replace' });
        expect(await lab.driver.select()).toEqual([]);
      });

      windowTest('a replace of one window leaves the others alone', async () => {
        const cols = columns({ id: 'int', at: 'timestamp' });
        const days = (id: number, days: number[]) =>
          `SELECT (${id} + i)::INT AS id, TIMESTAMP '2026-01-01' + INTERVAL (d) DAY AS at FROM (SELECT unnest([${days.join(',')}]) AS d, unnest(range(${days.length})) AS i)`;
        await lab.driver.run(way, days(1, [0, 1, 1, 2]), cols);
        const window = { column: 'at', from: '2026-01-02T00:00:00Z', to: '2026-01-03T00:00:00Z' };
        await lab.driver.run(way, days(10, [1]), cols, { disposition: 'replace', more: { window } });
        expect((await lab.driver.select()).map((r) => r.id)).toEqual(['1', '4', '10']);
      });

      mergeTest('merge updates what is there, inserts the rest and counts both', async () => {
        const more = { primaryKey: ['id'] };
        const first = await lab.driver.run(way, three(1), two, { disposition: 'merge', more });
        expect(first).toMatchObject({ rows_written: 3, rows_inserted: 3, rows_updated: 0 });
        const sql = `SELECT unnest([2, 3, 7])::INT AS id, unnest(['new2', 'new3', 'new7']) AS s`;
        const second = await lab.driver.run(way, sql, two, { disposition: 'merge', more });
        expect(second).toMatchObject({ rows_written: 3, rows_inserted: 1, rows_updated: 2, rows_deleted: 0 });
        expect(await lab.driver.select()).toEqual([
          { id: '1', s: 'v1' },
          { id: '2', s: 'new2' },
          { id: '3', s: 'new3' },
          { id: '7', s: 'new7' },
        ]);
      });

      mergeTest('merge leaves columns alone that the rows do not have', async () => {
        const wide = columns({ id: 'int', s: 'text', kept: 'int' });
        const more = { primaryKey: ['id'] };
        await lab.driver.run(way, `SELECT 1 AS id, 'a' AS s, 11 AS kept`, wide, { disposition: 'merge', more });
        await lab.driver.run(way, `SELECT unnest([1, 2])::INT AS id, 'b' AS s`, two, { disposition: 'merge', more });
        expect(await lab.driver.select('id, s, kept')).toEqual([
          { id: '1', s: 'b', kept: '11' },
          { id: '2', s: 'b', kept: null },
        ]);
      });

      mergeTest('hard deletes take rows away', async () => {
        await lab.driver.run(way, three(1), two, { disposition: 'merge', more: { primaryKey: ['id'] } });
        const sql = `SELECT unnest([1, 2, 8])::INT AS id, unnest(['x', 'y', 'z']) AS s, unnest([true, false, true]) AS _sluice_delete`;
        const more = { primaryKey: ['id'], deletes: 'hard' as const };
        expect(await lab.driver.run(way, sql, two, { disposition: 'merge', more })).toMatchObject({
          rows_written: 3,
          rows_inserted: 0,
          rows_updated: 1,
          rows_deleted: 1,
        });
        expect(await lab.driver.select()).toEqual([
          { id: '2', s: 'y' },
          { id: '3', s: 'v3' },
        ]);
      });

      mergeTest('soft deletes mark rows, keep their values, and a row that comes back is not marked', async () => {
        const more = { primaryKey: ['id'], deletes: 'soft' as const };
        const load = (values: string) =>
          lab.driver.run(
            way,
            `SELECT id::INT AS id, s, d AS _sluice_delete FROM (VALUES ${values}) AS v(id, s, d)`,
            two,
            {
              disposition: 'merge',
              more,
            },
          );
        await load(`(1, 'a', false), (2, 'b', false)`);
        expect(await load(`(1, NULL, true), (9, NULL, true)`)).toMatchObject({ rows_deleted: 1, rows_inserted: 0 });
        const marked = `id, s, CAST("_sluice_deleted" AS text) AS d`;
        expect(await lab.driver.select(marked)).toEqual([
          { id: '1', s: 'a', d: 'true' },
          { id: '2', s: 'b', d: 'false' },
        ]);
        await load(`(1, 'again', false)`);
        expect((await lab.driver.select(marked))[0]).toEqual({ id: '1', s: 'again', d: 'false' });
      });

      (can.merge ? test.each(['hard', 'soft'] as const) : none)(
        'a merge with %s deletes that starts anew keeps no row that was taken away',
        async (deletes) => {
          const load = (values: string, disposition: 'merge' | 'replace') =>
            lab.driver.run(
              way,
              `SELECT id::INT AS id, s, d AS _sluice_delete FROM (VALUES ${values}) AS v(id, s, d)`,
              two,
              {
                disposition,
                more: { primaryKey: ['id'], deletes },
              },
            );
          await load(`(1, 'a', false), (2, 'b', false)`, 'merge');
          const result = await load(`(2, 'new', false), (3, 'c', true), (4, 'd', false)`, 'replace');
          expect(result).toMatchObject({ rows_written: 3, rows_inserted: 2, rows_updated: 0, rows_deleted: 0 });
          expect(await lab.driver.select('id, s')).toEqual([
            { id: '2', s: 'new' },
            { id: '4', s: 'd' },
          ]);
          expect(await load(`(2, NULL, true)`, 'merge')).toMatchObject({ rows_deleted: 1 });
        },
      );

      test('columns are added and widened in the commit', async () => {
        await lab.driver.run(way, three(1), two);
        const wider = columns({ id: 'bigint', s: 'text', extra: 'date' });
        await lab.driver.run(way, `SELECT 5000000000::BIGINT AS id, 'x' AS s, DATE '2026-02-03' AS extra`, wider, {
          more: { addColumns: columns({ extra: 'date' }), alterColumns: columns({ id: 'bigint' }) },
        });
        const rows = await lab.driver.select('id, s, extra');
        expect(rows).toHaveLength(4);
        expect(rows[3]).toEqual({ id: '5000000000', s: 'x', extra: '2026-02-03' });
        expect(rows[0]?.extra).toBeNull();
      });

      test('text arrives exactly: empty, null, and what a copy format could take for a mark', async () => {
        const sql = String.raw`SELECT * FROM (VALUES (1, ''), (2, NULL), (3, '\N'), (4, '\.'), (5, 'NULL'),
          (6, 'tab' || chr(9) || 'quote"back\slash' || chr(10) || 'line'), (7, 'a' || chr(10) || '\.' || chr(10) || 'b'),
          (8, chr(13) || chr(10)), (9, ' lead, "q" '), (10, 'é😀') ) AS v(id, s)`;
        await lab.driver.run(way, sql, two);
        const rows = await lab.driver.select();
        expect(rows.map((r) => r.s)).toEqual([
          '',
          null,
          '\\N',
          '\\.',
          'NULL',
          'tab\tquote"back\\slash\nline',
          'a\n\\.\nb',
          '\r\n',
          ' lead, "q" ',
          'é😀',
        ]);
      });

      committedAside(() => lab.driver, way);
    });

    quarantineTests(() => lab.driver, can.forgets !== false);

    test('rows of one and of four tasks are the same', async () => {
      const sql = `SELECT range::INT AS id, 'v' || (range * 7919 % 104729) AS s FROM range(5000)`;
      await lab.driver.run({ how: 'load', tasks: 1 }, sql, two);
      const one = await lab.driver.select();
      const other = lab.next();
      await other.run({ how: 'stage', tasks: 4 }, sql, two);
      expect(await other.select()).toEqual(one);
    });

    test('the fence: an older run can neither load nor commit', async () => {
      const old = await lab.driver.connect('old');
      const opened = await old.open(ADDRESSES, []);
      const request = { epoch: 0, task: 0, attempt: 1, columns: two, disposition: 'append' as const };
      const token = await old.stage(request, lab.driver.rows(three(1), two));
      const young = await lab.driver.connect('young');
      const next = await young.open(ADDRESSES, []);
      expect(next.fence).toBeGreaterThan(opened.fence);
      const epoch = lab.driver.epoch('old', opened, two);
      await expect(old.load(epoch, lab.driver.rows(three(1), two))).rejects.toMatchObject({ code: 'commit/fenced' });
      await expect(old.commit(epoch, [token])).rejects.toMatchObject({ code: 'commit/fenced', kind: 'terminal' });
      await old.abort('old');
      await young.load(lab.driver.epoch('young', next, two), lab.driver.rows(three(4), two));
      expect((await lab.driver.select()).map((r) => r.id)).toEqual(['4', '5', '6']);
      await old.close();
      await young.close();
    });

    test('a repeated load or commit writes nothing and answers as the first did', async () => {
      const session = await lab.driver.connect('again');
      const opened = await session.open(ADDRESSES, []);
      const epoch = lab.driver.epoch('again', opened, two);
      const first = await session.load(epoch, lab.driver.rows(three(1), two));
      expect(await session.load(epoch, lab.driver.rows(three(1), two))).toEqual({ ...first, repeated: true });
      expect(await session.commit(epoch, [])).toEqual({ ...first, repeated: true });
      const after = await session.open(ADDRESSES, []);
      expect(after).toMatchObject({ seq: opened.seq + 1, commitId: epoch.commitId, checkpoint: { cursor: 'x' } });
      expect(await lab.driver.select()).toHaveLength(3);
      await session.close();
    });

    test('a task that stages twice is committed once', async () => {
      const session = await lab.driver.connect('twice');
      const opened = await session.open(ADDRESSES, []);
      const stage = (attempt: number) =>
        session.stage(
          { epoch: 0, task: 0, attempt, columns: two, disposition: 'append' },
          lab.driver.rows(three(1), two),
        );
      await stage(1);
      const token = await stage(2);
      await session.commit(lab.driver.epoch('twice', opened, two), [token]);
      expect(await lab.driver.select()).toHaveLength(3);
      await session.close();
    });

    test('abort removes the staging of that run alone; aborting nothing succeeds', async () => {
      const session = await lab.driver.connect('keep');
      const opened = await session.open(ADDRESSES, []);
      const request = { epoch: 0, task: 0, attempt: 1, columns: two, disposition: 'append' as const };
      const kept = await session.stage(request, lab.driver.rows(three(1), two));
      const other = await lab.driver.connect('drop');
      const dropped = await other.stage(request, lab.driver.rows(three(1), two));
      await other.abort('drop');
      await other.abort('drop');
      await other.abort('never');
      await expect(other.commit(lab.driver.epoch('drop', opened, two), [dropped])).rejects.toThrow();
      expect(await session.commit(lab.driver.epoch('keep', opened, two), [kept])).toMatchObject({ rows_written: 3 });
      await session.close();
      await other.close();
    });

    test('the ledger is written with the rows, and forgotten when the epoch says so', async () => {
      const file = (path: string, size: number) => ({
        path,
        size,
        modified_at: '2026-01-01T00:00:00.123Z',
        etag: null,
      });
      const load = async (runId: string, more: Partial<EpochCommit>) => {
        const session = await lab.driver.connect(runId);
        const opened = await session.open(ADDRESSES, []);
        await session.load(lab.driver.epoch(runId, opened, two, more), lab.driver.rows(three(1), two));
        const ledger = await session.ledger();
        await session.close();
        return [...ledger.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
      };
      const many = Array.from({ length: 1200 }, (_, i) => file(`f${String(i).padStart(5, '0')}`, i));
      expect(await load('l1', { files: [...many, file("it's", 5)] })).toHaveLength(1201);
      const second = await load('l2', { files: [file('f00000', 77)] });
      expect(second).toHaveLength(1201);
      expect(second[0]).toEqual(file('f00000', 77));
      expect(await load('l3', { files: [file('only', 1)], forgetLedger: true })).toEqual([file('only', 1)]);
      await load('l4', { files: [file('later', 1)] });
      // A restore: no rows, and what a later commit brought is not known any more.
      const session = await lab.driver.connect('l5');
      const opened = await session.open(ADDRESSES, []);
      await session.commit(lab.driver.epoch('l5', opened, [], { forgetCommits: [`l4/${lab.driver.table}/0`] }), []);
      expect([...(await session.ledger()).keys()]).toEqual(['only']);
      expect(await session.inspect()).toMatchObject({ seq: 5, files: 1 });
      await session.close();
    });

    test('open gives the table as it stands, and no checkpoint where an address changed', async () => {
      const session = await lab.driver.connect('o1');
      const opened = await session.open(ADDRESSES, []);
      expect(opened).toMatchObject({ seq: 0, checkpoint: null, commitId: null, table: null, changed: [] });
      await session.load(lab.driver.epoch('o1', opened, two), lab.driver.rows(three(1), two));
      const again = await session.open(ADDRESSES, []);
      expect(again.table?.map((c) => [c.name, c.type.kind])).toEqual([
        ['id', 'int'],
        ['s', 'text'],
      ]);
      const moved = await session.open({ ...ADDRESSES, source: 'other' }, []);
      expect(moved).toMatchObject({ checkpoint: null, changed: ['source'], seq: 1 });
      const found = { seq: 1, checkpoint: { cursor: 'x' }, files: 0, addresses: ADDRESSES };
      expect(await session.inspect()).toMatchObject(found);
      expect((await session.table?.())?.map((c) => c.name) ?? ['id', 's']).toEqual(['id', 's']);
      await session.close();
    });

    test('a renamed job carries its state and ledger on', async () => {
      lab.driver.job = 'old_name';
      const before = await lab.driver.connect('r1');
      const opened = await before.open(ADDRESSES, []);
      const files = [{ path: 'a.csv', size: 1, modified_at: null, etag: 'e' }];
      await before.load(lab.driver.epoch('r1', opened, two, { files }), lab.driver.rows(three(1), two));
      lab.driver.job = 'new_name';
      const after = await lab.driver.connect('r2');
      const moved = await after.open(ADDRESSES, ['older_name', 'old_name']);
      expect(moved).toMatchObject({ checkpoint: { cursor: 'x' }, seq: 1 });
      expect(moved.fence).toBeGreaterThan(opened.fence);
      expect([...(await after.ledger()).keys()]).toEqual(['a.csv']);
      expect(await before.inspect()).toBeNull();
      await before.close();
      await after.close();
    });

    test('a gate that refuses leaves nothing behind', async () => {
      const session = await lab.driver.connect('gate');
      const opened = await session.open(ADDRESSES, []);
      const rows = lab.driver.rows(three(1), two);
      rows.gate = (written) => {
        throw new Error(`${written} are too many`);
      };
      await expect(session.load(lab.driver.epoch('gate', opened, two), rows)).rejects.toThrow('3 are too many');
      expect(await session.open(ADDRESSES, [])).toMatchObject({ seq: 0, table: null });
      await session.close();
    });

    mergeTest('two rows of one key in a merge are refused, not chosen from', async () => {
      const sql = `SELECT 1 AS id, unnest(['a', 'b']) AS s`;
      const merge = lab.driver.run({ how: 'load', tasks: 1 }, sql, two, {
        disposition: 'merge',
        more: { primaryKey: ['id'] },
      });
      await expect(merge).rejects.toMatchObject({ code: 'destination/duplicate-key' });
    });

    test('an error of the rows themselves reaches the caller as it is, and nothing is written', async () => {
      const sql = `SELECT CASE WHEN range = 4000 THEN error('row 4000 is broken')::INT ELSE range::INT END AS id, 'x' AS s FROM range(9000)`;
      for (const way of WAYS) {
        await expect(lab.driver.run(way, sql, two)).rejects.toThrow(/row 4000 is broken/);
        await expect(lab.driver.run(way, 'SELECT 1 AS id, nothing AS s', two)).rejects.toThrow(/nothing/);
      }
      const session = await lab.driver.connect('look');
      expect(await session.open(ADDRESSES, [])).toMatchObject({ table: null, seq: 0 });
      await session.close();
    });

    test('query answers with exact values', async () => {
      const cols = columns({ id: 'bigint', d: 'decimal(38,2)', z: 'timestamptz', t: 'timestamp', f: 'double' });
      const sql = `SELECT 9007199254740993::BIGINT AS id, 123456789012345678901234567890.10::DECIMAL(38,2) AS d, TIMESTAMPTZ '2026-01-01 00:00:00.5+01' AS z, TIMESTAMP '2026-01-01 10:00:00' AS t, 0.5::DOUBLE AS f`;
      await lab.driver.run({ how: 'load', tasks: 1 }, sql, cols);
      const session = await lab.driver.connect('q');
      const answer = await session.query(
        `SELECT *, 5 AS small FROM "${lab.driver.system.schema}"."${lab.driver.table}"`,
      );
      expect(answer.rows).toEqual([
        [
          '9007199254740993',
          '123456789012345678901234567890.10',
          '2025-12-31T23:00:00.5Z',
          '2026-01-01T10:00:00',
          0.5,
          5,
        ],
      ]);
      expect(answer.columns.map((c) => c.name)).toEqual(['id', 'd', 'z', 't', 'f', 'small']);
      await expect(session.query('SELECT nothing FROM nowhere')).rejects.toMatchObject({
        code: 'destination/query-failed',
      });
      await expect(
        session.query(`INSERT INTO "${lab.driver.system.schema}"."${lab.driver.table}" (id) VALUES (1)`),
      ).rejects.toMatchObject({ code: 'destination/query-failed' });
      await session.close();
    });
  });
}
