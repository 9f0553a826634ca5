import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  check,
  createProject,
  DIAGNOSTIC_CODES,
  type Diagnostic,
  type Document,
  parseDocument,
  positionAt,
} from '../src/index.ts';

/**
 * Each `invalid/<name>.yaml` is checked and its findings compared with `<name>.json`. `as` is the file's name in the
 * project, `with` holds the other files. UPDATE_FIXTURES=1 writes what is found: read the difference before you commit it.
 */
interface Fixture {
  as?: string;
  with?: Record<string, string>;
  expect: Expected[];
}

interface Expected {
  code: string;
  severity: string;
  start: [number, number];
  end: [number, number];
  fix?: string[];
}

const folder = new URL('./fixtures/invalid/', import.meta.url);
const project = readFileSync(new URL('../project.yaml', folder), 'utf8');
const names = readdirSync(folder)
  .flatMap((file) => (file.endsWith('.yaml') ? [file.slice(0, -5)] : []))
  .sort();

function load(name: string): Fixture {
  return JSON.parse(readFileSync(new URL(`${name}.json`, folder), 'utf8')) as Fixture;
}

function findings(name: string, text: string, fixture: Fixture): { document: Document; found: Diagnostic[] } {
  const file = fixture.as ?? `jobs/${name}.yaml`;
  const texts = { 'sluice.yaml': project, ...fixture.with, [file]: text };
  const documents = Object.entries(texts).map(([path, source]) => parseDocument(source, path));
  const config = documents.find((document) => document.file === 'sluice.yaml') ?? null;
  const jobs = documents.filter((document) => document !== config);
  const document = documents.find((candidate) => candidate.file === file)!;
  return { document, found: check(document, createProject({ config, jobs })) };
}

function shown(document: Document, diagnostic: Diagnostic): Expected {
  const start = positionAt(document, diagnostic.range.start);
  const end = positionAt(document, diagnostic.range.end);
  return {
    code: diagnostic.code,
    severity: diagnostic.severity,
    start: [start.line, start.character],
    end: [end.line, end.character],
    ...(diagnostic.fix ? { fix: diagnostic.fix.edits.map((edit) => edit.text) } : {}),
  };
}

function applyFix(text: string, diagnostic: Diagnostic): string {
  const edits = [...(diagnostic.fix?.edits ?? [])].sort((a, b) => b.range.start - a.range.start);
  return edits.reduce((t, edit) => t.slice(0, edit.range.start) + edit.text + t.slice(edit.range.end), text);
}

describe('invalid files', () => {
  it.each(names)('%s', (name) => {
    const fixture = load(name);
    const text = readFileSync(new URL(`${name}.yaml`, folder), 'utf8');
    const { document, found } = findings(name, text, fixture);
    const actual = found.map((diagnostic) => shown(document, diagnostic));
    if (process.env.UPDATE_FIXTURES) {
      writeFileSync(new URL(`${name}.json`, folder), `${JSON.stringify({ ...fixture, expect: actual }, null, 2)}\n`);
    }
    expect(actual).toEqual(load(name).expect);
    expect(actual.length).toBeGreaterThan(0);
    for (const diagnostic of found) {
      expect(diagnostic.range.start).toBeLessThanOrEqual(diagnostic.range.end);
      expect(diagnostic.range.end).toBeLessThanOrEqual(text.length);
    }
  });

  it.each(names)('%s: each fix mends its finding', (name) => {
    const fixture = load(name);
    const text = readFileSync(new URL(`${name}.yaml`, folder), 'utf8');
    const { found } = findings(name, text, fixture);
    for (const diagnostic of found.filter((d) => d.fix)) {
      const after = findings(name, applyFix(text, diagnostic), fixture).found;
      const same = (d: Diagnostic) => d.code === diagnostic.code && d.range.start === diagnostic.range.start;
      expect(after.filter(same)).toEqual([]);
    }
  });

  it('has a file for every code', () => {
    const covered = new Set(names.flatMap((name) => load(name).expect.map((expected) => expected.code)));
    // What depends on data is no finding of a file alone; its fixtures are in `language`.
    const wanted = Object.keys(DIAGNOSTIC_CODES).filter((code) => !code.startsWith('observed/'));
    expect(wanted.filter((code) => !covered.has(code))).toEqual([]);
  });
});
