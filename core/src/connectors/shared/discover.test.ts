import picomatch from 'picomatch';
import { expect, it } from 'vitest';
import { groupFiles } from './discover.ts';

const found = (...paths: string[]) => groupFiles(paths.map((path) => ({ path, size: 10 })));
const patterns = (...paths: string[]) => found(...paths).map(({ name, settings }) => [name, settings.path]);

it('files that differ by numbers are one', () => {
  expect(patterns('in/orders-2026-01.csv', 'in/orders-2026-02.csv', 'in/customers.csv')).toEqual([
    ['customers', 'in/customers.csv'],
    ['orders', 'in/orders-*.csv'],
  ]);
});

it('names come from the folder where the file has none', () => {
  expect(patterns('orders/2026-01.csv', 'orders/2026-02.csv')).toEqual([['orders', 'orders/*.csv']]);
  expect(patterns('events/dt=2026-01-01/part-0.parquet', 'events/dt=2026-01-02/part-0.parquet')[0]?.[1]).toBe(
    'events/dt=*/part-*.parquet',
  );
});

it('endings tell kinds apart, compression counted in', () => {
  expect(patterns('a-1.csv', 'a-2.csv', 'a-1.csv.gz', 'a-2.csv.gz', 'a-1.json', 'a-2.json')).toEqual([
    ['a', 'a-*.csv'],
    ['a_2', 'a-*.csv.gz'],
    ['a_3', 'a-*.json'],
  ]);
});

it('hidden files and markers are passed over', () => {
  expect(found('_SUCCESS', '.x/a.csv', 'b/_tmp.csv')).toEqual([]);
});

it('a pattern matches the files that it was made of, whatever they are called', () => {
  const odd = ['in (1)/a[x]{b}!+@1.csv', 'in (1)/a[x]{b}!+@2.csv', 'weird?*/x.csv', '2026/07/5.csv', '2026/08/6.csv'];
  const all = found(...odd).map(({ settings }) => String(settings.path));
  for (const path of odd) {
    const by = all.filter((pattern) => picomatch(pattern)(path));
    expect([path, by.length]).toEqual([path, 1]);
  }
});

it('sizes are summed', () => {
  const [one] = groupFiles([
    { path: 'a1.csv', size: 1_500_000 },
    { path: 'a2.csv', size: 500_000 },
  ]);
  expect(one?.text).toBe('2 files, 2.0 MB');
});
