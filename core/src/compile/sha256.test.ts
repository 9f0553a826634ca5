import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { sha256 } from './sha256.ts';

it('is SHA-256, at every length around a block', () => {
  const reference = (text: string) => createHash('sha256').update(text).digest('hex');
  for (let length = 0; length < 200; length++) expect(sha256('ä'.repeat(length))).toBe(reference('ä'.repeat(length)));
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      expect(sha256(text)).toBe(reference(text));
    }),
  );
});
