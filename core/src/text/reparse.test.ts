import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseDocument } from './parse.ts';
import { reparse } from './reparse.ts';

const fixtures = new URL('../../test/fixtures/', import.meta.url);
const texts = ['valid', 'invalid'].flatMap((folder) =>
  readdirSync(new URL(`${folder}/`, fixtures)).flatMap((name) =>
    name.endsWith('.yaml') ? [readFileSync(new URL(`${folder}/${name}`, fixtures), 'utf8')] : [],
  ),
);

describe('reparse', () => {
  it('gives what a parse of the whole gives, edit after edit', () => {
    const edit = fc.record({
      at: fc.nat(),
      drop: fc.oneof(fc.constant(0), fc.nat(3), fc.nat(60)),
      put: fc.constantFrom(
        '',
        '',
        'x',
        ' ',
        '\n',
        '\r\n',
        'a: b\n',
        '\nb: c',
        '  - ',
        ': ',
        '"',
        "'",
        '[',
        ']',
        '{',
        '|-',
        '#',
        '\t',
        '&a ',
        '*a',
        '---\n',
        '- x\n',
        '? x',
        '📦',
      ),
    });
    fc.assert(
      fc.property(
        fc.constantFrom(...texts),
        fc.boolean(),
        fc.array(edit, { minLength: 1, maxLength: 12 }),
        (text, crlf, edits) => {
          let document = parseDocument(crlf ? text.replaceAll('\n', '\r\n') : text, 'a.yaml');
          for (const { at, drop, put } of edits) {
            const from = at % (document.text.length + 1);
            const next = document.text.slice(0, from) + put + document.text.slice(from + drop);
            document = reparse(document, next);
            expect(document).toEqual(parseDocument(next, 'a.yaml'));
          }
        },
      ),
      { seed: 30, numRuns: Number(process.env.SLUICE_FUZZ_RUNS ?? 150) },
    );
  });

  it('reads only the keys that an edit touches', () => {
    const before = parseDocument('name: a\nsource:\n  type: local\n  path: b.csv\ntags: [x]\n', 'a.yaml');
    const after = reparse(before, before.text.replace('local', 'other'));
    expect(after).toEqual(parseDocument(after.text, 'a.yaml'));
    const root = (document: typeof before) => (document.root?.kind === 'map' ? document.root.entries : []);
    expect(root(after)[0]).toBe(root(before)[0]);
    expect(root(after)[2]).toBe(root(before)[2]);
  });
});
