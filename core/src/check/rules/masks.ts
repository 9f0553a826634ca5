import { child, itemsOf, type Node, textOf } from '../../text/node.ts';
import type { Report } from '../host.ts';
import type { Rule } from '../rule.ts';
import { textsOf } from '../scope.ts';

/** What masked columns need, and what would let their values out or make them useless. */
export const masks: Rule = {
  stream({ view, stream, report }) {
    const key = textOf(view.scope.root, 'masking', 'key');
    const keys = new Set(textsOf(stream.node, 'destination', 'primary_key').map(fold));
    const cursor = textOf(stream.node, 'incremental', 'column');
    const masked = new Set<string>();
    for (const column of itemsOf(stream.node, 'columns')) {
      const mask = child(column, 'mask');
      const how = textOf(column, 'mask');
      if (!mask || how === undefined) continue;
      const name = textOf(column, 'name') ?? '';
      masked.add(fold(name));
      if (how === 'hash' && key === undefined) {
        report(
          'mask/key',
          mask,
          '`mask: hash` wants `masking.key` in sluice.yaml: the secret that values are hashed with.',
        );
      }
      const isKey = keys.size > 0 ? keys.has(fold(name)) : textOf(column, 'primary_key') === 'true';
      if (how !== 'hash' && isKey) {
        const merges = textOf(stream.node, 'destination', 'write_disposition') === 'merge';
        report('column/conflict', mask, `A key under \`${how}\` tells rows apart no longer; use \`hash\`.`, {
          severity: merges ? 'error' : 'warning',
        });
      }
      if (cursor !== undefined && (textOf(column, 'from') ?? name) === cursor) {
        report(
          'column/conflict',
          mask,
          'Rows are selected by this column, and a cursor is kept in the checkpoint as it is: it cannot be masked.',
        );
      }
    }
    for (const step of itemsOf(stream.node, 'transform')) flattened(child(step, 'flatten', 'column'), masked, report);
  },
};

function flattened(column: Node | undefined, masked: ReadonlySet<string>, report: Report): void {
  if (column?.kind !== 'scalar' || !masked.has(fold(column.source))) return;
  report('column/conflict', column, 'Its fields would be columns of their own, which are not masked; mask those.');
}

function fold(name: string): string {
  return name.toLowerCase();
}
