import { child, itemsOf, textOf } from '../../text/node.ts';
import type { Rule } from '../rule.ts';

/** Files of a folder for each value are as large as their rows make them. */
export const fileLayout: Rule = {
  stream({ stream, report }) {
    const size = child(stream.node, 'destination', 'target_file_size');
    if (!size || textOf(stream.node, 'destination', 'target_file_size') === undefined) return;
    if (itemsOf(stream.node, 'destination', 'partition_by').length === 0) return;
    report(
      'destination/layout',
      size,
      '`target_file_size` has no effect beside `partition_by`; leave one of them out.',
    );
  },
};
