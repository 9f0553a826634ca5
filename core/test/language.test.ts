import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  check,
  compile,
  createProject,
  type Document,
  findReferences,
  parseDocument,
  type Schema,
  VERSION,
  visitJob,
} from '../src/index.ts';
import type { Spec } from '../src/model/component.ts';
import * as specs from '../src/specs.ts';

const fixtures = new URL('./fixtures/', import.meta.url);
const project = readFileSync(new URL('project.yaml', fixtures), 'utf8');

function open(text: string, file = 'jobs/job.yaml'): { document: Document; project: ReturnType<typeof createProject> } {
  const document = parseDocument(text, file);
  return { document, project: createProject({ config: parseDocument(project, 'sluice.yaml'), jobs: [document] }) };
}

const indent = (text: string, by: number) => text.trimEnd().replace(/^(?=.)/gm, ' '.repeat(by));

describe('valid files', () => {
  const folder = new URL('valid/', fixtures);
  it.each(readdirSync(folder).filter((name) => name.endsWith('.yaml')))('%s', (name) => {
    const opened = open(readFileSync(new URL(name, folder), 'utf8'));
    const { job, diagnostics } = compile(opened.document, opened.project);
    expect(diagnostics).toEqual([]);
    expect(job).not.toBeNull();
  });
});

describe('examples of components', () => {
  const examples = (of: Readonly<Record<string, Spec>>) =>
    Object.values(of).flatMap((spec) =>
      spec.examples.map((example): [string, string] => [`${spec.type}: ${example.split('\n')[0]}`, example]),
    );
  const errors = (text: string) => {
    const opened = open(text.replaceAll('connection: warehouse', 'connection: pg'));
    // An example names a connection as a project would call it.
    return check(opened.document, opened.project).filter(({ code }) => code !== 'connection/unknown');
  };

  it.each(examples(specs.sources))('source %s', (_, example) => {
    expect(errors(`name: a\nsource:\n${indent(example, 2)}\n`)).toEqual([]);
  });
  it.each(examples(specs.destinations))('destination %s', (_, example) => {
    expect(errors(`name: a\nsource: {type: local, path: in.csv}\ndestination:\n${indent(example, 2)}\n`)).toEqual([]);
  });
  it.each(examples(specs.formats))('format %s', (_, example) => {
    expect(errors(`name: a\nsource:\n  type: local\n  path: in.csv\n  format:\n${indent(example, 4)}\n`)).toEqual([]);
  });
  it.each(examples(specs.transforms))('transform %s', (_, example) => {
    expect(
      errors(
        `name: a\nsource: {type: local, path: in.csv}\ndestination: {write_disposition: replace}\ntransform:\n  -${indent(example, 4).slice(3)}\n`,
      ),
    ).toEqual([]);
  });
  it.each(examples(specs.checks))('check %s', (_, example) => {
    const text = `checks:\n  -${indent(example, 4).slice(3)}\n`;
    const inColumn = `columns:\n  - name: id\n${indent(text, 4)}\n`;
    const isForColumn = specs.checks[example.split(':')[0]!]?.capabilities.column_check === true;
    expect(errors(`name: a\nsource: {type: local, path: in.csv}\n${isForColumn ? inColumn : text}`)).toEqual([]);
  });
});

describe('check', () => {
  it('never throws, whatever a file has become, and keeps ranges in the text', () => {
    const texts = readdirSync(new URL('invalid/', fixtures)).flatMap((name) =>
      name.endsWith('.yaml') ? [readFileSync(new URL(`invalid/${name}`, fixtures), 'utf8')] : [],
    );
    const other = parseDocument(project, 'sluice.yaml');
    const cut = fc.record({
      text: fc.constantFrom(...texts),
      at: fc.nat(),
      drop: fc.nat(30),
      insert: fc.constantFrom('', ' ', '\n', '- ', ':', '{', '*', '${', 'null', '"', ']', '#'),
    });
    fc.assert(
      fc.property(cut, fc.boolean(), ({ text, at, drop, insert }, asConfig) => {
        const from = at % (text.length + 1);
        const mutated = text.slice(0, from) + insert + text.slice(from + drop);
        const document = parseDocument(mutated, asConfig ? 'sluice.yaml' : 'jobs/a.yaml');
        const made = createProject({ config: asConfig ? document : other, jobs: asConfig ? [] : [document] });
        for (const { range } of check(document, made)) {
          expect(range.start).toBeLessThanOrEqual(range.end);
          expect(range.end).toBeLessThanOrEqual(mutated.length);
        }
      }),
      { seed: 31, numRuns: 400 },
    );
  });

  it('says the same whatever the order of the files, and as often as it is asked', () => {
    const a = parseDocument(
      'name: a\ndepends_on: [b]\nsource: {type: local, path: a.csv}\ndestination: {table: t, write_disposition: replace}\n',
      'jobs/a.yaml',
    );
    const b = parseDocument(
      'name: b\ndepends_on: [a]\nsource: {type: local, path: b.csv}\ndestination: {table: t, write_disposition: replace}\n',
      'jobs/b.yaml',
    );
    const one = createProject({ config: null, jobs: [a, b] });
    const two = createProject({ config: null, jobs: [b, a] });
    expect(check(a, one).map((d) => d.code)).toEqual(['job/cycle', 'destination/shared']);
    expect(check(a, two)).toEqual(check(a, one));
    expect(check(a, one)).toEqual(check(a, one));
  });

  it('a broken file does not touch what is said of another one', () => {
    const good = parseDocument('name: a\nsource: {type: local, path: a.csv}\n', 'jobs/a.yaml');
    const bad = parseDocument('name: [\n', 'jobs/b.yaml');
    expect(check(good, createProject({ config: null, jobs: [good, bad] }))).toEqual([]);
  });
});

it('finds references with their places', () => {
  const text = 'name: a\nsource: {type: local, path: "${env:A}/${env:A}/${file:b}"}\nx-t: "$${env:C}"\n';
  const found = findReferences(parseDocument(text, 'jobs/a.yaml'));
  expect(found.map((r) => [r.kind, r.name, r.path])).toEqual([
    ['env', 'A', '/source/path'],
    ['env', 'A', '/source/path'],
    ['file', 'b', '/source/path'],
  ]);
  expect(found.map((r) => text.slice(r.range.start, r.range.end))).toEqual(['${env:A}', '${env:A}', '${file:b}']);
  expect(found[0]!.range.start).toBeLessThan(found[1]!.range.start);
});

describe('visitJob', () => {
  it('tells of each value and its schema', () => {
    const opened = open('name: a\nsource:\n  type: local\n  path: in.csv\ntransform:\n  - filter: a > 1\n');
    const seen = new Map<string, Schema>();
    visitJob(opened.document, opened.project.scope(), (node, schema) => seen.set(node.path, schema));
    expect(seen.get('/source/path')?.['x-kind']).toBe('glob');
    expect(seen.get('/transform/0/filter')?.['x-kind']).toBe('sql-expression');
    expect(seen.get('/source/type')?.enum).toContain('local');
  });
});

it('knows its own version', () => {
  const manifest = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string };
  expect(VERSION).toBe(manifest.version);
});
