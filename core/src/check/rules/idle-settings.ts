import * as specs from '../../specs.ts';
import { child, entryOf, itemsOf, textOf } from '../../text/node.ts';
import type { Rule } from '../rule.ts';

/** Settings that can do nothing where they stand. */
export const idleSettings: Rule = {
  job({ view, report }) {
    const retries = entryOf(view.root, 'retries')?.value;
    const max = textOf(view.job, 'retries', 'max');
    for (const key of max === undefined || max === '0' ? ['delay', 'backoff'] : []) {
      const entry = entryOf(retries, key);
      if (entry)
        report('setting/idle', entry.key, `\`${key}\` does nothing: without \`max\` there are no retries.`, {
          severity: 'warning',
        });
    }
  },
  stream({ stream, report }) {
    const disposition = textOf(stream.node, 'destination', 'write_disposition');
    const isWindowed = textOf(stream.node, 'incremental', 'type') === 'window';
    const contract = entryOf(child(stream.written, 'destination'), 'schema_contract');
    if (contract && disposition === 'replace' && !isWindowed) {
      const message = '`schema_contract` does nothing: `replace` makes the table anew from the rows.';
      report('setting/idle', contract.key, message, { severity: 'warning' });
    }
    const type = textOf(stream.node, 'source', 'type') ?? '';
    const spec = Object.hasOwn(specs.sources, type) ? specs.sources[type] : undefined;
    const parted = entryOf(child(stream.written, 'source'), 'partition_on');
    const incremental = textOf(stream.node, 'incremental', 'type') ?? 'none';
    if (parted && spec?.capabilities.parts_of_full_loads && incremental !== 'none') {
      const message = `\`partition_on\` does nothing: ${type} reads in parts only where \`incremental\` is \`none\`.`;
      report('setting/idle', parted.key, message, { severity: 'warning' });
    }
    for (const column of itemsOf(stream.node, 'columns')) {
      const metadata = child(column, 'metadata');
      const what = textOf(column, 'metadata') ?? '';
      const ofFiles = ['path', 'modified_at', 'row_number'].includes(what) && spec?.capabilities.yields === 'columns';
      if (!metadata || !(ofFiles || (what === 'window_start' && !isWindowed))) continue;
      const why = ofFiles ? `rows of ${type} come from no file` : 'the stream has no windows';
      report('setting/idle', metadata, `This column is always empty: ${why}.`, { severity: 'warning' });
    }
  },
};
