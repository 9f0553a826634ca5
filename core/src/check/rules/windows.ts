import { textParts } from '../../model/reference.ts';
import { parseType } from '../../model/type.ts';
import * as specs from '../../specs.ts';
import { child, itemsOf, type Node, textOf } from '../../text/node.ts';
import type { Report } from '../host.ts';
import type { Rule, StreamContext } from '../rule.ts';
import { placeOf } from '../view.ts';

/** A windowed stream reads its window and no more, and loads no row of it twice. */
export const windows: Rule = {
  job({ view, report }) {
    const lengths = view.streams.flatMap((stream) => {
      const every = child(stream.node, 'incremental', 'every');
      const isWindowed = textOf(stream.node, 'incremental', 'type') === 'window';
      return every?.kind === 'scalar' && isWindowed ? [{ stream, every }] : [];
    });
    for (const { every } of lengths.slice(1)) {
      if (every.source === lengths[0]!.every.source) continue;
      const message = `A run is about one window: \`${every.source}\` here, and \`${lengths[0]!.every.source}\` in \`${lengths[0]!.stream.name}\`, want a job each.`;
      report('incremental/window', every, message);
    }
  },
  stream(context) {
    const { stream, report } = context;
    const source = child(stream.node, 'source');
    const places = source ? windowReferences(source) : [];
    if (textOf(stream.node, 'incremental', 'type') !== 'window') {
      for (const node of places)
        report('reference/place', node, 'There are no windows here: it wants `incremental: {type: window}`.');
      return;
    }
    if (places.length === 0) unused(context);
    twice(context);
    files(context);
    columnType(stream.node, report);
  },
};

function windowReferences(node: Node): Node[] {
  if (node.kind === 'list') return node.items.flatMap(windowReferences);
  if (node.kind === 'map') return node.entries.flatMap((entry) => windowReferences(entry.value));
  const isText = typeof node.value === 'string' && node.value.includes('${window');
  return isText && textParts(node.source).some((part) => part.kind === 'window') ? [node] : [];
}

/** A database is asked for the window's rows; any other source reads everything each time where its settings do not say it. */
function unused({ view, stream, report }: StreamContext): void {
  const type = textOf(stream.node, 'source', 'type');
  const spec = type !== undefined && Object.hasOwn(specs.sources, type) ? specs.sources[type] : undefined;
  if (!spec || spec.capabilities.yields === 'columns') return;
  const at = child(stream.written, 'incremental', 'type') ?? placeOf(view, stream, 'incremental');
  report(
    'incremental/window',
    at,
    'Each window would read the whole source: name it by `${window:start}` or `${window:end}` under `source`, such as `path: dt=${window:start|%Y-%m-%d}/*.csv`.',
  );
}

function twice({ view, stream, report }: StreamContext): void {
  const disposition = textOf(stream.node, 'destination', 'write_disposition') ?? 'append';
  const lookback = child(stream.node, 'incremental', 'lookback');
  if (disposition !== 'append' || !lookback || textOf(stream.node, 'incremental', 'lookback') === '0') return;
  const at = lookback.file === view.document.file ? lookback : placeOf(view, stream, 'incremental');
  report(
    'incremental/window',
    at,
    '`lookback` loads finished windows again, and `append` would add their rows a second time; use `replace` or `merge`.',
  );
}

/** Rows of a window are found by their column, which files do not allow. */
function files({ stream, report }: StreamContext): void {
  const written = child(stream.node, 'destination', 'write_disposition');
  const type = textOf(stream.node, 'destination', 'type') ?? '';
  const spec = Object.hasOwn(specs.destinations, type) ? specs.destinations[type] : undefined;
  if (!written || textOf(stream.node, 'destination', 'write_disposition') !== 'replace') return;
  if (spec?.capabilities.holds !== 'files') return;
  report(
    'incremental/window',
    written,
    'A window of files cannot be replaced; use `append`, or a destination of tables.',
  );
}

function columnType(node: Node, report: Report): void {
  const name = textOf(node, 'incremental', 'column');
  const column = itemsOf(node, 'columns').find((item) => (textOf(item, 'from') ?? textOf(item, 'name')) === name);
  const written = child(column, 'type');
  const kind = parseType(textOf(column, 'type') ?? '')?.kind;
  if (!written || kind === undefined) return;
  if (kind === 'date' && textOf(node, 'incremental', 'every') === 'hour')
    report('incremental/window', written, 'Windows of an hour want a timestamp: a date has no hours.');
  else if (kind !== 'date' && kind !== 'timestamp' && kind !== 'timestamptz')
    report('incremental/window', written, 'Windows select rows by this column: it has to be a date or timestamp.');
}
