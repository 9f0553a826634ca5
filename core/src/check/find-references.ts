import type { Range } from '../model/diagnostic.ts';
import { textParts } from '../model/reference.ts';
import type { Document, Node } from '../text/node.ts';

/** A reference as it stands in a file. */
export interface FoundReference {
  /** `env`, `var`, `file` or `stream`. */
  kind: string;
  name: string;
  /** As written: `${env:NAME:-x}`. */
  text: string;
  range: Range;
  /** JSON pointer of the value that holds it. */
  path: string;
}

/** Every reference of a file with its place: for messages about one that has no value when a run starts. */
export function findReferences(document: Document): FoundReference[] {
  const found: FoundReference[] = [];
  if (document.root) collect(document.root, document, found, new Set());
  return found;
}

function collect(node: Node, document: Document, found: FoundReference[], seen: Set<number>): void {
  if (node.kind === 'list') for (const item of node.items) collect(item, document, found, seen);
  if (node.kind === 'map') for (const entry of node.entries) collect(entry.value, document, found, seen);
  // What an alias repeats is written once.
  if (node.kind !== 'scalar' || seen.has(node.range.start)) return;
  seen.add(node.range.start);
  let from = node.range.start;
  for (const part of textParts(node.source)) {
    if (part.kind === 'literal' || part.kind === 'bad') continue;
    const text = node.source.slice(part.start, part.end);
    const at = document.text.indexOf(text, from);
    const inside = at >= 0 && at + text.length <= node.range.end;
    const range = inside ? { start: at, end: at + text.length } : node.range;
    if (inside) from = range.end;
    found.push({ kind: part.kind, name: part.name, text, range, path: node.path });
  }
}
