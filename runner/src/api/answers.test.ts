import { expect, test } from 'vitest';
import { Answers, Turns } from './answers.ts';

/** Work that is done when it is let go. */
function held() {
  const open: ((result: string) => void)[] = [];
  const begun: (() => void)[] = [];
  return {
    work: () =>
      new Promise<string>((resolve) => {
        open.push(resolve);
        begun.shift()?.();
      }),
    begins: () => new Promise<void>((resolve) => begun.push(resolve)),
    end: (result: string) => open.shift()?.(result),
    get working() {
      return open.length;
    },
  };
}

test('whoever asks while a result is made gets the next one, with all who ask meanwhile', async () => {
  const turns = new Turns<string>();
  const one = held();
  const { work, begins, end } = one;
  const first = turns.get('a', work);
  const second = begins();
  const later = [turns.get('a', work), turns.get('a', work), turns.get('a', work)];
  const other = turns.get('b', async () => 'at once');
  expect(await other).toBe('at once');
  end('one');
  expect(await first).toBe('one');
  await second;
  const last = turns.get('a', work);
  const third = begins();
  end('two');
  expect(await Promise.all(later)).toEqual(['two', 'two', 'two']);
  await third;
  end('three');
  expect([await last, one.working]).toEqual(['three', 0]);
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
