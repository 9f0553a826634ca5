import * as specs from '../specs.ts';
import { type Document, entryOf, itemsOf, type ListNode, type MapNode } from '../text/node.ts';
import { columnsAt, find, pointOf, recordOf } from './column-flow.ts';
import { addItems } from './insert.ts';
import { readable } from './readable.ts';
import { yamlText } from './snippets.ts';
import type { NamedSymbol } from './symbol-at.ts';
import type { LanguageContext, TextEdit } from './types.ts';
import { nodeOf, pathParts } from './visits.ts';

/** A column that `columns` does not list, and where it would. */
export interface ColumnToList {
  /** Names that are taken in the source, in small letters. */
  names: ReadonlySet<string>;
  /** The entry that gives the column another name; null where it cannot be told where it goes. */
  write(name: string): TextEdit | null;
}

/**
 * What has to be written so that a column of the source gets another name. `column` is null where the source is known not to have it:
 * then its name is a slip, and is only corrected. An error where a step makes it, or may make it.
 */
export function columnToList(
  context: LanguageContext,
  symbol: NamedSymbol,
): { column: ColumnToList | null } | { error: string } {
  const document = readable(context.document);
  const view = context.project.view(document, context.scope);
  const { stream: index, point } = pointOf(pathParts(symbol.path), symbol.of);
  const stream = view.streams[index ?? 0];
  if (!stream || document.root?.kind !== 'map') return { error: 'There is no source that the column could come from.' };
  const record = recordOf(stream, view, context.host);
  const isOfSource = record?.columns.some(({ name }) => name.toLowerCase() === symbol.name.toLowerCase());
  const isMade = find(columnsAt(stream, record, point).columns, symbol.name)?.origin === 'step';
  if (isMade || (!isOfSource && mayBeMade(itemsOf(stream.node, 'transform'), point)))
    return { error: 'A step makes this column: it is named there.' };
  if (isOfSource === false) return { column: null };
  const holder = holderOf(document.root, index);
  const names = new Set((record?.columns ?? []).map(({ name }) => name.toLowerCase()));
  return { column: { names, write: (name) => entryFor(document, holder, name, symbol.name) } };
}

/** Whether a step before a point gives columns that nobody lists. */
function mayBeMade(steps: ReturnType<typeof itemsOf>, point: ReturnType<typeof pointOf>['point']): boolean {
  const before = typeof point === 'object' ? steps.slice(0, point.before) : point === 'end' ? steps : [];
  return before.some((item) => {
    const type = item.kind === 'map' ? (item.entries[0]?.key.source ?? '') : '';
    return Object.hasOwn(specs.transforms, type) && specs.transforms[type]?.capabilities.columns === 'replace';
  });
}

/** The stream, where it has a list of its own or nothing that this one would take the place of; else the job. */
function holderOf(root: MapNode, index: number | null): MapNode {
  const own = index === null ? undefined : nodeOf(root, ['streams', String(index)]);
  return own?.kind === 'map' && (entryOf(own, 'columns') || !entryOf(root, 'columns')) ? own : root;
}

function entryFor(document: Document, holder: MapNode, name: string, from: string): TextEdit | null {
  const list = entryOf(holder, 'columns')?.value;
  const [key, source] = [yamlText(name), yamlText(from)];
  if (list?.kind === 'list' && list.flow) return inFlow(list, `{name: ${key}, from: ${source}}`);
  return addItems(document, holder, 'columns', [`name: ${key}\nfrom: ${source}`.replace('\n', '\n  ')]);
}

function inFlow(list: ListNode, item: string): TextEdit {
  const last = list.items.at(-1);
  const at = last ? last.range.end : list.range.start + 1;
  return { range: { start: at, end: at }, text: last ? `, ${item}` : item };
}
