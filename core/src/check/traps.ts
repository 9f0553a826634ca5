import type { Fix, Range } from '../model/diagnostic.ts';
import type { Schema, TextKind } from '../spec/schema.ts';
import type { Document, Entry, ListNode, MapNode, Node, ScalarNode } from '../text/node.ts';
import { lineAt } from '../text/position.ts';
import { quoteYaml } from '../text/quote.ts';
import type { Host } from './host.ts';

const CUTTABLE: ReadonlySet<TextKind> = new Set([
  'sql-expression',
  'sql-query',
  'sql-order',
  'cron',
  'glob',
  'path',
  'regex',
  'strftime',
  'type',
  'url',
]);

function quoteFix(document: Document, range: Range): Fix {
  const text = quoteYaml(document.text.slice(range.start, range.end));
  return { title: 'Put the text in quotes', edits: [{ range, text }] };
}

/**
 * Whether YAML cut a text at ` #`, taking the rest for a comment: the rest touches the `#`, or what is left is not
 * closed. Reports it and gives the whole text as meant, else null.
 */
export function commentCut(host: Host, node: ScalarNode, schema: Schema): string | null {
  const kind = schema['x-kind'];
  if (node.style !== 'plain' || !kind || !CUTTABLE.has(kind) || node.file !== host.document.file) return null;
  const { text } = host.document;
  const line = lineAt(text, node.range.end);
  const rest = /^[ \t]+#.*$/.exec(line.text.slice(node.range.end - line.start))?.[0];
  if (!rest) return null;
  const touches = /^[ \t]+#[^\s#]/.test(rest);
  if (!touches && isBalanced(node.source)) return null;
  const range = { start: node.range.start, end: node.range.end + rest.trimEnd().length };
  host.report(
    'yaml/comment-cut',
    node,
    'YAML takes ` #` for the beginning of a comment and cuts the text there; put it in quotes.',
    {
      range,
      fix: quoteFix(host.document, range),
    },
  );
  return text.slice(range.start, range.end);
}

/** Whether quotes and brackets of a text are closed. */
function isBalanced(text: string): boolean {
  let depth = 0;
  let quote = '';
  for (const ch of text) {
    if (quote) quote = ch === quote ? '' : quote;
    else if (ch === "'" || ch === '"') quote = ch;
    else if ('([<{'.includes(ch)) depth++;
    else if (')]}'.includes(ch)) depth--;
    else if (ch === '>' && depth > 0) depth--;
  }
  return quote === '' && depth <= 0;
}

/**
 * Puts together what YAML split at a comma inside `{…}`: `{type: decimal(12,2)}` reads as `decimal(12` and a key `2)`.
 * Reports it and returns the entries as meant.
 */
export function joinSplitEntries(host: Host, map: MapNode): Entry[] {
  if (!map.flow) return map.entries;
  const entries: Entry[] = [];
  for (let i = 0; i < map.entries.length; i++) {
    const entry = map.entries[i]!;
    const tail = tailKeys(
      entry.value,
      map.entries
        .slice(i + 1)
        .map((next) => (next.value.kind === 'scalar' && next.value.style === 'empty' ? next.key : null)),
    );
    if (tail === 0) entries.push(entry);
    else entries.push({ ...entry, value: joined(host, entry.value as ScalarNode, map.entries[i + tail]!.key) });
    i += tail;
  }
  return entries;
}

/** The same for `[decimal(12,2)]`. */
export function joinSplitItems(host: Host, list: ListNode): Node[] {
  if (!list.flow) return list.items;
  const items: Node[] = [];
  for (let i = 0; i < list.items.length; i++) {
    const item = list.items[i]!;
    const tail = tailKeys(
      item,
      list.items.slice(i + 1).map((next) => (next.kind === 'scalar' ? next : null)),
    );
    items.push(tail === 0 ? item : joined(host, item as ScalarNode, list.items[i + tail] as ScalarNode));
    i += tail;
  }
  return items;
}

/** How many of the scalars after an unclosed plain text close it; 0 where it is closed or nothing closes it. */
function tailKeys(value: Node, following: readonly (ScalarNode | null)[]): number {
  if (value.kind !== 'scalar' || value.style !== 'plain' || isBalanced(value.source)) return 0;
  let text = value.source;
  for (const [i, next] of following.entries()) {
    if (!next) return 0;
    text += `,${next.source}`;
    if (isBalanced(text)) return i + 1;
  }
  return 0;
}

function joined(host: Host, first: ScalarNode, last: ScalarNode): ScalarNode {
  const range = { start: first.range.start, end: last.range.end };
  const source = host.document.text.slice(range.start, range.end);
  host.report('yaml/split', first, 'YAML splits this text at its comma inside `{…}` or `[…]`; put it in quotes.', {
    range,
    fix: quoteFix(host.document, range),
  });
  return { ...first, range, source, value: source };
}
