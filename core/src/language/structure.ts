import { findReferences } from '../check/find-references.ts';
import type { Range } from '../model/diagnostic.ts';
import * as specs from '../specs.ts';
import { child, type Node, textOf } from '../text/node.ts';
import { cronWords } from './hover-cron.ts';
import { readable } from './readable.ts';
import type { DocumentLink, FoldingRange, InlayHint, LanguageContext } from './types.ts';
import { visited } from './visits.ts';

/** What can be folded: mappings, lists and texts of several lines, and runs of comments. */
export function foldingRanges(context: LanguageContext): FoldingRange[] {
  const { text } = context.document;
  const found: FoldingRange[] = [];
  const root = readable(context.document).root;
  if (root) foldNode(root, text, context.document.file, found);
  for (const match of text.matchAll(/^[ \t]*#.*(?:\r?\n[ \t]*#.*)+/gm)) {
    const start = match.index + (/\S/.exec(match[0])?.index ?? 0);
    found.push({ range: { start, end: match.index + match[0].length }, kind: 'comment' });
  }
  return found;
}

function foldNode(node: Node, text: string, file: string, found: FoldingRange[]): void {
  if (node.file !== file) return;
  const children: { start: number; node: Node }[] =
    node.kind === 'map'
      ? node.entries.flatMap((entry) => (entry.merged ? [] : [{ start: entry.key.range.start, node: entry.value }]))
      : node.kind === 'list'
        ? node.items.map((item) => ({ start: item.range.start, node: item }))
        : [];
  for (const { start, node: inner } of children) {
    const { end } = inner.range;
    // What an alias repeats is folded where it is written.
    if (end > start && text.slice(start, end).includes('\n')) found.push({ range: { start, end }, kind: 'region' });
    if (inner.range.start >= start && !/^\*/.test(text.slice(inner.range.start, inner.range.start + 1)))
      foldNode(inner, text, file, found);
  }
}

/** Crons in words, behind them; nothing else. */
export function inlayHints(context: LanguageContext, range: Range): InlayHint[] {
  const hints = new Map<number, InlayHint>();
  for (const { node, schema } of visited(context).all) {
    if (schema['x-kind'] !== 'cron' || node.kind !== 'scalar' || node.file !== context.document.file) continue;
    const at = node.range.end;
    if (at < range.start || at > range.end) continue;
    const words = cronWords(context, node);
    if (words !== null) hints.set(at, { at, label: words });
  }
  return [...hints.values()];
}

/** Files that a document names: of this machine, without wildcards and references, and those of `${file:…}`. */
export function documentLinks(context: LanguageContext): DocumentLink[] {
  const document = readable(context.document);
  const links: DocumentLink[] = [];
  for (const { node, schema } of visited(context).all) {
    const kind = schema['x-kind'];
    if ((kind !== 'glob' && kind !== 'path') || node.kind !== 'scalar' || node.file !== document.file) continue;
    if (/[*?{}$[\]]/.test(node.source) || node.source === '') continue;
    const root = kind === 'path' ? '' : sourceRoot(context, document.root, node.path);
    if (root === null) continue;
    links.push({
      range: node.range,
      path: node.source.startsWith('/') || root === '' ? node.source : `${root}/${node.source}`,
    });
  }
  for (const reference of findReferences(document))
    if (reference.kind === 'file') links.push({ range: reference.range, path: reference.name });
  return links;
}

/** Folder that the paths of a source begin in; null where they are not of this machine. */
function sourceRoot(context: LanguageContext, root: Node | null, path: string): string | null {
  if (!path.startsWith('/source/')) return null;
  const source = child(root, 'source');
  const connection = context.scope.connections.get(textOf(source, 'connection') ?? '');
  const type = textOf(source, 'type') ?? connection?.type ?? '';
  const spec = Object.hasOwn(specs.sources, type) ? specs.sources[type] : undefined;
  if (spec?.capabilities.placement !== 'node') return null;
  const folder = textOf(connection?.node, 'root') ?? textOf(source, 'root') ?? '';
  return folder.includes('${') ? null : folder.replace(/\/$/, '');
}
