import { readdirSync, readFileSync } from 'node:fs';
import {
  type ColumnRecord,
  createProject,
  type Document,
  type LanguageContext,
  type LanguageHost,
  parseDocument,
  type TextEdit,
} from '../src/index.ts';

/**
 * Each `fixtures/language/<feature>-<name>.yaml` holds a file with a caret `|` (block texts are written `|-` there, which is no caret);
 * `<same>.json` says what is around it and what is expected.
 */
export interface LanguageFixture {
  as?: string;
  with?: Record<string, string>;
  /** Columns of the source: name → type. */
  columns?: Record<string, string>;
  /** Folders: path → entries, folders with `/` at their end. */
  files?: Record<string, string[]>;
  /** Label of the item to accept, title of the action to take, or the new name. */
  take?: string;
  expect?: unknown;
}

export const folder = new URL('./fixtures/language/', import.meta.url);
const project = readFileSync(new URL('project.yaml', folder), 'utf8');

export function fixtures(feature: string): string[] {
  return readdirSync(folder)
    .flatMap((file) => (file.startsWith(`${feature}-`) && file.endsWith('.yaml') ? [file.slice(0, -5)] : []))
    .sort();
}

export function openFixture(name: string): {
  fixture: LanguageFixture;
  context: LanguageContext;
  offset: number;
  documents: Document[];
} {
  const fixture = JSON.parse(readFileSync(new URL(`${name}.json`, folder), 'utf8')) as LanguageFixture;
  const marked = readFileSync(new URL(`${name}.yaml`, folder), 'utf8');
  const caret = /\|(?!-)/.exec(marked)?.index ?? -1;
  const text = caret < 0 ? marked : marked.slice(0, caret) + marked.slice(caret + 1);
  const opened = contextOf(text, fixture);
  return { fixture, offset: caret, ...opened };
}

export function contextOf(
  text: string,
  fixture: LanguageFixture = {},
): { context: LanguageContext; documents: Document[] } {
  const file = fixture.as ?? 'jobs/job.yaml';
  const texts = { 'sluice.yaml': project, ...fixture.with, [file]: text };
  const documents = Object.entries(texts).map(([path, source]) => parseDocument(source, path));
  const config = documents.find((document) => document.file === 'sluice.yaml') ?? null;
  const made = createProject({ config, jobs: documents.filter((document) => document !== config) });
  const document = documents.find((candidate) => candidate.file === file)!;
  return { context: { document, project: made, scope: made.scope(), host: hostOf(fixture) }, documents };
}

function hostOf(fixture: LanguageFixture): LanguageHost {
  const record = fixture.columns ? recordWith(fixture.columns) : null;
  return {
    now: () => Date.UTC(2026, 2, 1),
    columns: () => record,
    list: async (at) =>
      (fixture.files?.[at] ?? []).map((name) => ({ name: name.replace(/\/$/, ''), folder: name.endsWith('/') })),
  };
}

export function recordWith(columns: Readonly<Record<string, string>>): ColumnRecord {
  const found = Object.entries(columns).map(([name, type], i) => ({ name, type, nullable: i > 0, null_share: i / 10 }));
  return {
    version: 1,
    job: 'job',
    stream: 'job',
    columns: found,
    steps: [],
    steps_hash: '',
    rows: 1000,
    at: '2026-03-01T00:00:00Z',
    format: null,
  };
}

/** A text after edits that do not overlap. */
export function applyEdits(text: string, edits: readonly TextEdit[]): string {
  const sorted = [...edits].sort((a, b) => b.range.start - a.range.start);
  return sorted.reduce((t, { range, text: put }) => t.slice(0, range.start) + put + t.slice(range.end), text);
}
