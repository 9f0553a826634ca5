import { type Entry, entryOf, type MapNode, type Node, textOf } from '../text/node.ts';

/**
 * Lays one value over another: mappings key by key, or whole where their `type` differs; lists and scalars replace; an
 * explicit null removes. Both in normal form. Every node keeps its file and range, so that it is known where a value came from.
 */
export function lay(under: Node | null, over: Node): Node {
  if (over.kind !== 'map') return over;
  const base = under?.kind === 'map' && !differs(under, over) ? under : null;
  const entries: Entry[] = [];
  for (const entry of base?.entries ?? []) {
    const own = entryOf(over, entry.key.source);
    if (!own) entries.push(entry);
    else if (!isNull(own.value)) entries.push({ ...own, value: lay(entry.value, own.value) });
  }
  for (const entry of over.entries) {
    if (entryOf(base, entry.key.source) || isNull(entry.value)) continue;
    entries.push({ ...entry, value: lay(null, entry.value) });
  }
  return { ...over, entries };
}

function differs(under: MapNode, over: MapNode): boolean {
  const type = textOf(over, 'type');
  const base = textOf(under, 'type');
  return type !== undefined && base !== undefined && type !== base;
}

function isNull(node: Node): boolean {
  return node.kind === 'scalar' && node.value === null && node.style === 'plain';
}

/** A mapping without some of its keys. */
export function without(map: MapNode, ...keys: string[]): MapNode {
  return { ...map, entries: map.entries.filter((entry) => !keys.includes(entry.key.source)) };
}
