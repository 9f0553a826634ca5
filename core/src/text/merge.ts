import type { Entry, MapNode, Node, ScalarNode } from './node.ts';

/** Whether a key is YAML's merge key: `<<` without quotes. */
export function isMergeKey(key: ScalarNode): boolean {
  return key.style === 'plain' && key.source === '<<';
}

/** Lays what `<<` names under a mapping: own keys win, then earlier entries. */
export function expandMerges(map: MapNode, merge: Entry, report: (node: Node, message: string) => void): void {
  const sources = merge.value.kind === 'list' ? merge.value.items : [merge.value];
  const known = new Set(map.entries.map((entry) => entry.key.source));
  for (const source of sources) {
    if (source.kind !== 'map') {
      report(
        source.range.end > source.range.start ? source : merge.key,
        '`<<` takes an alias of a mapping, or a list of them.',
      );
      continue;
    }
    for (const entry of source.entries) {
      if (known.has(entry.key.source)) continue;
      known.add(entry.key.source);
      map.entries.push({ ...entry, merged: true });
    }
  }
}
