import { child, type Node, textOf } from '../text/node.ts';
import type { Caret } from './caret.ts';
import type { Completion, LanguageContext } from './types.ts';
import { pathParts } from './visits.ts';

/** Formats that files of an ending mostly are, where it is not the format's own name. */
const BY_ENDING: Readonly<Record<string, readonly string[]>> = {
  txt: ['fixed_width', 'text'],
  dat: ['fixed_width', 'text'],
  tsv: ['csv'],
  ndjson: ['json'],
  jsonl: ['json'],
  pq: ['parquet'],
  log: ['text'],
};

/**
 * Types and connections of a source or destination, those first that the other jobs of the project use most at this place, then those
 * of its connections; before them for a source the connections that no job uses yet, since they were declared for one that is to be
 * written. And formats by the ending of the path. Else as they were.
 */
export function likelyFirst(
  context: LanguageContext,
  caret: Caret,
  { path }: Pick<Node, 'path'>,
  items: Completion[],
): Completion[] {
  const parts = pathParts(path).slice(path.startsWith('/streams/') ? 2 : 0);
  const [side, key, inner] = parts;
  if (side !== 'source' && side !== 'destination') return items;
  if (key === 'format' && (inner === undefined || inner === 'type')) return byEnding(caret, side, items);
  if ((key !== 'type' && key !== 'connection') || inner !== undefined) return items;
  const uses = usesOf(context, side, key);
  const fresh = side === 'source' ? unused(context, key) : new Set();
  const other = textOf(caret.document.root, side === 'source' ? 'destination' : 'source', 'connection');
  const types = new Set([...context.scope.connections.values()].map(({ type }) => type));
  const rank = ({ label }: Completion): number => {
    const isKnown = key === 'type' ? types.has(label) : label !== other;
    return (fresh.has(label) ? Infinity : 0) + (uses.get(label) ?? 0) + (isKnown ? 0.5 : 0);
  };
  return items.toSorted((a, b) => compare(rank(b), rank(a)));
}

/** How often each value stands at a place in the other jobs; a type also by the connection. */
function usesOf({ project, scope, document }: LanguageContext, side: string, key: string): Map<string, number> {
  const uses = new Map<string, number>();
  for (const { root, file } of project.files.jobs) {
    if (file === document.file) continue;
    const connection = textOf(root, side, 'connection');
    const type = textOf(root, side, 'type') ?? scope.connections.get(connection ?? '')?.type;
    const used = key === 'type' ? type : connection;
    if (used !== undefined) uses.set(used, (uses.get(used) ?? 0) + 1);
  }
  return uses;
}

/** Connections that stand nowhere in the other jobs, by name or type. */
function unused(context: LanguageContext, key: string): Set<string> {
  const used = [usesOf(context, 'source', 'connection'), usesOf(context, 'destination', 'connection')];
  const left = [...context.scope.connections].filter(([name]) => !used.some((uses) => uses.has(name)));
  return new Set(left.flatMap(([name, { type }]) => (key === 'type' ? (type ?? []) : name)));
}

function byEnding(caret: Caret, side: string, items: Completion[]): Completion[] {
  const path = textOf(child(caret.document.root, side), 'path') ?? '';
  const ending = /\.(\w+?)(?:\.(?:gz|zst|bz2|xz|zip))?$/.exec(path)?.[1]?.toLowerCase() ?? '';
  const likely = BY_ENDING[ending] ?? [ending];
  const rank = ({ label }: Completion): number => (likely.includes(label) ? likely.indexOf(label) : likely.length);
  return items.toSorted((a, b) => rank(a) - rank(b));
}

function compare(a: number, b: number): number {
  return a === b ? 0 : a - b;
}
