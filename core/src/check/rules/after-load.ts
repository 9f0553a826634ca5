import * as specs from '../../specs.ts';
import { child, textOf } from '../../text/node.ts';
import type { Rule } from '../rule.ts';

/** Files are cleared away only where it is known which of them are loaded, and only inside the source's root. */
export const afterLoad: Rule = {
  stream({ stream, report }) {
    const written = child(stream.node, 'source', 'after_load');
    const step = written?.kind === 'map' ? written.entries[0] : undefined;
    if (!step || step.key.source === 'keep') return;
    const type = textOf(stream.node, 'incremental', 'type');
    const replaces = textOf(stream.node, 'destination', 'write_disposition') === 'replace';
    if (type === undefined ? replaces : type !== 'files') {
      report(
        'source/after-load',
        step.key,
        `\`${step.key.source}\` wants \`incremental: {type: files}\`, which keeps a ledger of the files that are loaded: without it a run that is stopped at the wrong moment would load a file twice.`,
      );
    }
    const format = textOf(stream.node, 'source', 'format', 'type') ?? textOf(stream.node, 'source', 'format') ?? '';
    if (Object.hasOwn(specs.formats, format) && specs.formats[format]?.capabilities.lists_files) {
      report(
        'source/after-load',
        step.key,
        `The files of ${specs.formats[format]?.title} are a table's own: without them it cannot be read any more.`,
      );
    }
    const folder = step.value;
    if (step.key.source === 'move' && folder.kind === 'scalar' && folder.value !== null && leavesRoot(folder.source))
      report('source/after-load', folder, 'The folder lies below the root of the source: `done`, `archive/orders`.');
  },
};

function leavesRoot(path: string): boolean {
  return /^(?:[/\\~]|[A-Za-z]:)/.test(path) || path.split(/[/\\]/).includes('..') || /^\.?\/?$/.test(path);
}
