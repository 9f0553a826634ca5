import fc from 'fast-check';
import { expect, it } from 'vitest';
import { canonicalCron } from './canonical.ts';
import { type Cron, parseCron } from './cron.ts';
import { nextFires } from './fires.ts';

function cron(text: string): Cron {
  const parsed = parseCron(text);
  if (!parsed.ok) throw new Error(`${text}: ${parsed.message}`);
  return parsed.cron;
}

it.each([
  ['0 6 * * *', ['00 06 * * *', '0  6 * * 0-6', '0 6 ? * ?', '0 6 */1 JAN-dec *', '0,00 6-6 1-31 1-12 *']],
  ['0 0 * * *', ['@daily', '@Midnight', '0 0 * * *']],
  ['0 0 * * 0', ['@weekly', '0 0 * * 7', '0 0 * * SUN', '0 0 ? * sun']],
  ['30 5 1,15,L 1-3,12 *', ['30 5 L,15,1 mar,feb,jan,12 *']],
  ['0 6 * * 1-5', ['0 6 * * MON-FRI', '0 6 * * 5,4,3,2,1']],
  ['0 6 * * 5L', ['0 6 * * FRIL', '0 6 ? 1-12 5l']],
  ['0 6 * * 1#1,1#3', ['0 6 * * mon#3,1#1']],
  ['*/15 * * * *', ['*/15 0-23 * * *', '0-59/15 * * * *', '0/15 * * * *']],
  ['0 * * * *', ['@hourly', '0 0-23 * * *']],
])('%s is one text, however it is written', (wanted, texts) => {
  for (const text of [wanted, ...texts]) expect(canonicalCron(text), text).toBe(wanted);
});

it('what does not mean the same keeps its own text', () => {
  // At clock changes a step goes on where times that are named are put off.
  expect(canonicalCron('0,15,30,45 2 * * *')).toBe('0,15,30,45 2 * * *');
  expect(canonicalCron('*/15 2 * * *')).toBe('*/15 2 * * *');
  expect(canonicalCron('5-20/5 2 * * *')).toBe('5-20/5 2 * * *');
  // Where both are given, either of them is due.
  expect(canonicalCron('0 0 1-31 * 1')).toBe('0 0 1-31 * 1');
  expect(canonicalCron('0 0 1 * 0-6')).toBe('0 0 1 * 0-6');
  expect(canonicalCron('60 * * * *')).toBe('60 * * * *');
});

it('fires as the text that was written', () => {
  const part = (min: number, max: number) => {
    const value = fc.integer({ min, max });
    const range = fc.tuple(value, value).map(([a, b]) => `${Math.min(a, b)}-${Math.max(a, b)}`);
    const step = fc.tuple(fc.oneof(fc.constant('*'), range), fc.integer({ min: 1, max: max - min + 1 }));
    return fc.oneof(
      fc.constant('*'),
      value.map(String),
      range,
      step.map(([base, n]) => `${base}/${n}`),
    );
  };
  const field = (min: number, max: number) =>
    fc.array(part(min, max), { minLength: 1, maxLength: 3 }).map((parts) => parts.join(','));
  const text = fc.tuple(field(0, 59), field(0, 23), field(1, 31), field(1, 12), field(0, 7)).map((f) => f.join(' '));
  fc.assert(
    fc.property(text, (written) => {
      fc.pre(parseCron(written).ok);
      const made = canonicalCron(written);
      expect(canonicalCron(made)).toBe(made);
      const from = Date.UTC(2026, 2, 28);
      const fires = (one: string) => nextFires(cron(one), 'Europe/Berlin', from, 5);
      expect(fires(made), `${written} as ${made}`).toEqual(fires(written));
    }),
    { seed: 27, numRuns: 300 },
  );
});
