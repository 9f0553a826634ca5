import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { child, entryOf, type Node, textOf } from './node.ts';
import { parseDocument } from './parse.ts';
import { offsetAt, positionAt } from './position.ts';
import { quoteYaml } from './quote.ts';

const parse = (text: string) => parseDocument(text, 'f.yaml');

function plain(node: Node | null): unknown {
  if (!node) return null;
  if (node.kind === 'scalar') return node.value;
  if (node.kind === 'list') return node.items.map(plain);
  return Object.fromEntries(node.entries.map((entry) => [entry.key.source, plain(entry.value)]));
}

describe('parseDocument', () => {
  it('keeps the source text of what YAML reads as numbers and booleans', () => {
    const { root, diagnostics } = parse(
      'zip: 02134\ncountry: NO\ncutoff: 12:30:45\nversion: 1.10\non: 1\nbig: 12345678901234567890\n',
    );
    expect(diagnostics).toEqual([]);
    const sources = ['zip', 'country', 'cutoff', 'version', 'big'].map((key) => {
      const node = child(root, key);
      return node?.kind === 'scalar' ? node.source : null;
    });
    expect(sources).toEqual(['02134', 'NO', '12:30:45', '1.10', '12345678901234567890']);
    expect(entryOf(root, 'on')).toBeDefined();
    expect(textOf(root, 'country')).toBe('NO');
  });

  it('gives ranges in UTF-16 units', () => {
    const text = 'jobs:\n  - {label: "📦📦 nightly", typ: csv}\n';
    const document = parse(text);
    const list = child(document.root, 'jobs');
    const item = list?.kind === 'list' ? list.items[0] : null;
    const key = entryOf(item, 'typ')!.key;
    expect(positionAt(document, key.range.start)).toEqual({ line: 1, character: 28 });
    expect(positionAt(document, key.range.end)).toEqual({ line: 1, character: 31 });
    expect(document.diagnostics).toEqual([]);
  });

  it('lays merged keys under own ones, earlier sources first, and keeps the ranges of the anchor', () => {
    const text = 'x-a: &a {p: 1, q: 1}\nx-b: &b {q: 2, r: 2}\nc:\n  r: 3\n  <<: [*a, *b]\n';
    const { root, diagnostics } = parse(text);
    expect(diagnostics).toEqual([]);
    expect(plain(child(root, 'c')!)).toEqual({ r: 3, p: 1, q: 1 });
    const merged = entryOf(child(root, 'c'), 'p')!;
    expect(merged.merged).toBe(true);
    expect(text.slice(merged.key.range.start)).toMatch(/^p: 1, q: 1/);
  });

  it('puts an alias where it is written and its children where the anchor is', () => {
    const text = 'x-a: &a\n  p: 1\nc: *a\n';
    const { root } = parse(text);
    const alias = child(root, 'c')!;
    expect(text.slice(alias.range.start, alias.range.end)).toBe('*a');
    expect(alias.path).toBe('/c');
    expect(child(alias, 'p')!.path).toBe('/x-a/p');
  });

  it('reads a file with a byte order mark, Windows line ends and no line end at its end', () => {
    const document = parse('\ufeffname: a\r\nsource:\r\n  type: local');
    expect(document.diagnostics).toEqual([]);
    expect(plain(document.root)).toEqual({ name: 'a', source: { type: 'local' } });
    expect(positionAt(document, child(document.root, 'source', 'type')!.range.start)).toEqual({
      line: 2,
      character: 8,
    });
  });

  it('has no root where there are only comments', () => {
    for (const text of ['', '\n\n', '# nothing\n', '---\n'])
      expect(parse(text)).toMatchObject({ root: null, diagnostics: [] });
  });

  it('gives prototype words as plain keys', () => {
    const { root } = parse('__proto__: 1\nconstructor: 2\n');
    expect(root?.kind === 'map' ? root.entries.map((entry) => entry.key.source) : []).toEqual([
      '__proto__',
      'constructor',
    ]);
  });

  it('ends on any nesting and any aliases', () => {
    expect(parse('['.repeat(20_000)).diagnostics.map((d) => d.code)).toEqual(['yaml/syntax']);
    expect(parse(`a: ${'['.repeat(300)}${']'.repeat(300)}`).diagnostics.map((d) => d.code)).toEqual(['yaml/syntax']);
    const levels = Array.from({ length: 12 }, (_, i) => `x-${i}: &n${i} [${`*n${i - 1},`.repeat(9)}]`).slice(1);
    const bomb = parse(`x-0: &n0 [1]\n${levels.join('\n')}\n`);
    expect(bomb.diagnostics.map((d) => d.code)).toEqual(['yaml/alias-bomb']);
  });

  it('never throws, and every range lies in the text', () => {
    const piece = fc.constantFrom(
      'a',
      ': ',
      '\n',
      '  ',
      '- ',
      '"',
      "'",
      '[',
      ']',
      '{',
      '}',
      ',',
      '#',
      '*x',
      '&x ',
      '!t ',
      '|',
      '>',
      '\t',
      '---\n',
      '%Y',
      '<<: ',
      '${env:A}',
      '📦',
      '\r\n',
      '? ',
      '\\d',
      '@',
      '`',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
        const text = pieces.join('');
        for (const { range } of parse(text).diagnostics) {
          expect(range.start).toBeGreaterThanOrEqual(0);
          expect(range.end).toBeLessThanOrEqual(text.length);
          expect(range.start).toBeLessThanOrEqual(range.end);
        }
      }),
      { seed: 29, numRuns: 1000 },
    );
  });
});

describe('quoteYaml', () => {
  it('is read back as the same text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        const { root } = parse(`k: ${quoteYaml(text)}\n`);
        expect(plain(root)).toEqual({ k: text });
      }),
      { seed: 42 },
    );
  });
});

describe('positions', () => {
  it('counts lines by LF, CRLF and CR, and back', () => {
    const owner = { text: 'a\r\nbc\rd\n\n' };
    expect([0, 3, 4, 6, 8, 9].map((offset) => positionAt(owner, offset))).toEqual([
      { line: 0, character: 0 },
      { line: 1, character: 0 },
      { line: 1, character: 1 },
      { line: 2, character: 0 },
      { line: 3, character: 0 },
      { line: 4, character: 0 },
    ]);
    for (let i = 0; i <= owner.text.length; i++) {
      if (i !== 2) expect(offsetAt(owner, positionAt(owner, i))).toBe(i);
    }
  });
});
