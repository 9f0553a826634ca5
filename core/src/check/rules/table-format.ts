import * as specs from '../../specs.ts';
import { child, entryOf, textOf } from '../../text/node.ts';
import type { Rule } from '../rule.ts';

/** Settings of a source that choose among files: a format that lists its files itself asks none of them. */
const OF_FILES = ['exclude', 'regex', 'min_age', 'compression'];

/** A format that lists the files of a table wants a source with folders, whose `path` is that of the table. */
export const tableFormat: Rule = {
  stream({ stream, report }) {
    const source = child(stream.node, 'source');
    const type = textOf(source, 'type') ?? '';
    const format = textOf(source, 'format', 'type') ?? textOf(source, 'format') ?? '';
    const lists = Object.hasOwn(specs.formats, format) && specs.formats[format]?.capabilities.lists_files;
    const spec = Object.hasOwn(specs.sources, type) ? specs.sources[type] : undefined;
    const entry = entryOf(source, 'format');
    if (!lists || !spec || !entry) return;
    if (!spec.capabilities.folders) {
      const able = Object.keys(specs.sources).filter((name) => specs.sources[name]?.capabilities.folders);
      const message = `\`${type}\` cannot read tables of the format \`${format}\`: ${able.map((name) => `\`${name}\``).join(' and ')} can.`;
      report('source/format', entry.value ?? entry.key, message);
      return;
    }
    const path = entryOf(source, 'path');
    if (path?.value && /[*?[{]/.test((textOf(source, 'path') ?? '').replaceAll(/\$\{[^}]*\}/g, '')))
      report('source/format', path.value, `\`path\` is the folder of one \`${format}\` table, not a pattern.`);
    for (const name of OF_FILES) {
      const idle = entryOf(source, name);
      if (idle)
        report('setting/idle', idle.key, `\`${name}\` does nothing: the table's log says which files it has.`, {
          severity: 'warning',
        });
    }
  },
};
