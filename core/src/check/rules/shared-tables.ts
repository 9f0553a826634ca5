import { child, textOf } from '../../text/node.ts';
import type { Report } from '../host.ts';
import { factsOf, isFiles, type TableUse } from '../project-index.ts';
import type { Rule } from '../rule.ts';
import { type JobView, placeOf, type StreamView } from '../view.ts';

/** A stream that replaces a table drops what another one wrote there. */
export const sharedTables: Rule = {
  across: true,
  job({ view, project, report }) {
    for (const { table, use } of factsOf(view).tables) {
      const others = project.index(view.scope).byTable.get(table) ?? [];
      const clash = others.find(
        (other) => (other.view !== view || other.at !== use.at) && (use.replaces || other.replaces),
      );
      const stream = clash && view.streams[use.at];
      if (stream) tell(view, stream, { use, clash }, report);
    }
  },
};

function tell(view: JobView, stream: StreamView, { use, clash }: Record<'use' | 'clash', TableUse>, report: Report) {
  const where =
    clash.view === view ? `the stream \`${clash.name}\`` : `\`${clash.name}\` of ${clash.view.document.file}`;
  const files = isFiles(textOf(stream.node, 'destination', 'type') ?? '');
  const key = files ? 'path' : 'table';
  const what = `The ${files ? 'folder' : 'table'} \`${textOf(stream.node, 'destination', key) ?? stream.name}\``;
  const at = child(stream.written, 'destination', key) ?? placeOf(view, stream, 'name');
  const both = use.replaces && clash.replaces;
  const message = both
    ? `${what} is also replaced by ${where}: each would drop what the other wrote.`
    : `${what} is also filled by ${where}; \`replace\` drops those rows.`;
  report('destination/shared', at, message, { severity: both ? 'error' : 'warning' });
}
