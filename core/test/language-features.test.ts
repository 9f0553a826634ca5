import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  check,
  codeActions,
  codeLenses,
  DIAGNOSTIC_CODES,
  type Document,
  type DocumentSymbol,
  definition,
  documentLinks,
  documentSymbols,
  foldingRanges,
  hover,
  inlayHints,
  type LanguageContext,
  observe,
  positionAt,
  prepareRename,
  references,
  rename,
  type WorkspaceEdits,
  workspaceSymbols,
} from '../src/index.ts';
import { applyEdits, contextOf, fixtures, folder, type LanguageFixture, openFixture } from './language-fixtures.ts';

function golden(name: string, fixture: LanguageFixture, actual: unknown): void {
  const plain = JSON.parse(JSON.stringify(actual));
  if (process.env.UPDATE_FIXTURES) {
    writeFileSync(new URL(`${name}.json`, folder), `${JSON.stringify({ ...fixture, expect: plain }, null, 2)}\n`);
  }
  const { expect: wanted } = JSON.parse(readFileSync(new URL(`${name}.json`, folder), 'utf8'));
  expect(plain).toEqual(wanted);
}

function place(documents: readonly Document[], file: string, range: { start: number; end: number }): string {
  const document = documents.find((candidate) => candidate.file === file)!;
  const { line, character } = positionAt(document, range.start);
  return `${file}:${line + 1}:${character + 1} ${document.text.slice(range.start, range.end)}`;
}

function edited(documents: readonly Document[], edits: WorkspaceEdits): Record<string, string[]> {
  return Object.fromEntries(
    [...edits].map(([file, list]) => {
      const document = documents.find((candidate) => candidate.file === file)!;
      return [file, applyEdits(document.text, list).split('\n')];
    }),
  );
}

function findings(context: LanguageContext) {
  const found = check(context.document, context.project);
  return [...found, ...observe(context, found)];
}

describe('hover', () => {
  it.each(fixtures('hover'))('%s', (name) => {
    const { fixture, context, offset } = openFixture(name);
    const found = hover(context, offset);
    golden(
      name,
      fixture,
      found && { on: context.document.text.slice(found.range.start, found.range.end), text: found.text.split('\n') },
    );
  });
});

describe('definition', () => {
  it.each(fixtures('define'))('%s', (name) => {
    const { fixture, context, offset, documents } = openFixture(name);
    golden(
      name,
      fixture,
      definition(context, offset).map(({ file, range }) => place(documents, file, range)),
    );
  });
});

describe('references', () => {
  it.each(fixtures('references'))('%s', (name) => {
    const { fixture, context, offset, documents } = openFixture(name);
    golden(
      name,
      fixture,
      references(context, offset, true).map(({ file, range }) => place(documents, file, range)),
    );
  });
});

describe('rename', () => {
  it.each(fixtures('rename'))('%s', (name) => {
    const { fixture, context, offset, documents } = openFixture(name);
    const result = rename(context, offset, fixture.take ?? 'renamed');
    const prepared = prepareRename(context, offset);
    golden(name, fixture, {
      prepared: prepared && context.document.text.slice(prepared.range.start, prepared.range.end),
      ...('edits' in result ? { files: edited(documents, result.edits) } : result),
    });
  });
});

describe('code actions', () => {
  it.each(fixtures('fix'))('%s', (name) => {
    const { fixture, context, offset, documents } = openFixture(name);
    const actions = codeActions(context, { start: offset, end: offset }, findings(context));
    const taken = fixture.take === undefined ? actions[0] : actions.find((action) => action.title === fixture.take);
    golden(name, fixture, {
      titles: actions.map((action) => action.title),
      files: taken ? edited(documents, taken.edits) : null,
    });
  });
});

describe('what data says', () => {
  it.each(fixtures('observed'))('%s', (name) => {
    const { fixture, context, documents } = openFixture(name);
    const found = observe(context, check(context.document, context.project));
    for (const { severity } of found) expect(severity).toBe('warning');
    golden(
      name,
      fixture,
      found.map((d) => `${d.code} ${place(documents, context.document.file, d.range)} ${d.fix?.edits[0]?.text ?? ''}`),
    );
  });

  it('has a file for every code', () => {
    const covered = fixtures('observed').flatMap((name) => (openFixture(name).fixture.expect as string[]) ?? []);
    const codes = Object.keys(DIAGNOSTIC_CODES).filter((code) => code.startsWith('observed/'));
    expect(codes.filter((code) => !covered.some((text) => text.startsWith(code)))).toEqual([]);
  });
});

describe('structure', () => {
  const text = [
    '# first',
    '# second',
    'name: orders',
    'source:',
    '  type: local',
    '  path: in/orders.csv',
    'columns:',
    '  - name: id',
    '    type: bigint',
    'transform:',
    '  - filter: |-',
    '      a > 1',
    '      and b < 2',
    'schedule:',
    '  cron: "0 2 * * *"',
    '  timezone: Europe/Berlin',
    '',
  ].join('\n');
  const { context } = contextOf(text);
  const slice = (range: { start: number; end: number }) => text.slice(range.start, range.end);

  it('gives an outline, also of half a file', () => {
    const names = (symbols: readonly DocumentSymbol[]): unknown[] =>
      symbols.map(({ name, detail, children }) =>
        children.length > 0 ? [name, detail, names(children)] : [name, detail],
      );
    expect(names(documentSymbols(context))).toEqual([
      ['name', 'orders'],
      [
        'source',
        'local',
        [
          ['type', 'local'],
          ['path', 'in/orders.csv'],
        ],
      ],
      [
        'columns',
        '1 entry',
        [
          [
            'id',
            'bigint',
            [
              ['name', 'id'],
              ['type', 'bigint'],
            ],
          ],
        ],
      ],
      ['transform', '1 entry', [['filter', '', [['filter', 'a > 1']]]]],
      [
        'schedule',
        '',
        [
          ['cron', '0 2 * * *'],
          ['timezone', 'Europe/Berlin'],
        ],
      ],
    ]);
    const half = contextOf('name: orders\nsource:\n  type: local\n  pa\ntags: [a, b\ncolumns:\n  - name: id\n').context;
    expect(documentSymbols(half).map(({ name }) => name)).toEqual(['name', 'source', 'columns']);
    for (const symbol of documentSymbols(context)) {
      expect(symbol.selection.start).toBeGreaterThanOrEqual(symbol.range.start);
      expect(symbol.selection.end).toBeLessThanOrEqual(symbol.range.end);
    }
  });

  it('finds jobs, connections and variables by letters', () => {
    const found = (query: string) =>
      workspaceSymbols(context.project, query).map(({ kind, name }) => `${kind} ${name}`);
    expect(found('ods')).toEqual(['job orders']);
    expect(found('la')).toEqual(['connection lake', 'variable landing']);
  });

  it('folds blocks and comments', () => {
    const folds = foldingRanges(context).map(({ range, kind }) => `${kind} ${slice(range).split('\n')[0]}`);
    expect(folds).toEqual([
      'region source:',
      'region columns:',
      'region name: id',
      'region transform:',
      'region filter: |-',
      'region filter: |-',
      'region schedule:',
      'comment # first',
    ]);
  });

  it('says crons in words behind them and nothing else', () => {
    const hints = inlayHints(context, { start: 0, end: text.length });
    expect(hints.map(({ at, label }) => [text.slice(at - 4, at), label])).toEqual([
      ['* *"', 'every day at 02:00 (Europe/Berlin)'],
    ]);
    expect(inlayHints(context, { start: 0, end: 20 })).toEqual([]);
  });

  it('links files of this machine', () => {
    expect(documentLinks(context).map(({ path }) => path)).toEqual(['in/orders.csv']);
    const other = contextOf('name: a\nsource:\n  connection: lake\n  path: a.csv\n  x: ${file:b.txt}\n').context;
    expect(documentLinks(other).map(({ path }) => path)).toEqual(['/srv/lake/a.csv', 'b.txt']);
  });

  it('has at most three lenses, from memory', () => {
    const runs = () => ({ status: 'succeeded', ended_at: null, duration_ms: 180_000, rows_written: 12_408 });
    const lenses = codeLenses({ ...context, host: { ...context.host, runs } });
    expect(lenses.map(({ title }) => title)).toEqual(['Run', 'Preview', 'next 02:00, last ok 3 min 12,408 rows']);
    expect(codeLenses(contextOf('source: {}\n').context)).toEqual([]);
  });
});
