import { sqlShape, sqlTokens } from '../../model/sql-scope.ts';
import * as specs from '../../specs.ts';
import { child, itemsOf, textOf } from '../../text/node.ts';
import type { Rule } from '../rule.ts';

/** An incremental run sees its own rows: a sum over them is no sum over the table. */
export const partOfRows: Rule = {
  stream({ stream, report }) {
    const type = textOf(stream.node, 'source', 'type') ?? '';
    const disposition = textOf(stream.node, 'destination', 'write_disposition');
    const isBytes = Object.hasOwn(specs.sources, type) && specs.sources[type]?.capabilities.yields === 'bytes';
    const byDefault = isBytes && disposition !== 'replace' ? 'files' : 'none';
    const incremental = textOf(stream.node, 'incremental', 'type') ?? byDefault;
    // A window replaced or merged by its own column holds all its rows.
    if (incremental === 'none' || (incremental === 'window' && disposition === 'replace')) return;
    for (const item of itemsOf(stream.node, 'transform')) {
      const query = child(item, 'sql', 'query') ?? child(item, 'sql');
      if (query?.kind !== 'scalar' || !sqlShape(outermost(query.source)).aggregate) continue;
      report(
        'incremental/aggregate',
        query,
        `This aggregates the new rows of each run alone, because the load is incremental (\`${incremental}\`): load everything with \`incremental: {type: none}\` and \`replace\`, or aggregate in the warehouse.`,
        { severity: 'warning' },
      );
    }
  },
};

/** A query without the queries in it, whose aggregates it only compares its rows with. */
function outermost(sql: string): string {
  let kept = '';
  let depth = 0;
  let from = 0;
  const tokens = sqlTokens(sql);
  for (const [i, { text, start, end }] of tokens.entries()) {
    if (depth === 0 && text === '(' && tokens[i + 1]?.text.toLowerCase() === 'select') {
      kept += sql.slice(from, end);
      depth = 1;
    } else if (depth > 0 && text === '(') depth++;
    else if (depth > 0 && text === ')' && --depth === 0) from = start;
  }
  return depth === 0 ? kept + sql.slice(from) : kept;
}
