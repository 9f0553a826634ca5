import { child, textOf } from '../../text/node.ts';
import type { Rule } from '../rule.ts';
import { placeOf } from '../view.ts';

/** What an append reads a second time stands in the table twice, unless it is known to be the same row. */
export const appendTwice: Rule = {
  stream({ view, stream, report }) {
    if ((textOf(stream.node, 'destination', 'write_disposition') ?? 'append') !== 'append') return;
    const type = textOf(stream.node, 'incremental', 'type');
    const lookback = child(stream.node, 'incremental', 'lookback');
    if (type === 'cursor' && lookback && !/^0/.test(textOf(stream.node, 'incremental', 'lookback') ?? '0')) {
      const at = lookback.file === view.document.file ? lookback : placeOf(view, stream, 'incremental');
      const message =
        '`append` takes a row that was read before as new once any of its values has changed within the `lookback`; `merge` by a key updates it.';
      report('incremental/append', at, message, { severity: 'warning' });
    }
    const onChange = child(stream.node, 'incremental', 'on_change');
    if (type === 'files' && onChange && textOf(stream.node, 'incremental', 'on_change') === 'reload') {
      const message =
        '`append` adds all rows of a changed file, those that were loaded before a second time; `merge` does not.';
      if (!child(stream.node, 'source', 'after_load'))
        report('incremental/append', onChange, message, { severity: 'warning' });
    }
  },
};
