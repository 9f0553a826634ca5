import * as specs from '../../specs.ts';
import { child, itemsOf, textOf } from '../../text/node.ts';
import type { Rule } from '../rule.ts';

/** Merging needs a key: files have none of their own. */
export const mergeKey: Rule = {
  stream({ stream, report }) {
    const disposition = child(stream.node, 'destination', 'write_disposition');
    if (!disposition || textOf(stream.node, 'destination', 'write_disposition') !== 'merge') return;
    const source = textOf(stream.node, 'source', 'type');
    const hasOwnKey = source !== undefined && specs.sources[source]?.capabilities.yields === 'columns';
    const named = itemsOf(stream.node, 'destination', 'primary_key').length > 0;
    const marked = itemsOf(stream.node, 'columns').some((column) => textOf(column, 'primary_key') === 'true');
    if (named || marked || hasOwnKey) return;
    report(
      'destination/key',
      disposition,
      '`merge` needs a key: `destination.primary_key`, or `primary_key: true` on columns.',
    );
  },
};
