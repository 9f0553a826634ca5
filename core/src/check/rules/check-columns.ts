import * as specs from '../../specs.ts';
import { entryOf, itemsOf } from '../../text/node.ts';
import type { Rule } from '../rule.ts';

/** A check of columns that stands under no column has to name them. */
export const checkColumns: Rule = {
  stream({ stream, report }) {
    for (const item of itemsOf(stream.node, 'checks')) {
      const entry = item.kind === 'map' ? item.entries[0] : undefined;
      const spec = entry && Object.hasOwn(specs.checks, entry.key.source) ? specs.checks[entry.key.source] : undefined;
      const named =
        entry?.value.kind === 'map'
          ? entryOf(entry.value, 'columns') !== undefined
          : spec?.settings['x-shorthand'] === 'columns';
      if (!entry || named || spec?.capabilities.column_check !== true) continue;
      report(
        'schema/required',
        entry.key,
        `\`columns\` is missing: \`${entry.key.source}\` does not stand under a column here.`,
      );
    }
  },
};
