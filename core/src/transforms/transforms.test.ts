import { describe, expect, it } from 'vitest';
import { stepEngine } from '../../test/step-engine.ts';
import type { Column } from '../model/type.ts';
import { dedupe } from './dedupe/transform.ts';
import { derive } from './derive/transform.ts';
import { drop } from './drop/transform.ts';
import { filter } from './filter/transform.ts';
import { select } from './select/transform.ts';
import { sql } from './sql/transform.ts';

const engine = stepEngine();
const columns: Column[] = ['id', 'Name', '_sluice_row'].map((name) => ({ name, type: { kind: 'text' } }));
const three = `SELECT * FROM (VALUES (1, 'a', 10), (2, NULL, 20), (3, 'c', 30)) t(id, "Name", _sluice_row)`;

describe('filter', () => {
  it('keeps the rows that are true, drops false and null', async () => {
    const rows = await engine.transform(filter, { expression: "name <> 'a' -- not a" }, three);
    expect(rows).toEqual([{ id: 3, Name: 'c', _sluice_row: 30 }]);
  });

  it('takes a window function, and refuses an aggregate without OVER', async () => {
    const rows = await engine.transform(filter, { expression: 'row_number() over (order by id desc) = 1' }, three);
    expect(rows.map((row) => row.id)).toEqual([3]);
    expect(() => filter.sql({ expression: 'id = max(id)' }, columns)).toThrow(
      expect.objectContaining({ code: 'sql/aggregate' }),
    );
  });

  it('`or` does not leak out of its place', async () => {
    const rows = await engine.transform(filter, { expression: 'id = 1 or id = 2' }, `${three} WHERE id <> 2`);
    expect(rows.map((row) => row.id)).toEqual([1]);
  });
});

describe('select and drop', () => {
  it('select keeps the order of the list, whatever the case, and the hidden columns', async () => {
    const rows = await engine.transform(select, { columns: ['NAME', 'id'] }, `${three} LIMIT 1`);
    expect(Object.keys(rows[0]!)).toEqual(['Name', 'id', '_sluice_row']);
  });

  it('drop keeps the order of the others', async () => {
    const rows = await engine.transform(drop, { columns: ['id'] }, `${three} LIMIT 1`);
    expect(Object.keys(rows[0]!)).toEqual(['Name', '_sluice_row']);
  });

  it.each([
    [select, ['nme'], 'step/unknown_column'],
    [drop, ['nme'], 'step/unknown_column'],
    [select, ['_sluice_row'], 'step/reserved_name'],
    [drop, ['_sluice_row'], 'step/reserved_name'],
    [drop, ['id', 'name'], 'step/no_columns'],
  ])('errors', (transform, names, code) => {
    expect(() => transform.sql({ columns: names }, columns)).toThrow(expect.objectContaining({ code }));
  });
});

describe('derive', () => {
  it('each expression sees those before it, and replaces in place', async () => {
    const settings = {
      columns: [
        { name: 'ID', expression: 'id * 10 -- tens' },
        { name: 'next', expression: 'id + input.id' },
        { name: 'we"ird', expression: "next || coalesce(name, '-')" },
      ],
    };
    const rows = await engine.transform(derive, settings, `${three} LIMIT 2`);
    expect(rows).toEqual([
      { ID: 10, Name: 'a', next: 20, 'we"ird': '20a', _sluice_row: 10 },
      { ID: 20, Name: null, next: 40, 'we"ird': '40-', _sluice_row: 20 },
    ]);
    expect(Object.keys(rows[0]!).slice(0, 2)).toEqual(['ID', 'Name']);
  });

  it('takes a window function and runs once over all rows then', async () => {
    const settings = { columns: [{ name: 'share', expression: 'id / sum(id) over ()' }] };
    expect(derive.scope(settings)).toBe('run');
    const rows = await engine.transform(derive, settings, three);
    expect(rows.map((row) => row.share)).toEqual([1 / 6, 2 / 6, 3 / 6]);
  });

  it.each([
    [{ name: '_sluice_row', expression: '1' }, 'step/reserved_name'],
    [{ name: 'top', expression: 'max(id)' }, 'sql/aggregate'],
  ])('errors', (item, code) => {
    expect(() => derive.sql({ columns: [item] }, columns)).toThrow(expect.objectContaining({ code }));
  });
});

describe('dedupe', () => {
  const rows = `
    SELECT * FROM (VALUES
      (1, 5, 'old', 0, 1), (1, 9, 'new', 0, 2), (1, 7, 'mid', 1, 1),
      (2, 5, 'first', 0, 3), (2, 5, 'later row', 0, 4),
      (3, 5, 'later file', 1, 2), (3, 5, 'earlier file', 0, 9),
      (NULL, 1, 'null a', 0, 5), (NULL, 2, 'null b', 0, 6)
    ) t(id, version, label, _sluice_file, _sluice_row)`;
  const labels = async (settings: { key: string[]; order_by?: string }, input = rows) =>
    (await engine.transform(dedupe, settings, input)).map((row) => row.label).sort();

  it('keeps the first by the order; the later file, then the later row, among equals', async () => {
    const kept = await labels({ key: ['ID'], order_by: 'version desc -- newest' });
    expect(kept).toEqual(['later file', 'later row', 'new', 'null b']);
  });

  it('without an order the latest row stays, and nulls are one key', async () => {
    expect(await labels({ key: ['id'] })).toEqual(['later file', 'later row', 'mid', 'null b']);
  });

  it('a key of several columns', async () => {
    expect(await labels({ key: ['id', 'version'] })).toHaveLength(7);
  });

  it('nulls in the order come last, unless it says otherwise', async () => {
    const input = `SELECT * FROM (VALUES (1, NULL, 'null', 0, 1), (1, 3, 'three', 0, 2)) t(id, version, label, _sluice_file, _sluice_row)`;
    expect(await labels({ key: ['id'], order_by: 'version desc' }, input)).toEqual(['three']);
    expect(await labels({ key: ['id'], order_by: 'version desc nulls first' }, input)).toEqual(['null']);
  });

  it('errors', () => {
    expect(() => dedupe.sql({ key: ['nme'] }, columns)).toThrow(
      expect.objectContaining({ code: 'step/unknown_column' }),
    );
  });
});

describe('sql', () => {
  it('sees the user’s columns only, and ends the hidden ones', async () => {
    expect(
      await engine.transform(sql, { query: 'select * from input order by id desc limit 1 -- last' }, three),
    ).toEqual([{ id: 3, Name: 'c' }]);
  });

  it('takes WITH, and rows that it makes up', async () => {
    const query =
      'with a as (select count(*) as n from input) select n::int as n from a union all values (7) order by n';
    expect(await engine.transform(sql, { query }, three)).toEqual([{ n: 3 }, { n: 7 }]);
  });

  it('leaves out hidden names that a query makes up', async () => {
    const query = "pivot (select id, '_sluice_file' as k from input) on k in ('_sluice_file') using count(*)";
    const rows = await engine.transform(sql, { query }, three);
    expect(Object.keys(rows[0]!)).toEqual(['id']);
  });
});
