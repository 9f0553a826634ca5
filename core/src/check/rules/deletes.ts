import { sqlScope } from '../../model/sql-scope.ts';
import { child, textOf } from '../../text/node.ts';
import type { Rule } from '../rule.ts';

/** What a row deletes is found by its key, and told from that row alone. */
export const deletes: Rule = {
  stream({ stream, report }) {
    const node = child(stream.node, 'destination', 'deletes');
    if (node?.kind !== 'map') return;
    if (textOf(stream.node, 'destination', 'write_disposition') !== 'merge')
      report('destination/deletes', node, '`deletes` finds rows by their key, so it wants `write_disposition: merge`.');
    const when = child(node, 'when');
    if (when?.kind === 'scalar' && sqlScope(when.source) === 'run')
      report('destination/deletes', when, 'An aggregate or window function is about more than the row that it judges.');
  },
};
