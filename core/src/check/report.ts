import type { Diagnostic, Range } from '../model/diagnostic.ts';
import { type Document, entryOf } from '../text/node.ts';
import type { Report } from './host.ts';

/**
 * A report into a list. A finding on a value that came from another file stands at this file's name, and points there.
 * The same finding at the same place is kept once.
 */
export function reporter(document: Document, into: Diagnostic[]): Report {
  const seen = new Set<string>();
  return (code, node, message, options = {}) => {
    const here = node.file === document.file;
    const range = here ? (options.range ?? node.range) : nameRange(document);
    const key = `${code} ${range.start} ${range.end} ${message}`;
    if (seen.has(key)) return;
    seen.add(key);
    const related = here
      ? options.related
      : [{ message: 'the value stands here', file: node.file, range: node.range }, ...(options.related ?? [])];
    into.push({
      code,
      severity: options.severity ?? 'error',
      message: here ? message : `${message} (It comes from ${node.file}.)`,
      range,
      path: here ? node.path : '',
      ...(related ? { related } : {}),
      ...(options.fix && here ? { fix: options.fix } : {}),
    });
  };
}

/** Where a job says its name, else the beginning of the file. */
function nameRange(document: Document): Range {
  const { root } = document;
  return (
    entryOf(root, 'name')?.value.range ??
    (root?.kind === 'map' ? root.entries[0]?.key.range : undefined) ?? { start: 0, end: 0 }
  );
}
