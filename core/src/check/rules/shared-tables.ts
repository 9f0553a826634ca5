import { child, textOf } from '../../text/node.ts';
import { isFiles, tableOf } from '../project-index.ts';
import type { Rule } from '../rule.ts';
import { placeOf } from '../view.ts';

/** A stream that replaces a table drops what another one wrote there. */
export const sharedTables: Rule = {
  across: true,
  stream({ view, stream, project, report }) {
    const table = tableOf(view, stream);
    if (table === null) return;
    const others = (project.index(view.scope).byTable.get(table) ?? []).filter(
      (other) => other.stream.written !== stream.written,
    );
    const replaces = (node: typeof stream.node) => textOf(node, 'destination', 'write_disposition') === 'replace';
    const clash = others.find((other) => replaces(stream.node) || replaces(other.stream.node));
    if (!clash) return;
    const both = replaces(stream.node) && replaces(clash.stream.node);
    const where =
      clash.view === view
        ? `the stream \`${clash.stream.name}\``
        : `\`${clash.stream.name}\` of ${clash.view.document.file}`;
    const files = isFiles(textOf(stream.node, 'destination', 'type') ?? '');
    const key = files ? 'path' : 'table';
    const what = `The ${files ? 'folder' : 'table'} \`${textOf(stream.node, 'destination', key) ?? stream.name}\``;
    const at = child(stream.written, 'destination', key) ?? placeOf(view, stream, 'name');
    const message = both
      ? `${what} is also replaced by ${where}: each would drop what the other wrote.`
      : `${what} is also filled by ${where}; \`replace\` drops those rows.`;
    report('destination/shared', at, message, { severity: both ? 'error' : 'warning' });
  },
};
