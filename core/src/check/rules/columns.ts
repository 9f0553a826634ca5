import type { DataType } from '../../model/type.ts';
import { parseType } from '../../model/type.ts';
import { child, entryOf, itemsOf, type Node, textOf } from '../../text/node.ts';
import type { Report } from '../host.ts';
import type { Rule } from '../rule.ts';

/** Entries of `columns`: none twice, and no keys that cannot stand together. */
export const columns: Rule = {
  stream({ stream, report }) {
    const names = new Map<string, Node>();
    const sources = new Map<string, Node>();
    for (const column of itemsOf(stream.node, 'columns')) {
      const name = child(column, 'name');
      if (!name) continue;
      const isNew = once(names, (textOf(column, 'name') ?? '').toLowerCase(), name, 'The column', report);
      const from = child(column, 'from') ?? (isOfSource(column) ? name : undefined);
      // A name that stands for both is told of once.
      if (from && (isNew || from !== name))
        once(sources, from.kind === 'scalar' ? from.source : '', from, 'The source column', report);
      conflicts(column, report);
    }
  },
};

function isOfSource(column: Node): boolean {
  return !entryOf(column, 'metadata') && textOf(column, 'derived') !== 'true';
}

/** Reports an entry that is there already; true where it is new. */
function once(seen: Map<string, Node>, key: string, node: Node, what: string, report: Report): boolean {
  const first = seen.get(key);
  if (!first) {
    seen.set(key, node);
    return true;
  }
  if (first === node || first.range.start === node.range.start) return true;
  const shown = node.kind === 'scalar' ? node.source : key;
  const related = [{ message: 'the first one', file: first.file, range: first.range }];
  report('column/duplicate', node, `${what} \`${shown}\` is listed twice.`, { related });
  return false;
}

const OF_SOURCE = ['from', 'format', 'decimal', 'thousands', 'scale'];
const TIMES: ReadonlySet<DataType['kind']> = new Set(['date', 'time', 'timestamp', 'timestamptz']);
const NUMBERS: ReadonlySet<DataType['kind']> = new Set(['int', 'bigint', 'double', 'decimal']);
const FRACTIONS: ReadonlySet<DataType['kind']> = new Set(['double', 'decimal']);

function conflicts(column: Node, report: Report): void {
  const origin = entryOf(column, 'metadata') ? 'metadata' : textOf(column, 'derived') === 'true' ? 'derived' : null;
  const others = origin === 'metadata' ? [...OF_SOURCE, 'derived'] : OF_SOURCE;
  for (const key of origin ? others : []) {
    const entry = entryOf(column, key);
    if (entry && textOf(column, key) !== 'false') {
      report(
        'column/conflict',
        entry.key,
        `\`${key}\` and \`${origin}\` exclude each other: such a column does not come from the source.`,
      );
    }
  }
  if (origin) return;
  const type = parseType(textOf(column, 'type') ?? '');
  needs(column, 'format', type, TIMES, 'a date or time type', report);
  needs(column, 'decimal', type, NUMBERS, 'a number type', report);
  needs(column, 'thousands', type, NUMBERS, 'a number type', report);
  needs(column, 'scale', type, FRACTIONS, 'decimal or double', report);
  const scale = entryOf(column, 'scale');
  for (const key of scale ? ['decimal', 'thousands'] : []) {
    const entry = entryOf(column, key);
    if (entry)
      report('column/conflict', entry.key, `\`${key}\` and \`scale\` exclude each other: the digits stand alone.`);
  }
  const mark = textOf(column, 'decimal');
  const thousands = entryOf(column, 'thousands');
  if (mark !== undefined && thousands && textOf(column, 'thousands') === mark) {
    report('column/conflict', thousands.value, '`decimal` and `thousands` are the same character.');
  }
}

function needs(
  column: Node,
  key: string,
  type: DataType | null,
  kinds: ReadonlySet<DataType['kind']>,
  text: string,
  report: Report,
): void {
  const entry = entryOf(column, key);
  if (!entry || (type && kinds.has(type.kind))) return;
  const written = child(column, 'type');
  if (written && !type) return;
  report(
    'column/conflict',
    entry.key,
    `\`${key}\` wants ${text}${type ? `, and \`type\` is ${type.kind}` : ' under `type`'}.`,
  );
}
