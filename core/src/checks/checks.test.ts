import { describe, expect, it } from 'vitest';
import { checkStep, stepEngine } from '../../test/step-engine.ts';
import type { CheckStep } from '../model/job.ts';
import { expression } from './expression/check.ts';
import { notNull } from './not_null/check.ts';
import { rowCount } from './row_count/check.ts';
import { unique } from './unique/check.ts';

const engine = stepEngine();
const input = `
  SELECT * FROM (VALUES
    (1, 'a', 10, 1, 2), (2, 'a', -1, 0, 9), (3, NULL, NULL, 0, 1), (4, NULL, 5, 0, 2), (5, '', 0, 0, 3), (6, 'a', 1, 1, 1)
  ) t(id, email, amount, _sluice_file, _sluice_row)`;

async function ids(check: Parameters<typeof engine.failing>[0], step: CheckStep): Promise<unknown[]> {
  return (await engine.failing(check, step, input)).map((row) => row.id).sort();
}

describe('not_null', () => {
  it('fails on null, not on an empty text', async () => {
    expect(await ids(notNull, checkStep('not_null', {}, { column: 'Email' }))).toEqual([3, 4]);
  });

  it('fails where any column of the list is null', async () => {
    expect(await ids(notNull, checkStep('not_null', { columns: ['amount', 'email'] }))).toEqual([3, 4]);
  });

  it.each([
    [{}, 'check/no_column'],
    [{ columns: ['nme'] }, 'step/unknown_column'],
    [{ columns: ['_sluice_row'] }, 'step/reserved_name'],
  ])('errors', async (settings, code) => {
    await expect(ids(notNull, checkStep('not_null', settings))).rejects.toMatchObject({ code });
  });
});

describe('unique', () => {
  it('every row after the earliest fails; nulls are not compared', async () => {
    expect(await ids(unique, checkStep('unique', { columns: ['email'] }))).toEqual([1, 6]);
    expect(await ids(unique, checkStep('unique', {}, { column: 'email' }))).toEqual([1, 6]);
  });

  it('compares the columns together', async () => {
    expect(await ids(unique, checkStep('unique', { columns: ['email', 'amount'] }))).toEqual([]);
  });
});

describe('expression', () => {
  const step = (sql: string, over: Partial<CheckStep> = {}) => checkStep('expression', { sql }, over);

  it('a row fails where it is false; null passes', async () => {
    expect(await ids(expression, step('amount >= 0 -- not below zero'))).toEqual([2]);
    expect(await ids(expression, step('amount is not null and amount >= 0'))).toEqual([2, 3]);
  });

  it('with an aggregate it judges all rows', async () => {
    expect(expression.scope(step('sum(amount) > 100'))).toBe('run');
    expect(await engine.verdict(expression, step('sum(amount) > 100'), input)).toBe(true);
    expect(await engine.verdict(expression, step('sum(amount) > 1'), input)).toBe(false);
    expect(await engine.verdict(expression, step('sum(amount) > 100'), `${input} WHERE false`)).toBe(false);
    expect(await engine.verdict(expression, step('count(*) > 0'), `${input} WHERE false`)).toBe(true);
  });

  it('with a window function too', async () => {
    const once = 'count(*) over (partition by email) = 1';
    expect(await engine.verdict(expression, step(once), input)).toBe(true);
    expect(await engine.verdict(expression, step(once), `${input} WHERE id IN (1, 3, 5)`)).toBe(false);
  });

  it('cannot set single rows aside when it judges all', () => {
    for (const on_failure of ['discard', 'quarantine'] as const) {
      expect(() => expression.verdict(step('sum(amount) > 1', { on_failure }), [], '')).toThrow(
        expect.objectContaining({ code: 'check/on_failure' }),
      );
    }
  });
});

describe('row_count', () => {
  it.each([
    [{ min: 6 }, false],
    [{ min: 7 }, true],
    [{ max: 6 }, false],
    [{ max: 5 }, true],
    [{ min: 1, max: 6 }, false],
    [{ min: 0, max: 0 }, true],
  ])('%j', async (settings, failed) => {
    const step = checkStep('row_count', settings);
    expect(await engine.verdict(rowCount, step, input)).toBe(failed);
    expect(rowCount.byCount?.(step, 6).failed).toBe(failed);
  });

  it.each([{}, { min: 2, max: 1 }])('bounds that mean nothing: %j', (settings) => {
    expect(() => rowCount.verdict?.(checkStep('row_count', settings), [], '')).toThrow(
      expect.objectContaining({ code: 'check/bounds' }),
    );
  });
});
