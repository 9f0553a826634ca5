import type { Schema } from '../spec/schema.ts';
import { itemsOf, type ScalarNode, textOf } from '../text/node.ts';
import { lastWhole } from '../text/reparse.ts';
import type { Caret } from './caret.ts';
import { MARK } from './caret.ts';
import { type ColumnFact, columnsAt, factText, pointOf, recordOf } from './column-flow.ts';
import { snippetText, yamlText } from './snippets.ts';
import type { Completion, LanguageContext } from './types.ts';
import { nodeOf, pathParts } from './visits.ts';

/** Columns that a place of the caret's document speaks of. */
export function columnsFor(
  context: LanguageContext,
  caret: Caret,
  path: string,
  kind: string | undefined,
): readonly ColumnFact[] {
  const parts = pathParts(path);
  const { stream: index, point } = pointOf(parts, kind);
  // What was looked at for its findings already is taken as it is; the text with the mark in it only where that does not do.
  const known = lastWhole(context.document);
  const isNear = Math.abs(known.text.length - caret.text.length) <= MOST_AHEAD;
  for (const document of isNear ? [known, caret.document] : [caret.document]) {
    const view = context.project.view(document, context.scope);
    const stream = index === null ? view.streams[0] : view.streams[index];
    if (!stream) continue;
    const own = document === known ? stream : withoutMark(stream);
    const { columns } = columnsAt(own, recordOf(own, view, context.host), point);
    const named = columns.filter(({ name }) => isName(name));
    if (named.length > 0) return named;
    if (known.text === caret.text) break;
  }
  const record = context.host.lately?.(textOf(caret.document.root, 'name') ?? '');
  return (record?.columns ?? []).map((column) => ({ ...column, from: column.name, origin: 'source' }));
}

/** A reading that is more characters behind may lack what matters at the caret. */
const MOST_AHEAD = 200;

function isName(name: string): boolean {
  return name !== '' && !name.includes(MARK);
}

/** The record is that of the stream without what is being written: an entry of `columns` that is just begun changes no key. */
function withoutMark(stream: Parameters<typeof recordOf>[0]): Parameters<typeof recordOf>[0] {
  const entries = stream.node.entries.map((entry) => {
    if (entry.key.source !== 'columns' || entry.value.kind !== 'list') return entry;
    const items = entry.value.items.filter((item) => textOf(item, 'name')?.includes(MARK) !== true);
    return { ...entry, value: { ...entry.value, items } };
  });
  return { ...stream, node: { ...stream.node, entries } };
}

/** What the same list names already. */
function listedBeside(caret: Caret, parts: readonly string[], kind: string | undefined): Set<string> {
  const root = caret.document.root;
  if (kind === 'new-column' || kind === 'source-column') {
    const at = parts.lastIndexOf('columns');
    if (at < 0) return new Set();
    const items = itemsOf(nodeOf(root, parts.slice(0, at + 1)));
    return new Set(items.flatMap((item) => [textOf(item, 'from') ?? textOf(item, 'name') ?? []].flat()));
  }
  const items = itemsOf(nodeOf(root, parts.slice(0, -1)));
  return new Set(items.flatMap((item) => (item.kind === 'scalar' ? [item.source] : [])));
}

function isCursor({ path }: ScalarNode): boolean {
  return path.endsWith('/incremental/column');
}

/** What tells new rows is mostly a time, else a number that grows. */
function cursorRank({ type }: ColumnFact): number {
  return /^(?:timestamp|date)/.test(type ?? '') ? 0 : /int$/.test(type ?? '') ? 1 : 2;
}

/** Columns, where the schema wants the name of one. */
export function completeColumns(
  context: LanguageContext,
  caret: Caret,
  node: ScalarNode,
  schema: Schema,
): Completion[] {
  const kind = schema['x-kind'];
  if (kind !== 'column' && kind !== 'source-column' && kind !== 'new-column') return [];
  const columns = columnsFor(context, caret, node.path, kind);
  const taken = columns.length > 0 ? listedBeside(caret, pathParts(node.path), kind) : new Set();
  // What is being written is a column of the text already, which is no news.
  const isBegun = ({ name, origin }: ColumnFact): boolean =>
    kind !== 'column' && origin !== 'source' && caret.typed.startsWith(name);
  const offered = columns.filter((column) => !taken.has(column.name) && !isBegun(column));
  return (isCursor(node) ? offered.toSorted((a, b) => cursorRank(a) - cursorRank(b)) : offered).map(
    (column): Completion => {
      const plain = caret.quote ? column.name : yamlText(column.name);
      return {
        label: column.name,
        kind: 'column',
        detail: column.type ?? '',
        documentation: () => factText(column),
        insert: snippetText(plain),
        range: caret.range,
      };
    },
  );
}
