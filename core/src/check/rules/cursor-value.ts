import { type DataType, formatType, parseType } from '../../model/type.ts';
import { child, itemsOf, textOf } from '../../text/node.ts';
import type { Rule } from '../rule.ts';
import { checkText } from '../values.ts';

const TIMES: ReadonlySet<DataType['kind']> = new Set(['date', 'timestamp', 'timestamptz']);
/** Types without an order that tells later from earlier. */
const UNORDERED: ReadonlySet<DataType['kind']> = new Set(['boolean', 'binary', 'json', 'list', 'struct']);

/** A cursor has an order; where it starts and how far it looks back suit its type, where the job says it. */
export const cursorValue: Rule = {
  stream({ stream, report }) {
    if (textOf(stream.node, 'incremental', 'type') !== 'cursor') return;
    const name = textOf(stream.node, 'incremental', 'column');
    const column = itemsOf(stream.node, 'columns').find(
      (item) => (textOf(item, 'from') ?? textOf(item, 'name')) === name,
    );
    const written = child(column, 'type');
    const type = parseType(textOf(column, 'type') ?? '');
    if (!written || !type) return;
    if (UNORDERED.has(type.kind)) {
      report('incremental/cursor', written, `A cursor needs an order, and ${formatType(type)} has none.`);
      return;
    }
    const start = child(stream.node, 'incremental', 'initial_value');
    const text = textOf(stream.node, 'incremental', 'initial_value');
    if (start && text !== undefined && !text.includes('${') && !suits(text, type))
      report('incremental/cursor', start, `\`${text}\` is no ${formatType(type)}, which the cursor is.`);
    const lookback = child(stream.node, 'incremental', 'lookback');
    if (lookback && !TIMES.has(type.kind) && !/^0/.test(textOf(stream.node, 'incremental', 'lookback') ?? '0'))
      report('incremental/cursor', lookback, `A \`lookback\` is a time, and the cursor is ${formatType(type)}.`);
  },
};

function suits(text: string, type: DataType): boolean {
  switch (type.kind) {
    case 'int':
    case 'bigint':
      return /^-?\d{1,19}$/.test(text);
    case 'double':
    case 'decimal':
      return /^-?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?$/.test(text);
    case 'date':
      return /^\d{4}-\d{2}-\d{2}$/.test(text) && checkText('timestamp', text) === null;
    case 'timestamp':
    case 'timestamptz':
      return checkText('timestamp', text) === null;
    case 'uuid':
      return /^[\da-f]{8}(?:-?[\da-f]{4}){3}-?[\da-f]{12}$/i.test(text);
    default:
      return true;
  }
}
