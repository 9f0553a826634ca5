import * as specs from '../../specs.ts';
import { child, entryOf, textOf } from '../../text/node.ts';
import type { Rule } from '../rule.ts';
import { placeOf, tablePatternOf } from '../view.ts';

/** A database source reads a table or a query; a pattern of tables gives its streams their names. */
export const sourceTable: Rule = {
  stream({ view, stream, report }) {
    const type = textOf(stream.node, 'source', 'type') ?? '';
    const spec = Object.hasOwn(specs.sources, type) ? specs.sources[type] : undefined;
    const settings = spec?.settings.properties ?? {};
    if (!Object.hasOwn(settings, 'table') || !Object.hasOwn(settings, 'query')) return;
    const source = child(stream.node, 'source');
    const table = entryOf(source, 'table');
    const query = entryOf(source, 'query');
    if (!table && !query) {
      report('source/table', placeOf(view, stream, 'source', 'type'), `\`${type}\` wants \`table\` or \`query\`.`);
    }
    if (table && query) {
      const at = placeOf(view, stream, 'source', 'query');
      report('source/table', at, '`query` is read instead of a table: leave out `table`, or `query`.');
    }
    const pattern = tablePatternOf(stream.node);
    const exclude = entryOf(stream.written, 'exclude');
    if (pattern === null) {
      if (exclude) report('source/pattern', exclude.key, '`exclude` wants a `source.table` that is a pattern.');
      return;
    }
    const name = stream.written === view.root ? undefined : entryOf(stream.written, 'name');
    if (name) {
      report('source/pattern', name.key, 'Each table of a pattern is a stream by its own name: leave out `name`.');
    }
    const target = entryOf(child(stream.written, 'destination'), 'table');
    if (target) {
      report('source/pattern', target.key, 'Each table of a pattern fills a table by its own name: leave out `table`.');
    }
  },
};
