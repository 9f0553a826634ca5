import type { Json } from '../model/json.ts';
import type { Node } from '../text/node.ts';

/** A node's value as plain JSON. */
export function plainOf(node: Node | null | undefined): Json {
  if (!node) return null;
  if (node.kind === 'scalar') return node.value;
  if (node.kind === 'list') return node.items.map(plainOf);
  return Object.fromEntries(node.entries.map((entry) => [entry.key.source, plainOf(entry.value)]));
}
