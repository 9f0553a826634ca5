import { type Document, type Entry, type Node, type ScalarNode, withRoot } from '../text/node.ts';

/**
 * The document with all that does not lead to an offset emptied: a walk over it says what belongs there, and costs no more than the
 * way there. Keys stay, so that it is known which are taken; scalars stay, since they decide which keys there are. The document itself
 * where the way cannot be told.
 */
export function leadingTo(document: Document, offset: number): Document {
  const { root, file } = document;
  if (!root || !holds(root, offset, file)) return document;
  return withRoot(document, pruned(root, offset, file));
}

function pruned(node: Node, offset: number, file: string): Node {
  if (node.kind === 'scalar') return node;
  if (node.kind === 'list') {
    const on = node.items.filter((item) => holds(item, offset, file));
    return on.length === 0 ? node : { ...node, items: on.map((item) => pruned(item, offset, file)) };
  }
  if (!node.entries.some((entry) => leads(entry, offset, file))) return node;
  const entries = node.entries.map((entry) => {
    if (leads(entry, offset, file)) return { ...entry, value: pruned(entry.value, offset, file) };
    return { ...entry, value: scalarsOf(entry.value) };
  });
  return { ...node, entries };
}

function leads(entry: Entry, offset: number, file: string): boolean {
  if (entry.merged) return false;
  return holds(entry.key, offset, file) || holds(entry.value, offset, file);
}

function holds(node: Node, offset: number, file: string): boolean {
  return node.file === file && offset >= node.range.start && offset <= node.range.end;
}

/** What decides about other keys: a type or connection that streams take over. Lists decide nothing. */
function scalarsOf(node: Node): Node {
  if (node.kind === 'scalar') return node;
  if (node.kind === 'list') return nothing(node);
  return { ...node, entries: node.entries.filter(({ value }) => value.kind === 'scalar') };
}

/** A value of which the walk says nothing. */
function nothing({ file, range, path }: Node): ScalarNode {
  return { kind: 'scalar', file, range, path, value: null, source: 'null', style: 'plain' };
}
