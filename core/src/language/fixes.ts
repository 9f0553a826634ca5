import type { Diagnostic, Range } from '../model/diagnostic.ts';
import { entryOf, itemsOf, type MapNode, textOf } from '../text/node.ts';
import { columnsAt, recordOf } from './column-flow.ts';
import { addEntry, addItems, joinEdits } from './insert.ts';
import { moveCredentials } from './move-credentials.ts';
import { readable } from './readable.ts';
import { plainSnippet, SnippetWriter, yamlText } from './snippets.ts';
import type { CodeAction, LanguageContext, TextEdit } from './types.ts';
import { nodeOf, pathParts, visited } from './visits.ts';

/** What can be done at a range: mend the findings that touch it, and what the source's record allows to write. */
export function codeActions(context: LanguageContext, range: Range, found: readonly Diagnostic[]): CodeAction[] {
  const actions: CodeAction[] = [];
  found.forEach((diagnostic, index) => {
    if (diagnostic.range.end < range.start || diagnostic.range.start > range.end) return;
    actions.push(...fixesOf(context, diagnostic, index));
  });
  const seen = new Set<string>();
  const distinct = actions.filter(({ title }) => !seen.has(title) && seen.add(title));
  return [...distinct, ...refactors(context, range)];
}

function fixesOf(context: LanguageContext, diagnostic: Diagnostic, index: number): CodeAction[] {
  const mend = (title: string, edits: readonly TextEdit[], preferred: boolean): CodeAction => ({
    title,
    kind: 'quickfix',
    edits: new Map([[context.document.file, [...edits]]]),
    preferred,
    diagnostic: index,
  });
  const actions: CodeAction[] = [];
  if (diagnostic.fix) actions.push(mend(diagnostic.fix.title, diagnostic.fix.edits, true));
  if (diagnostic.code === 'schema/required') {
    const added = addRequired(context, diagnostic);
    if (added) actions.push(mend(added.title, added.edits, true));
  }
  if (diagnostic.code === 'destination/key') {
    for (const { column, edits } of addKey(context, diagnostic))
      actions.push(mend(`Add \`primary_key: [${column}]\``, edits, false));
  }
  if (diagnostic.code === 'secret/literal') {
    const moved = moveCredentials(context, diagnostic);
    if (moved) actions.push({ ...moved, kind: 'quickfix', preferred: false, diagnostic: index });
  }
  return actions;
}

/** Every key that is required in the mapping of a finding and not there, with an empty place or the usual value. */
function addRequired(context: LanguageContext, diagnostic: Diagnostic): { title: string; edits: TextEdit[] } | null {
  const document = readable(context.document);
  const map = nodeOf(document.root, pathParts(diagnostic.path));
  if (map?.kind !== 'map' || map.entries.length === 0) return null;
  const missing = new Map<string, string>();
  for (const { schema } of visited(context).byPath.get(diagnostic.path) ?? []) {
    const union = schema['x-union'];
    const typed = entryOf(map, 'connection') ?? entryOf(map, union?.key ?? '');
    if (union && !typed) missing.set(union.key, `${union.key}: ${Object.keys(union.of)[0] ?? ''}`);
    for (const key of schema.required ?? []) {
      const inner = schema.properties?.[key];
      if (inner && !entryOf(map, key)) missing.set(key, plainSnippet(new SnippetWriter().entry(key, inner, 0)));
    }
  }
  if (missing.size === 0) return null;
  const edits = [...missing.values()].flatMap((entry) => addEntry(document, map, entry) ?? []);
  if (edits.length === 0) return null;
  const names = [...missing.keys()].map((key) => `\`${key}\``).join(', ');
  return { title: `Add ${names}`, edits: joinEdits(edits) };
}

/** Columns that may be a key, the likeliest first. */
function addKey(context: LanguageContext, diagnostic: Diagnostic): { column: string; edits: TextEdit[] }[] {
  const document = readable(context.document);
  const parts = pathParts(diagnostic.path);
  const map = nodeOf(document.root, parts.slice(0, -1));
  if (map?.kind !== 'map') return [];
  const view = context.project.view(document, context.scope);
  const stream = view.streams[parts[0] === 'streams' ? Number(parts[1]) : 0];
  if (!stream) return [];
  const { columns } = columnsAt(stream, recordOf(stream, view, context.host), 'end');
  const score = ({ name, null_share }: (typeof columns)[number]): number =>
    (/^id$/i.test(name) ? 4 : /(?:_|^)(?:id|key|code|nr|no)$/i.test(name) ? 2 : 0) + (null_share === 0 ? 1 : 0);
  const likely = columns.filter((column) => score(column) > 0 && !((column.null_share ?? 0) > 0));
  likely.sort((a, b) => score(b) - score(a));
  return likely.slice(0, 3).flatMap(({ name }) => {
    const edit = addEntry(document, map, `primary_key: [${yamlText(name)}]`);
    return edit ? [{ column: name, edits: [edit] }] : [];
  });
}

/** Offers that mend nothing: to write down what was found out about the source. */
function refactors(context: LanguageContext, range: Range): CodeAction[] {
  const document = readable(context.document);
  const root = document.root;
  if (root?.kind !== 'map' || document.broken) return [];
  const touches = (key: string): boolean => {
    const entry = entryOf(root, key);
    return entry !== undefined && range.start <= entry.value.range.end && range.end >= entry.key.range.start;
  };
  if (!touches('source') && !touches('columns')) return [];
  const view = context.project.view(document, context.scope);
  const stream = view.streams[0];
  if (!stream || entryOf(root, 'streams')) return [];
  const record = recordOf(stream, view, context.host);
  if (!record) return [];
  const offers: CodeAction[] = [];
  const offer = (title: string, edits: readonly TextEdit[]): void =>
    void offers.push({
      title,
      kind: 'refactor',
      edits: new Map([[document.file, [...edits]]]),
      preferred: false,
      diagnostic: null,
    });
  const listed = new Set(
    itemsOf(root, 'columns').map((rule) => (textOf(rule, 'from') ?? textOf(rule, 'name') ?? '').toLowerCase()),
  );
  const missing = record.columns.filter((column) => !listed.has(column.name.toLowerCase()));
  const items = missing.map((column) => `name: ${yamlText(column.name)}\n  type: ${typeText(column.type)}`);
  const pin = items.length > 0 ? addItems(document, root, 'columns', items) : null;
  if (pin) offer(`Pin ${items.length === 1 ? 'the inferred column' : `${items.length} inferred columns`}`, [pin]);
  const dialect = pinFormat(context, root, record.format);
  if (dialect) offer('Pin the format as it was found', [dialect]);
  return offers;
}

/** A type as block text. */
function typeText(type: string): string {
  return /^[\w(),<>]+$/.test(type) ? type : yamlText(type);
}

function pinFormat(
  context: LanguageContext,
  root: MapNode,
  format: { type: string; settings: Record<string, unknown> } | null,
): TextEdit | null {
  const source = entryOf(root, 'source')?.value;
  if (!format || source?.kind !== 'map' || entryOf(source, 'format')) return null;
  const settings = Object.entries(format.settings).flatMap(([key, value]) => {
    if (typeof value === 'string') return [`  ${key}: ${yamlText(value)}`];
    return typeof value === 'number' || typeof value === 'boolean' ? [`  ${key}: ${value}`] : [];
  });
  return addEntry(context.document, source, ['format:', `  type: ${format.type}`, ...settings].join('\n'));
}
