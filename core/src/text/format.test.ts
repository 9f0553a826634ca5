import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatYaml } from './format.ts';

it.each([
  [
    'indentation and spaces',
    'name:   a\nsource:\n    type: local\n    path:   in.csv   \n',
    'name: a\nsource:\n  type: local\n  path: in.csv\n',
  ],
  ['lists under their key', 'tags:\n- a\n-   b\n', 'tags:\n  - a\n  - b\n'],
  [
    'steps',
    'transform:\n-\n   filter: a\n-    derive:\n     - name: x\n       expression: y\n',
    'transform:\n  - filter: a\n  - derive:\n      - name: x\n        expression: y\n',
  ],
  ['empty lines', '\n\na: 1\n\n\n\nb: 2\n\n\n', 'a: 1\n\nb: 2\n'],
  ['no line end at the end', 'a: 1', 'a: 1\n'],
  [
    'comments',
    '# top\n\na: 1    # one\n#two\nb:\n      # three\n      c: 2\n      # four\n# end',
    '# top\n\na: 1 # one\n#two\nb:\n  # three\n  c: 2\n  # four\n# end\n',
  ],
  ['a comment behind a key', 'a: # why\n    b: 1\nc: # how\n   - x # y\n', 'a: # why\n  b: 1\nc: # how\n  - x # y\n'],
  [
    'texts stay as they are',
    "a: 'x'\nb: \"y\"\nc: 02134\nd: 1.10\ne: NO\nf: 1e3\ng: ''\nh:\n",
    "a: 'x'\nb: \"y\"\nc: 02134\nd: 1.10\ne: NO\nf: 1e3\ng: ''\nh:\n",
  ],
  ['brackets', 'a: {x: 1,y:  [1,2 ,3]}\nb: [ ]\nc: { }\n', 'a: {x: 1, y: [1, 2, 3]}\nb: []\nc: {}\n'],
  ['brackets over lines', 'a: [\n   x,\n  y\n]\n', 'a: [x, y]\n'],
  ['brackets with comments', 'a: [\n   x, # one\n  y # two\n]\n', 'a: [\n  x, # one\n  y, # two\n]\n'],
  ['literal texts', 'a: |-\n     x\n       y\n\n     z\nb: 1\n', 'a: |-\n  x\n    y\n\n  z\nb: 1\n'],
  ['folded texts', 'a: >\n    x\n    y\n\n\nb: 1\n', 'a: >\n  x\n  y\n\nb: 1\n'],
  ['kept line ends', 'a: |+\n    x\n\n\nb: 1\n', 'a: |+\n  x\n\n\nb: 1\n'],
  ['a text over lines', 'a: one\n      two\nb: "x\n  y"\n', 'a: one\n  two\nb: "x\n  y"\n'],
  ['anchors', 'x-a:   &a\n    b: 1\nc:\n   <<:   *a\nd: *a\n', 'x-a: &a\n  b: 1\nc:\n  <<: *a\nd: *a\n'],
  ['line ends of Windows', 'a:   1\r\nb:\r\n    - x\r\n', 'a: 1\r\nb:\r\n  - x\r\n'],
])('%s', (_, text, formatted) => {
  expect(formatYaml(text)).toBe(formatted);
  expect(formatYaml(formatted)).toBe(formatted);
});

it.each(['a: [1', 'a: 1\na: b: c', '\ta: 1'])('%j is no YAML', (text) => {
  expect(formatYaml(text)).toBeNull();
});

it('long brackets take a line for each entry', () => {
  const words = Array.from({ length: 12 }, (_, i) => `a-long-word-${i}`);
  const formatted = formatYaml(`tags: [${words.join(',')}]\n`);
  expect(formatted).toBe(`tags: [\n${words.map((word) => `  ${word},\n`).join('')}]\n`);
  expect(formatYaml(formatted ?? '')).toBe(formatted);
});

describe('every file of the tests', () => {
  const folder = new URL('../../test/fixtures/', import.meta.url);
  const files = ['invalid/', 'valid/'].flatMap((name) =>
    readdirSync(new URL(name, folder)).flatMap((file) => (file.endsWith('.yaml') ? [name + file] : [])),
  );
  it.each(files)('%s', (file) => {
    const text = readFileSync(new URL(file, folder), 'utf8');
    const once = formatYaml(text);
    if (once !== null) expect(formatYaml(once)).toBe(once);
  });
});

describe('any layout', () => {
  const word = fc.constantFrom(
    'a',
    'b1',
    "'it''s'",
    '"x: y"',
    '02134',
    'select',
    'x y',
    '*/5'.replace('*', '1'),
    '~',
    'true',
  );
  const node: fc.Memo<unknown> = fc.memo((depth) =>
    depth <= 1
      ? word
      : fc.oneof(
          word,
          fc.array(node(depth - 1), { minLength: 1, maxLength: 3 }),
          fc.dictionary(fc.constantFrom('k', 'name', 'type', 'l'), node(depth - 1), { minKeys: 1, maxKeys: 3 }),
        ),
  );
  /** Writes a value with some indentation, comments and empty lines. */
  function write(value: unknown, indent: number, noise: () => number): string {
    const pad = ' '.repeat(indent);
    const gap = () => ['', '', '\n', `${pad}# note ${noise()}\n`, `\n\n${pad}#x\n`][noise() % 5] ?? '';
    const tail = () => ['', '', ' # why', '   #', ' '][noise() % 5] ?? '';
    if (typeof value === 'string') return `${value}${tail()}\n`;
    const step = 1 + (noise() % 4);
    if (Array.isArray(value)) {
      if (value.every((item) => typeof item === 'string') && noise() % 3 === 0)
        return `[${value.join(' ,')}]${tail()}\n`;
      return `\n${value.map((item) => `${gap()}${pad}- ${write(item, indent + 2 + step, noise)}`).join('')}`;
    }
    const entries = Object.entries(value as object);
    return `${tail()}\n${entries.map(([key, item]) => `${gap()}${pad}${key}:${typeof item === 'string' ? '  ' : ' '}${write(item, indent + step, noise)}`).join('')}`;
  }

  it('keeps meaning and comments, and is the same the second time', () => {
    let changed = 0;
    fc.assert(
      fc.property(node(4), fc.infiniteStream(fc.nat(59)), (value, stream) => {
        const noise = () => Number(stream.next().value);
        const text = write({ k: value }, 0, noise).trimStart();
        const once = formatYaml(text);
        if (once === null) return;
        if (once !== text) changed++;
        expect(formatYaml(once)).toBe(once);
        expect(once).not.toMatch(/[ \t]\n|\n\n\n/);
      }),
      { seed: 28, numRuns: 400 },
    );
    expect(changed).toBeGreaterThan(200);
  });
});
