import { nearest } from '../check/suggest.ts';
import type { StreamView } from '../check/view.ts';
import type { Range } from '../model/diagnostic.ts';
import type { SluiceErrorJson } from '../model/error.ts';
import { type Document, entryOf, itemsOf, type MapNode, type Node, type ScalarNode, textOf } from '../text/node.ts';
import { addEntry } from './insert.ts';
import { readable } from './readable.ts';
import { yamlText } from './snippets.ts';
import type { CodeAction, LanguageContext, TextEdit } from './types.ts';

/** Where the cause of a run's error stands in the job's file, and what mends it. */
export interface RunErrorPlace {
  range: Range;
  fixes: CodeAction[];
}

/** Where to look, by what the code begins with: the first key of these that the file has, from the stream down. */
const KEYS: readonly [prefix: string, paths: readonly string[]][] = [
  ['source/auth', ['source/connection', 'source']],
  ['source/unreachable', ['source/connection', 'source']],
  ['source/', ['source/path', 'source/table', 'source/query', 'source/url', 'source/connection', 'source']],
  ['format/', ['source/format', 'source/path', 'source']],
  ['typing/', ['columns', 'source']],
  ['columns/', ['columns', 'source']],
  ['type/', ['columns', 'source']],
  ['check/', ['checks']],
  ['limits/', ['limits', 'source']],
  ['schema/', ['schema_contract', 'columns', 'destination']],
  ['merge/', ['destination/primary_key', 'destination/write_disposition', 'destination']],
  ['destination/key', ['destination/primary_key', 'destination/write_disposition', 'destination']],
  ['destination/duplicate-key', ['destination/primary_key', 'destination']],
  ['destination/auth', ['destination/connection', 'destination/url', 'destination']],
  ['destination/', ['destination/table', 'destination/path', 'destination/connection', 'destination']],
  ['cursor/', ['incremental', 'source']],
  ['window/', ['incremental', 'source']],
  ['mask/', ['columns']],
  ['sql/', ['transform', 'checks']],
  ['engine/out-of-memory', ['compute']],
  ['run/timeout', ['timeout']],
  ['run/upstream', ['depends_on']],
  ['job/disabled', ['enabled']],
];

/** null: the file has no such stream any more, or is no job. */
export function runErrorPlace(context: LanguageContext, error: SluiceErrorJson): RunErrorPlace | null {
  const document = readable(context.document);
  const view = context.project.view(document, context.scope);
  const { column, stream: named } = error.where;
  const stream = view.streams.find(({ name }) => name === named) ?? view.streams[0];
  if (!stream) return null;
  const inFile = (node: Node | undefined): node is Node => node?.file === document.file;
  const rule = column === undefined ? undefined : ruleOf(stream, column);
  const found =
    referenceOf(document.root, error) ??
    (error.code.startsWith('check/') ? checkOf(stream, rule, error) : undefined) ??
    (error.code.startsWith('sql/') ? sqlOf(stream, error) : undefined) ??
    (rule && (error.code.startsWith('type/') ? entryOf(rule, 'type') : undefined)?.value) ??
    (rule && (entryOf(rule, 'from') ?? entryOf(rule, 'name'))?.value);
  const node = inFile(found)
    ? found
    : KEYS.find(([prefix]) => error.code.startsWith(prefix))?.[1]
        .flatMap((path) => keyOf(stream.node, path) ?? [])
        .find(inFile);
  const range = rangeOf(node) ?? entryOf(document.root, 'name')?.value.range;
  if (!range) return null;
  const mend = (title: string, edit: TextEdit | null | undefined): CodeAction[] =>
    edit
      ? [{ title, kind: 'quickfix', edits: new Map([[document.file, [edit]]]), preferred: true, diagnostic: 0 }]
      : [];
  return {
    range,
    fixes: fixesOf(context, error, { stream, rule, node }).flatMap(([title, edit]) => mend(title, edit)),
  };
}

/** A scalar as it stands; of a mapping or list only where it begins, since all of it would be a wall of red. */
function rangeOf(node: Node | undefined): Range | undefined {
  if (!node) return undefined;
  if (node.kind === 'scalar') return node.range;
  const first = node.kind === 'map' ? node.entries[0]?.key : node.items[0];
  return first ? (first.kind === 'scalar' ? first.range : rangeOf(first)) : node.range;
}

/** The key at the end of a path, or its value where that says more. */
function keyOf(node: Node, path: string): Node | undefined {
  let at: Node = node;
  let found: Node | undefined;
  for (const part of path.split('/')) {
    const entry = entryOf(at, part);
    if (!entry) return undefined;
    found = entry.value.kind === 'scalar' ? entry.value : entry.key;
    at = entry.value;
  }
  return found;
}

function ruleOf(stream: StreamView, column: string): MapNode | undefined {
  const rules = itemsOf(entryOf(stream.node, 'columns')?.value);
  const found =
    rules.find((rule) => textOf(rule, 'name') === column) ?? rules.find((rule) => textOf(rule, 'from') === column);
  return found?.kind === 'map' ? found : undefined;
}

/** The check of a code: of the column where it is one's, else the one whose condition the message repeats. */
function checkOf(
  stream: StreamView,
  rule: MapNode | undefined,
  { code, message }: SluiceErrorJson,
): ScalarNode | undefined {
  const type = code.slice(code.indexOf('/') + 1);
  const keys = [...itemsOf(entryOf(rule, 'checks')?.value), ...itemsOf(entryOf(stream.node, 'checks')?.value)].flatMap(
    (item): { key: ScalarNode; value: Node | null }[] => {
      if (item.kind === 'scalar') return item.source === type ? [{ key: item, value: null }] : [];
      const entry = entryOf(item, type);
      return entry ? [{ key: entry.key, value: entry.value }] : [];
    },
  );
  const said = (value: Node | null): boolean =>
    value?.kind === 'scalar' ? message.includes(value.source) : message.includes(textOf(value, 'sql') ?? '\0');
  return (keys.find(({ value }) => said(value)) ?? keys[0])?.key;
}

/** The SQL of a step or check that holds the name that the engine did not know. */
function sqlOf(stream: StreamView, { message }: SluiceErrorJson): ScalarNode | undefined {
  const name = /"([^"]+)"/.exec(message)?.[1];
  const scalars = ['transform', 'checks'].flatMap((key) => [...scalarsIn(entryOf(stream.node, key)?.value)]);
  return name === undefined ? undefined : scalars.find(({ source }) => source.includes(name));
}

function* scalarsIn(node: Node | undefined): Generator<ScalarNode> {
  if (node?.kind === 'scalar') yield node;
  else if (node?.kind === 'list') for (const item of node.items) yield* scalarsIn(item);
  else if (node) for (const { value } of node.entries) yield* scalarsIn(value);
}

/** The text that holds the reference which an error of an unset one names. */
function referenceOf(root: Node | null, { code, message }: SluiceErrorJson): ScalarNode | undefined {
  const reference = code.startsWith('reference/') ? /\$\{[^}]+\}/.exec(message)?.[0] : undefined;
  if (reference === undefined || !root) return undefined;
  return [...scalarsIn(root)].find(({ source }) => source.includes(reference));
}

interface Place {
  stream: StreamView;
  rule: MapNode | undefined;
  node: Node | undefined;
}

function fixesOf(
  context: LanguageContext,
  error: SluiceErrorJson,
  { stream, rule, node }: Place,
): [string, TextEdit | null | undefined][] {
  const document = readable(context.document);
  if (error.code === 'columns/missing' && node?.kind === 'scalar') {
    const known = (error.hint?.match(/: (.+)\.$/)?.[1] ?? '').split(', ');
    const word = nearest(node.source, known);
    return word === undefined ? [] : [[`Replace with \`${word}\``, { range: node.range, text: yamlText(word) }]];
  }
  if (error.code.startsWith('check/') && error.where.row !== undefined && node?.kind === 'scalar') {
    return [['Set the rows aside that fail', quarantineFailures(document, stream, rule, node)]];
  }
  if (error.code.startsWith('type/')) return [['Set such rows aside', quarantineBadRows(document, stream)]];
  return [];
}

/** `on_bad_row` at the format, which is a mapping then. */
function quarantineBadRows(document: Document, stream: StreamView): TextEdit | null {
  const entry = entryOf(entryOf(stream.node, 'source')?.value, 'format');
  if (!entry || entry.value.file !== document.file) return null;
  const { range } = entry.value;
  const written = document.text.slice(range.start, range.end);
  // The walk has made a mapping of a name that stands alone.
  if (entry.value.kind === 'map' && written !== textOf(entry.value, 'type'))
    return addEntry(document, entry.value, 'on_bad_row: quarantine');
  const indent = ' '.repeat(columnOf(document.text, entry.key.range.start) + 2);
  const before = document.text[range.start - 1] === ' ' ? range.start - 1 : range.start;
  return {
    range: { start: before, end: range.end },
    text: `\n${indent}type: ${written}\n${indent}on_bad_row: quarantine`,
  };
}

/** A check with its failures set aside: written as a name alone, it becomes a mapping. */
function quarantineFailures(
  document: Document,
  stream: StreamView,
  rule: MapNode | undefined,
  key: ScalarNode,
): TextEdit | null {
  if (document.text[key.range.end] !== ':')
    return { range: key.range, text: `${key.source}: {on_failure: quarantine}` };
  const items = [...itemsOf(entryOf(rule, 'checks')?.value), ...itemsOf(entryOf(stream.node, 'checks')?.value)];
  const check = items
    .map((item) => entryOf(item, key.source))
    .find((entry) => entry?.key.range.start === key.range.start);
  const given = check?.value.kind === 'map' && entryOf(check.value, 'on_failure');
  if (given) return { range: given.value.range, text: 'quarantine' };
  return check?.value.kind === 'map' ? addEntry(document, check.value, 'on_failure: quarantine') : null;
}

function columnOf(text: string, offset: number): number {
  return offset - (text.lastIndexOf('\n', offset - 1) + 1);
}
