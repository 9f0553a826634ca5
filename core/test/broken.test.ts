import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { check, createProject, type Diagnostic, type Document, type Node, parseDocument } from '../src/index.ts';

/**
 * Valid jobs, broken in one place in every way that a hand breaks them. Each time the finding has to have the right code and stand at
 * that place, and nothing may be thrown.
 */

const fixtures = new URL('./fixtures/', import.meta.url);
const project = parseDocument(readFileSync(new URL('project.yaml', fixtures), 'utf8'), 'sluice.yaml');
const page = parseDocument(readFileSync(new URL('page/sluice.yaml', fixtures), 'utf8'), 'sluice.yaml');

interface Case {
  name: string;
  text: string;
  config: Document;
}

const cases: Case[] = [
  ...readdirSync(new URL('valid/', fixtures)).map((file) => ({ file: `valid/${file}`, config: project })),
  ...['customers', 'web_events', 'crm_replica'].map((name) => ({ file: `page/${name}.yaml`, config: page })),
]
  .filter(({ file }) => file.endsWith('.yaml'))
  .map(({ file, config }) => ({ name: file, text: readFileSync(new URL(file, fixtures), 'utf8'), config }));

interface Place {
  /** JSON pointer. */
  path: string;
  key: { start: number; end: number; text: string } | null;
  value: Node;
  /** In a mapping of the block style, on a line of its own. */
  isBlock: boolean;
}

/** Every key and value that is written once: what an anchor repeats or a merge brings stands elsewhere. */
function places(document: Document): Place[] {
  const found: Place[] = [];
  const visit = (node: Node, isRepeated: boolean): void => {
    const repeated = isRepeated || document.text[node.range.start] === '*';
    if (node.kind === 'list') {
      for (const item of node.items) {
        if (!repeated) found.push({ path: item.path, key: null, value: item, isBlock: false });
        visit(item, repeated);
      }
    }
    if (node.kind !== 'map') return;
    for (const { key, value, merged } of node.entries) {
      if (merged || repeated || key.source.startsWith('x-')) continue;
      const { start, end } = key.range;
      found.push({ path: value.path, key: { start, end, text: key.source }, value, isBlock: !node.flow });
      visit(value, false);
    }
  };
  if (document.root) visit(document.root, false);
  // What an alias repeats is checked where it is repeated as well.
  return found.filter(
    ({ value }) => document.text[value.range.start] !== '*' && document.text[value.range.start] !== '&',
  );
}

function findingsOf(text: string, config: Document): Diagnostic[] {
  const document = parseDocument(text, 'jobs/broken.yaml');
  return check(document, createProject({ config, jobs: [document] }));
}

function lineOf(text: string, at: number): { start: number; end: number } {
  const start = text.lastIndexOf('\n', at - 1) + 1;
  const end = text.indexOf('\n', at);
  return { start, end: end < 0 ? text.length : end };
}

/** Expects an error of one of the codes that touches [start, end]. */
function expectAt(text: string, config: Document, codes: RegExp, start: number, end: number): void {
  const found = findingsOf(text, config);
  const fits = found.filter(
    ({ code, severity, range }) => severity === 'error' && codes.test(code) && range.start <= end && range.end >= start,
  );
  if (fits.length > 0) return;
  const shown = found.map(({ code, range }) => `${code} at ${JSON.stringify(text.slice(range.start, range.end))}`);
  expect.fail(
    `${codes} expected at ${JSON.stringify(text.slice(start, end))}; found: ${shown.join('; ') || 'nothing'}`,
  );
}

const splice = (text: string, at: number, end: number, by: string) => text.slice(0, at) + by + text.slice(end);

/** A value that stands on the line of its key and no other. */
function isInline(text: string, { key, value }: Place): boolean {
  if (!key || value.kind !== 'scalar' || !['plain', 'single', 'double'].includes(value.style)) return false;
  return !text.slice(key.start, value.range.end).includes('\n');
}

describe.each(cases)('$name', ({ text, config }) => {
  const document = parseDocument(text, 'jobs/broken.yaml');
  const all = places(document);
  const keys = all.filter((place) => place.key !== null);
  const inline = keys.filter((place) => isInline(text, place));
  const title = ({ path }: Place): [string, string] => [path, path];
  const named = (list: Place[]) => list.map((place): [string, Place] => [title(place)[0], place]);

  it('is valid as it stands', () => {
    expect(findingsOf(text, config)).toEqual([]);
    expect(all.length).toBeGreaterThan(2);
  });

  it.each(named(keys))('a misspelt key: %s', (_, { key }) => {
    if (!key) return;
    const broken = splice(text, key.end, key.end, 'zq');
    expectAt(broken, config, /^schema\/(?:unknown-key|step|unknown-type|required)$/, key.start, key.end + 2);
  });

  it.each(named(inline))('a list for a value: %s', (_, { value, key }) => {
    const { start, end } = value.range;
    const broken = splice(text, start, end, '[[a], {b: c}]');
    const codes = /^(?:schema\/|value\/|sql\/|yaml\/|column\/|reference\/|stream\/|job\/|connection\/)/;
    expectAt(broken, config, codes, key?.start ?? start, start + 13);
  });

  it.each(named(inline))('a mapping for a value: %s', (_, { value, key }) => {
    const { start, end } = value.range;
    const broken = splice(text, start, end, '{zq: 1}');
    expectAt(broken, config, /^schema\//, key?.start ?? start, start + 7);
  });

  it.each(named(inline))('nothing for a value: %s', (_, { value, key }) => {
    const broken = splice(text, value.range.start, value.range.end, '').replace(/: +([,}\n])/g, ': $1');
    expectAt(broken, config, /^schema\/empty-value$/, key?.start ?? 0, key?.end ?? 0);
  });

  it.each(named(inline.filter(({ isBlock }) => isBlock)))('a key twice: %s', (_, { value, key }) => {
    const column = (key?.start ?? 0) - lineOf(text, key?.start ?? 0).start;
    const again = `\n${' '.repeat(column)}${text.slice(key?.start, value.range.end)}`;
    const { end } = lineOf(text, value.range.end);
    const broken = splice(text, end, end, again);
    const at = end + 1 + column;
    expectAt(broken, config, /^yaml\/duplicate-key$/, at, at + (key?.text.length ?? 0));
  });

  it.each(named(inline))('a tag: %s', (_, { value }) => {
    const { start } = value.range;
    expectAt(splice(text, start, start, '!x '), config, /^yaml\/tag$/, start, start + 2);
    expectAt(splice(text, start, start, '!!str '), config, /^yaml\/tag$/, start, start + 5);
  });

  it.each(named(inline))('an alias of nothing: %s', (_, { value }) => {
    const { start, end } = value.range;
    expectAt(splice(text, start, end, '*nowhere'), config, /^yaml\/alias$/, start, start + 8);
  });

  it.each(named(inline.filter(({ value }) => value.kind === 'scalar' && value.style === 'plain')))(
    'a quote or bracket that is not closed: %s',
    (_, { value }) => {
      const { start } = value.range;
      for (const open of ['"', "'", '[', '{']) {
        const broken = splice(text, start, start, open);
        const found = findingsOf(broken, config).filter(({ severity }) => severity === 'error');
        expect([open, found.length > 0]).toEqual([open, true]);
        // It may be seen only further down, and never above.
        const { start: line } = lineOf(broken, start);
        expect(found.every(({ range }) => range.end >= line)).toBe(true);
      }
    },
  );

  it('a tab instead of spaces, on each line', () => {
    const lines = text.split('\n');
    let at = 0;
    let tried = 0;
    for (const line of lines) {
      const indent = /^ +(?=[\w-])/.exec(line)?.[0] ?? '';
      const isInText = all.some(({ value }) => {
        const isText = value.kind === 'scalar' && (value.style === 'literal' || value.style === 'folded');
        return isText && value.range.start < at && value.range.end > at;
      });
      if (indent !== '' && !isInText) {
        tried++;
        expectAt(splice(text, at, at + indent.length, '\t'), config, /^yaml\/tab$/, at, at + line.length);
      }
      at += line.length + 1;
    }
    expect(tried > 0 || !/^ /m.test(text)).toBe(true);
  });

  it('cut off after any character', () => {
    for (let end = 0; end <= text.length; end += 11) {
      const cut = text.slice(0, end);
      for (const { range } of findingsOf(cut, config)) {
        expect(range.start).toBeLessThanOrEqual(range.end);
        expect(range.end).toBeLessThanOrEqual(cut.length);
      }
    }
  });
});

describe('what is required', () => {
  it.each([
    ['name', 'source:\n  type: local\n  path: a.csv\n'],
    ['source', 'name: a\n'],
    ['type', 'name: a\nsource:\n  path: a.csv\n'],
    ['path', 'name: a\nsource:\n  type: local\n'],
    ['column', 'name: a\nsource: {type: local, path: a.csv}\nincremental:\n  type: cursor\n'],
    [
      'every',
      'name: a\nsource: {type: local, path: "${window:start}.csv"}\nincremental:\n  type: window\n  column: a\n',
    ],
    ['cron', 'name: a\nsource: {type: local, path: a.csv}\nschedule:\n  timezone: UTC\n'],
    [
      'when',
      'name: a\nsource: {type: local, path: a.csv}\ndestination:\n  write_disposition: merge\n  primary_key: [a]\n  deletes: {mode: soft}\n',
    ],
  ])('%s', (key, text) => {
    const found = findingsOf(text, project);
    expect(
      found.filter(({ code, message }) => code === 'schema/required' && message.includes(`${key}\``)),
    ).toHaveLength(1);
  });
});

it('an alias bomb is refused in no time', () => {
  const levels = Array.from({ length: 12 }, (_, i) => `x-${i + 1}: &l${i + 1} [${Array(9).fill(`*l${i}`).join(', ')}]`);
  const text = `x-0: &l0 [lol]\n${levels.join('\n')}\nname: a\nsource: {type: local, path: a.csv}\ntags: *l12\n`;
  const begin = process.cpuUsage();
  expect(findingsOf(text, project).map(({ code }) => code)).toContain('yaml/alias-bomb');
  expect(process.cpuUsage(begin).user / 1000).toBeLessThan(5000);
});
