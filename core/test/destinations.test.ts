import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type OwnedEngine, openEngine } from '../src/engine/duckdb.ts';
import type { Destination } from '../src/model/component.ts';
import { jsonText } from '../src/model/json-sql.ts';
import { ident } from '../src/model/sql.ts';
import { type Column, formatType } from '../src/model/type.ts';
import * as registry from '../src/registry.ts';
import { ALL_ROWS, ALL_TYPES, INFINITE } from './all-types.ts';
import { ADDRESSES, columns, Driver, type Way } from './destination-driver.ts';
import { canonical, LABS, type Lab, type Started } from './destination-labs.ts';

const WAYS: Way[] = [
  { how: 'load', tasks: 1 },
  { how: 'stage', tasks: 4 },
];

test('every registered destination is held to these tests', () => {
  expect(new Set(LABS.map((lab) => lab.type))).toEqual(new Set(Object.keys(registry.destinations)));
});

let folder: string;
let engine: OwnedEngine;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-types-'));
  engine = await openEngine({ spool: folder, threads: 2, memory: 500_000_000 });
});
afterAll(() => {
  engine.close();
  rmSync(folder, { recursive: true, force: true });
});

/** What a SELECT holds, as the engine itself says it. */
async function expected(sql: string, cols: readonly Column[]): Promise<unknown[][]> {
  const values = cols.map((c) => `${jsonText(ident(c.name), c.type)} AS ${ident(c.name)}`);
  const rows = await engine.rows(`SELECT ${values.join(', ')} FROM (${sql}) ORDER BY id`);
  return rows.map((row) =>
    cols.map((c) => {
      const text = row[c.name] as string | null;
      const quoted = text?.startsWith('"') && c.type.kind !== 'json';
      return canonical(quoted ? JSON.parse(text as string) : text, c);
    }),
  );
}

const named = LABS.map((lab): [string, Lab] => [
  [lab.type, lab.variant ?? '', lab.missing ?? ''].join(' ').trim(),
  lab,
]);

describe.each(named)('%s', (_, lab) => {
  describe.skipIf(lab.missing)('keeps or refuses', () => {
    let destination: Destination;
    let place: Started;
    let count = 0;
    beforeAll(async () => {
      destination = await registry.destinations[lab.type]!.load();
      place = await lab.start(folder);
    });
    afterAll(() => place.stop());

    function driver(): Driver {
      const system = {
        destination,
        settings: (table: string) => place.settings(table),
        schema: place.schema as string,
        select: async () => [],
      };
      return new Driver(system, engine, `t_${lab.type}_${lab.variant ?? ''}${++count}`, folder);
    }

    async function stored(one: Driver, cols: readonly Column[]): Promise<unknown[][]> {
      const session = await one.connect('look');
      const { rows } = await session.query(
        `SELECT ${cols.map((c) => place.expression(c)).join(', ')} FROM ${place.name(one.table)} ORDER BY id`,
      );
      await session.close();
      return rows.map((row) => row.map((value, i) => canonical(value, cols[i]!)));
    }

    /** Loads rows that the system may have no place for: it keeps them exactly, or says where they stand and writes nothing. */
    async function keptOrRefused(sql: string, cols: Column[], where: { row: number; column: string }): Promise<void> {
      for (const way of WAYS) {
        const one = driver();
        const error = await one.run({ ...way, tasks: 1 }, sql, cols).then(
          () => null,
          (e) => e,
        );
        if (error === null) {
          expect(await stored(one, cols)).toEqual(await expected(sql, cols));
          continue;
        }
        expect(error).toMatchObject({
          kind: 'data',
          code: expect.stringMatching(/^destination\/(bad-value|nul-character)$/),
        });
        expect(error.where).toMatchObject(where);
        const session = await one.connect('look');
        expect(await session.open(ADDRESSES, [])).toMatchObject({ seq: 0, commitId: null });
        await session.close();
      }
    }

    const ofValues = lab.place ? () => undefined : test;
    // Long numbers in NDJSON are rounded by the engine's own reader, which serves queries alone.
    const cols = ALL_TYPES.filter((c) => lab.variant !== 'json' || !['d', 'whole', 'j'].includes(c.name));

    test('every type and its ends arrive exactly, and the next run finds the same types', async () => {
      for (const way of WAYS) {
        const one = driver();
        await one.run(way, ALL_ROWS, ALL_TYPES);
        expect(await stored(one, cols)).toEqual(await expected(ALL_ROWS, cols));
        const session = await one.connect('look');
        const opened = await session.open(ADDRESSES, []);
        await session.close();
        expect(opened.table?.map((c) => [c.name, formatType(c.type)])).toEqual(
          ALL_TYPES.map((c) => [c.name, formatType(c.type)]),
        );
        await one.run(way, ALL_ROWS, ALL_TYPES);
        expect(await stored(one, [cols[0]!])).toHaveLength(10);
      }
    });

    ofValues('infinity and NaN are kept or refused by row and column', async () => {
      for (const name of ['f', 'day', 'ts', 'tz']) {
        const two = ALL_TYPES.filter((c) => c.name === 'id' || c.name === name);
        const sql = `SELECT id, ${name} FROM (${ALL_ROWS} WHERE id = 1) UNION ALL SELECT id, ${name} FROM (${INFINITE}) ORDER BY id`;
        await keptOrRefused(sql, two, { row: 2, column: name });
      }
    });

    ofValues('U+0000 in text and JSON is kept or refused by row and column', async () => {
      for (const [type, value] of [
        ['text', `'a' || chr(0) || 'b'`],
        ['json', `'{"a": "x\\u0000y"}'::JSON`],
        ['list<text>', `['a' || chr(0) || 'b']`],
      ] as const) {
        const sql = `SELECT range::INT AS id, CASE WHEN range = 1 THEN ${value} END AS v FROM range(3)`;
        await keptOrRefused(sql, columns({ id: 'int', v: type }), { row: 2, column: 'v' });
      }
    });

    ofValues('years before 1 and after 9999 are kept or refused by row and column', async () => {
      for (const [type, value] of [
        ['date', `DATE '0044-03-15 (BC)'`],
        ['timestamp', `TIMESTAMP '0044-03-15 (BC) 10:00:00'`],
        ['date', `DATE '12345-01-02'`],
      ] as const) {
        const sql = `SELECT range::INT AS id, CASE WHEN range = 1 THEN ${value} END AS v FROM range(3)`;
        const two = columns({ id: 'int', v: type });
        for (const way of WAYS) {
          const one = driver();
          const error = await one.run({ ...way, tasks: 1 }, sql, two).catch((e) => e);
          if (error instanceof Error) expect(error).toMatchObject({ kind: 'data', where: { row: 2, column: 'v' } });
          else expect((await stored(one, two)).filter((row) => row[1] !== null)).toHaveLength(1);
        }
      }
    });

    ofValues('names of any letters and length are kept whole or refused', async () => {
      const odd = [
        'select',
        'x y',
        'a.b',
        "it's",
        'back`tick',
        'semi;colon',
        '日本',
        '%s',
        '$1',
        'n'.repeat(63),
        'é'.repeat(32),
        'n'.repeat(200),
      ];
      for (const name of odd) {
        const one = driver();
        const error = await one
          .run(WAYS[0]!, `SELECT 1::INT AS id, 'v' AS ${ident(name)}`, columns({ id: 'int', [name]: 'text' }))
          .catch((e) => e);
        if (error instanceof Error)
          expect([name.length > 30, error]).toEqual([
            true,
            expect.objectContaining({ code: 'destination/name-too-long', kind: 'config' }),
          ]);
        else expect([name, await stored(one, columns({ id: 'int', [name]: 'text' }))]).toEqual([name, [['1', 'v']]]);
      }
    });

    test('an epoch without rows makes the table, and one without tokens moves the checkpoint alone', async () => {
      const one = driver();
      const two = columns({ id: 'int', s: 'text' });
      for (const way of WAYS) await one.run(way, `SELECT 1::INT AS id, 'x' AS s WHERE false`, two);
      const session = await one.connect('restore');
      const opened = await session.open(ADDRESSES, []);
      expect(opened.table?.map((c) => c.name)).toEqual(['id', 's']);
      const epoch = one.epoch('restore', opened, [], { checkpoint: { cursor: 'earlier' } });
      expect(await session.commit(epoch, [])).toMatchObject({ rows_written: 0, repeated: false });
      expect(await session.commit(epoch, [])).toMatchObject({ repeated: true });
      const after = await session.open(ADDRESSES, []);
      expect(after).toMatchObject({ checkpoint: { cursor: 'earlier' }, seq: opened.seq + 1 });
      expect(after.table?.map((c) => c.name)).toEqual(['id', 's']);
      expect(await stored(one, two)).toEqual([]);
      await session.close();
    });
  });
});
