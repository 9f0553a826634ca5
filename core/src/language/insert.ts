import type { Document, MapNode } from '../text/node.ts';
import { entryOf } from '../text/node.ts';
import { lineAt } from '../text/position.ts';
import type { TextEdit } from './types.ts';

/**
 * Writes one more entry behind the last one of a mapping, in its style: `entry` is block text at no indentation. null where
 * it cannot be told where that is.
 */
export function addEntry(document: Document, map: MapNode, entry: string): TextEdit | null {
  const own = map.entries.filter(({ key, merged }) => !merged && key.file === document.file);
  const [first, last] = [own[0], own.at(-1)];
  if (!first || !last) return null;
  if (map.flow) {
    if (entry.includes('\n')) return null;
    const at = Math.max(last.value.range.end, last.key.range.end);
    return { range: { start: at, end: at }, text: `, ${entry}` };
  }
  const column = first.key.range.start - lineAt(document.text, first.key.range.start).start;
  return {
    ...endOfLine(document, Math.max(last.value.range.end, last.key.range.end)),
    text: indented(document, entry, column),
  };
}

/** Writes items behind the last one of a list of a mapping, or the list where it is not there. */
export function addItems(document: Document, map: MapNode, key: string, items: readonly string[]): TextEdit | null {
  const list = entryOf(map, key)?.value;
  const dashed = items.map((item) => `- ${item.replaceAll('\n', '\n')}`).join('\n');
  if (!list) return addEntry(document, map, `${key}:\n${dashed.replace(/^/gm, '  ')}`);
  const last = list.kind === 'list' && !list.flow ? list.items.at(-1) : undefined;
  if (!last) return null;
  const line = lineAt(document.text, last.range.start);
  const dash = line.text.slice(0, last.range.start - line.start).lastIndexOf('-');
  if (dash < 0) return null;
  return { ...endOfLine(document, last.range.end), text: indented(document, dashed, dash) };
}

/** Edits at one place become one, in their order, since editors do not agree on the order of several. */
export function joinEdits(edits: readonly TextEdit[]): TextEdit[] {
  const joined: TextEdit[] = [];
  for (const edit of edits) {
    const same = joined.find(({ range }) => range.start === edit.range.start && range.end === edit.range.end);
    if (same) same.text += edit.text;
    else joined.push({ ...edit });
  }
  return joined;
}

function endOfLine(document: Document, offset: number): { range: TextEdit['range'] } {
  const line = lineAt(document.text, offset);
  const at = line.start + line.text.length;
  return { range: { start: at, end: at } };
}

function indented(document: Document, text: string, column: number): string {
  const pad = ' '.repeat(column);
  const end = lineBreak(document.text);
  return text
    .split('\n')
    .map((line) => `${end}${pad}${line}`)
    .join('');
}

/** The line end of a text. */
export function lineBreak(text: string): string {
  return text.includes('\r\n') ? '\r\n' : '\n';
}
