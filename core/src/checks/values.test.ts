import { describe, expect, it } from 'vitest';
import { checkStep, stepEngine } from '../../test/step-engine.ts';
import type { Check } from '../model/component.ts';
import type { JsonObject } from '../model/json.ts';
import { acceptedValues } from './accepted_values/check.ts';
import { freshness } from './freshness/check.ts';
import { pattern } from './pattern/check.ts';
import { range } from './range/check.ts';

const engine = stepEngine();
const input = `
  SELECT * FROM (VALUES
    (1, 'a''b', 10, 0.10::DECIMAL(5,2), DATE '2024-01-01', TIME '10:00', true, NULL::BLOB),
    (2, 'B', -1, 99.99, DATE '2024-06-30', TIME '23:59:59', false, 'x'),
    (3, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
    (4, '', 0, 0, DATE '2023-12-31', TIME '00:00', true, NULL)
  ) t(id, name, amount, price, day, clock, flag, raw)`;

async function ids(check: Check, column: string, settings: JsonObject): Promise<unknown[]> {
  const rows = await engine.failing(
    check,
    checkStep(check === pattern ? 'pattern' : 'range', settings, { column }),
    input,
  );
  return rows.map((row) => row.id).sort();
}

describe('accepted_values', () => {
  it.each<[string, string[], number[]]>([
    ['name', ["a'b", ''], [2]],
    ['name', ['b'], [1, 2, 4]],
    ['amount', ['10', '-1', '0'], []],
    ['amount', ['10.0'], [2, 4]],
    ['price', ['0.1', '99.990'], [4]],
    ['day', ['2024-01-01'], [2, 4]],
    ['flag', ['true'], [2]],
  ])('%s of %j', async (column, values, failing) => {
    expect(await ids(acceptedValues, column, { values })).toEqual(failing);
  });

  it('a row fails where any of the columns does', async () => {
    expect(await ids(acceptedValues, 'name', { columns: ['amount', 'price'], values: ['0', '10', '0.1'] })).toEqual([
      2,
    ]);
  });

  it.each([
    ['amount', ['ten'], 'check/value'],
    ['amount', ['1) OR (1=1'], 'check/value'],
    ['day', ['2024-02-30'], 'check/value'],
    ['flag', ['yes'], 'check/value'],
    ['raw', ['x'], 'check/type'],
    ['nme', ['x'], 'step/unknown_column'],
  ])('errors: %s of %j', async (column, values, code) => {
    await expect(ids(acceptedValues, column, { values })).rejects.toMatchObject({ code });
  });
});

describe('range', () => {
  it.each<[string, JsonObject, number[]]>([
    ['amount', { min: '0' }, [2]],
    ['amount', { max: '9.5' }, [1]],
    ['amount', { min: '-1', max: '10' }, []],
    ['price', { max: '99.98' }, [2]],
    ['day', { min: '2024-01-01', max: '2024-06-29' }, [2, 4]],
    ['clock', { max: '23:59' }, [2]],
  ])('%s of %j: both bounds are included, null passes', async (column, settings, failing) => {
    expect(await ids(range, column, settings)).toEqual(failing);
  });

  it.each<[string, JsonObject, string]>([
    ['amount', {}, 'check/bounds'],
    ['amount', { min: '2', max: '1' }, 'check/bounds'],
    ['amount', { min: 'a' }, 'check/value'],
    ['day', { min: '2024-01-01T00:00:00Z' }, 'check/value'],
    ['clock', { min: '24:00' }, 'check/value'],
    ['name', { min: '0' }, 'check/type'],
    ['flag', { min: 'false' }, 'check/type'],
  ])('errors: %s of %j', async (column, settings, code) => {
    await expect(ids(range, column, settings)).rejects.toMatchObject({ code });
  });
});

describe('pattern', () => {
  it.each<[string, string, number[]]>([
    ['name', '[a-z]', [2, 4]],
    ['name', '^(?i)b$', [1, 4]],
    ['name', "'", [2, 4]],
    ['amount', '^-', [1, 4]],
    ['day', '^2024-', [4]],
  ])('%s of %s: found anywhere, null passes', async (column, regex, failing) => {
    expect(await ids(pattern, column, { regex })).toEqual(failing);
  });

  it('cannot look at bytes', async () => {
    await expect(ids(pattern, 'raw', { regex: 'x' })).rejects.toMatchObject({ code: 'check/type' });
  });
});

describe('freshness', () => {
  const judge = (column: string, max_age: string, now: string, from = input) =>
    engine.verdict(freshness, checkStep('freshness', { column, max_age }), from, now);

  it('holds the newest value against the clock that it is given', async () => {
    expect(await judge('day', '1d', '2024-07-01T00:00:00.000Z')).toBe(false);
    expect(await judge('day', '1d', '2024-07-01T00:00:00.001Z')).toBe(true);
  });

  it('a timestamptz is an instant, and one without a zone is UTC', async () => {
    const at = `SELECT TIMESTAMPTZ '2024-01-01 12:00:00+02' AS tz, TIMESTAMP '2024-01-01 10:00:00' AS plain`;
    for (const column of ['tz', 'plain']) {
      expect(await judge(column, '30s', '2024-01-01T10:00:30Z', at)).toBe(false);
      expect(await judge(column, '30s', '2024-01-01T10:00:31Z', at)).toBe(true);
    }
  });

  it('rows without a value are not fresh; no rows say nothing', async () => {
    expect(await judge('day', '1d', '2024-01-01T00:00:00Z', `${input} WHERE day IS NULL`)).toBe(true);
    expect(await judge('day', '1d', '2024-01-01T00:00:00Z', `${input} WHERE false`)).toBe(false);
  });

  it('wants a time', async () => {
    await expect(judge('name', '1d', '2024-01-01T00:00:00Z')).rejects.toMatchObject({ code: 'check/type' });
  });
});
