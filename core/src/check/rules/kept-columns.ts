import * as specs from '../../specs.ts';
import { itemsOf, type Node, textOf } from '../../text/node.ts';
import type { Rule } from '../rule.ts';

/** The column that tells late rows from early ones has to outlive the transforms where the destination still needs it. */
export const keptColumns: Rule = {
  stream({ stream, report }) {
    const type = textOf(stream.node, 'incremental', 'type');
    const source = textOf(stream.node, 'incremental', 'column');
    const disposition = textOf(stream.node, 'destination', 'write_disposition');
    if (source === undefined) return;
    const isWindow = type === 'window' && disposition === 'replace';
    if (!isWindow && !(type === 'cursor' && disposition === 'merge')) return;
    const rule = itemsOf(stream.node, 'columns').find(
      (item) => (textOf(item, 'from') ?? textOf(item, 'name')) === source,
    );
    const name = textOf(rule, 'name') ?? source;
    const at = droppedAt(itemsOf(stream.node, 'transform'), name);
    if (!at) return;
    const message = isWindow
      ? `\`${name}\` is dropped here, and \`replace\` finds the rows of a window by it.`
      : `\`${name}\` is dropped here: of several rows of one key the one of the later file wins then, and not the one with the greatest cursor.`;
    report('incremental/dropped', at, message, { severity: isWindow ? 'error' : 'warning' });
  },
};

/** The step's word or list that leaves a column out; null where none does, or SQL makes it unknowable. */
function droppedAt(steps: readonly Node[], name: string): Node | null {
  const wanted = name.toLowerCase();
  for (const item of steps) {
    const entry = item.kind === 'map' ? item.entries[0] : undefined;
    const effect =
      entry && Object.hasOwn(specs.transforms, entry.key.source) ? specs.transforms[entry.key.source] : null;
    const { columns } = effect?.capabilities ?? {};
    if (!entry || columns === 'replace') return null;
    if (columns !== 'keep' && columns !== 'drop') continue;
    const named = itemsOf(entry.value, 'columns').filter(
      (node) => (node.kind === 'scalar' ? node.source : (textOf(node, 'name') ?? '')).toLowerCase() === wanted,
    );
    if (columns === 'drop' && named[0]) return named[0];
    if (columns === 'keep' && named.length === 0) return entry.key;
  }
  return null;
}
