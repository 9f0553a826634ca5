import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { ownSha256, sha256 } from './sha256.ts';

it('is SHA-256, at every length around a block', () => {
  const reference = (text: string) => createHash('sha256').update(text).digest('hex');
  for (let length = 0; length < 200; length++) {
    const text = 'ä'.repeat(length);
    expect([sha256(text), ownSha256(text)]).toEqual([reference(text), reference(text)]);
  }
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      expect([sha256(text), ownSha256(text)]).toEqual([reference(text), reference(text)]);
    }),
    { seed: 39 },
  );
});
