import { describe, expect, it } from 'vitest';
import { stepEngine } from '../../test/step-engine.ts';
import type { Transform } from '../model/component.ts';
import type { JsonObject } from '../model/json.ts';
import { dedupe } from './dedupe/transform.ts';
import { explode } from './explode/transform.ts';
import { flatten } from './flatten/transform.ts';

const engine = stepEngine();
const run = (transform: Transform, settings: JsonObject, input: string) => engine.transform(transform, settings, input);

describe('flatten', () => {
  const structs = `
    SELECT 1 AS id, {'Street': 'a', 'geo': {'lat': 1.5}} AS address, 7 AS city, 1 AS _sluice_row
    UNION ALL SELECT 2, NULL, 8, 2 ORDER BY id`;

  it('puts the fields in the place of a struct; null has null fields', async () => {
    const rows = await run(flatten, { column: 'ADDRESS' }, structs);
    expect(rows.map((row) => [row.address_Street, JSON.stringify(row.address_geo), row.city])).toEqual([
      ['a', expect.stringContaining('1.5'), 7],
      [null, 'null', 8],
    ]);
    expect(Object.keys(rows[0]!)).toEqual(['id', 'address_Street', 'address_geo', 'city', '_sluice_row']);
  });

  it('takes a prefix and chosen fields', async () => {
    const [row] = await run(flatten, { column: 'address', prefix: '', fields: ['street'] }, structs);
    expect(row).toEqual({ id: 1, Street: 'a', city: 7, _sluice_row: 1 });
  });

  it('takes named keys of json, as text', async () => {
    const json = `SELECT * FROM (VALUES
      (1, '{"a": 1.5, "b/c": "x", "$": {"d": [1]}, "n": null}'::JSON), (2, '{}'), (3, 'null'), (4, NULL)) t(id, doc)`;
    const rows = await run(flatten, { column: 'doc', prefix: '', fields: ['a', 'b/c', '$', 'n'] }, json);
    expect(rows[0]).toEqual({ id: 1, a: '1.5', 'b/c': 'x', $: '{"d":[1]}', n: null });
    for (const row of rows.slice(1)) expect(row).toMatchObject({ a: null, 'b/c': null, $: null, n: null });
  });

  it('a json value that is no object ends the run, and its text is not told', async () => {
    for (const value of ['[1]', '"secret"', '5']) {
      const error = await run(flatten, { column: 'doc', fields: ['a'] }, `SELECT '${value}'::JSON AS doc`).catch(
        (e: Error) => e,
      );
      expect(String(error)).toContain('no object');
      expect(String(error)).not.toContain('secret');
    }
  });

  it.each<[JsonObject, string]>([
    [{ column: 'nme' }, 'step/unknown_column'],
    [{ column: 'id' }, 'step/column_type'],
    [{ column: 'address', fields: ['zip'] }, 'step/unknown_field'],
    [{ column: 'doc' }, 'step/no_fields'],
    [{ column: 'doc', prefix: '', fields: ['ID'] }, 'step/duplicate_column'],
    [{ column: 'doc', prefix: '', fields: ['a', 'A'] }, 'step/duplicate_column'],
    [{ column: 'doc', prefix: '_sluice_', fields: ['row'] }, 'step/reserved_name'],
  ])('errors: %j', async (settings, code) => {
    const input = `SELECT 1 AS id, {'street': 'a'} AS address, '{}'::JSON AS doc`;
    await expect(run(flatten, settings, input)).rejects.toMatchObject({ code });
  });
});

describe('explode', () => {
  const lists = `SELECT * FROM (VALUES
    (1, ['a', NULL, 'b'], 10), (2, [], 20), (3, NULL, 30), (4, ['c'], 40)) t(id, tags, _sluice_row)`;

  it('a row for each item; an empty list and null yield none', async () => {
    const rows = await run(explode, { column: 'TAGS' }, lists);
    expect(rows.map((row) => [row.id, row.tags, row._sluice_row])).toEqual([
      [1, 'a', 10],
      [1, null, 10],
      [1, 'b', 10],
      [4, 'c', 40],
    ]);
  });

  it('takes json lists', async () => {
    const json = `SELECT * FROM (VALUES
      (1, '[{"a": 1}, 2, "x", null]'::JSON), (2, '[]'), (3, 'null'), (4, NULL)) t(id, doc)`;
    const rows = await run(explode, { column: 'doc' }, json);
    expect(rows.map((row) => [row.id, row.doc])).toEqual([
      [1, '{"a":1}'],
      [1, '2'],
      [1, '"x"'],
      [1, 'null'],
    ]);
  });

  it('the item is the last part of the place, so that the later item is the later row', async () => {
    const inner = 'SELECT 0 AS _sluice_file, 1 AS _sluice_row, [[1, 2], [3], [10, 4]] AS n';
    const columns = (sql: string) => `SELECT * FROM (WITH "input" AS (${inner}) ${sql})`;
    const list = { name: 'n', type: { kind: 'list', item: { kind: 'list', item: { kind: 'int' } } } } as const;
    const hidden = [
      { name: '_sluice_file', type: { kind: 'int' } },
      { name: '_sluice_row', type: { kind: 'int' } },
    ] as const;
    const once = columns(explode.sql({ column: 'n' }, [...hidden, list]));
    const twice = await run(explode, { column: 'n' }, once);
    expect(twice.map((row) => row.n).sort()).toEqual([1, 10, 2, 3, 4]);
    const item = { name: '_sluice_item', type: { kind: 'list', item: { kind: 'bigint' } } } as const;
    const again = `SELECT *, 1 AS k FROM (WITH "input" AS (${once}) ${explode.sql({ column: 'n' }, [...hidden, list.type.item && { name: 'n', type: list.type.item }, item])})`;
    expect((await run(dedupe, { key: ['k'] }, again)).map((row) => row.n)).toEqual([4]);
  });

  it('a json value that is no list ends the run, and its text is not told', async () => {
    const error = await run(explode, { column: 'doc' }, `SELECT '"secret"'::JSON AS doc`).catch((e: Error) => e);
    expect(String(error)).toContain('no list');
    expect(String(error)).not.toContain('secret');
  });

  it.each([
    ['nme', 'step/unknown_column'],
    ['id', 'step/column_type'],
  ])('errors: %s', async (column, code) => {
    await expect(run(explode, { column }, lists)).rejects.toMatchObject({ code });
  });
});
