import { expect, test } from 'vitest';
import { Answers } from './answers.ts';

/** An answer that is being made until it is let go. */
function held() {
  const open: ((answer: string) => void)[] = [];
  const begun: (() => void)[] = [];
  return {
    make: () =>
      new Promise<{ answer: string; lasts: boolean }>((resolve) => {
        open.push((answer) => resolve({ answer, lasts: false }));
        begun.shift()?.();
      }),
    begins: () => new Promise<void>((resolve) => begun.push(resolve)),
    end: (answer: string) => open.shift()?.(answer),
    get making() {
      return open.length;
    },
  };
}

test('whoever asks while an answer is made gets the next one, with all who ask meanwhile', async () => {
  const answers = new Answers<string>(async () => 'same');
  const work = held();
  const begins = work.begins();
  const first = answers.get('a', work.make);
  await begins;
  const second = work.begins();
  const later = [answers.get('a', work.make), answers.get('a', work.make), answers.get('a', work.make)];
  expect(work.making).toBe(1);
  work.end('one');
  expect(await first).toBe('one');
  await second;
  expect(work.making).toBe(1);
  work.end('two');
  expect(await Promise.all(later)).toEqual(['two', 'two', 'two']);
});

test('what failed fails for those who waited for it, and for nobody after', async () => {
  let fails = true;
  const answers = new Answers<string>(async () => {
    if (fails) throw new Error('the store is away');
    return 'v';
  });
  const make = async () => ({ answer: 'made', lasts: true });
  const [one, two] = [answers.get('a', make), answers.get('a', make)];
  await expect(one).rejects.toThrow('the store is away');
  await expect(two).rejects.toThrow('the store is away');
  fails = false;
  expect(await answers.get('a', make)).toBe('made');
});

test('an answer is given again until the version changes, unless time changes it', async () => {
  let version = 1;
  let made = 0;
  const answers = new Answers<number>(async () => String(version));
  const ask = (key: string, lasts: boolean) => answers.get(key, async () => ({ answer: ++made, lasts }));
  expect([await ask('a', true), await ask('a', true), await ask('b', true), await ask('a', true)]).toEqual([
    1, 1, 2, 1,
  ]);
  version++;
  expect([await ask('a', true), await ask('a', true)]).toEqual([3, 3]);
  expect([await ask('c', false), await ask('c', false)]).toEqual([4, 5]);
});

test('what changes while an answer is made makes the next one anew', async () => {
  let version = 1;
  let made = 0;
  const answers = new Answers<number>(async () => String(version));
  const make = async () => {
    version++;
    return { answer: ++made, lasts: true };
  };
  expect(await answers.get('a', make)).toBe(1);
  expect(await answers.get('a', make)).toBe(2);
});
