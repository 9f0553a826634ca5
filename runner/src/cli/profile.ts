import { type Column, formatType } from '@sluice/core';
import type { PreviewResult } from '../executor/api.ts';
import { renderRows } from './table.ts';
import type { Style } from './terminal.ts';

type Profile = NonNullable<PreviewResult['profile']>;

const BARS = '▁▂▃▄▅▆▇█';

/** A profile in one of the forms of rows; in JSON with the parts of each histogram. */
export function profileText(profile: Profile, columns: readonly Column[], output: string, style: Style): string {
  const types = new Map(columns.map((column) => [column.name, formatType(column.type)]));
  if (output === 'json' || output === 'ndjson') {
    const lines = profile.map((one) => JSON.stringify({ ...one, type: types.get(one.column) }));
    return output === 'json' ? `[\n${lines.join(',\n')}\n]` : lines.map((line) => `${line}\n`).join('');
  }
  const text = (name: string): Column => ({ name, type: { kind: 'text' } });
  const number = (name: string): Column => ({ name, type: { kind: 'bigint' } });
  const head = [text('column'), text('type'), ...['rows', 'nulls', 'distinct'].map(number)];
  const rows = profile.map((one) => [
    one.column,
    types.get(one.column) ?? '',
    one.rows,
    one.nulls,
    one.distinct,
    one.min,
    one.max,
    shape(one.histogram),
  ]);
  return renderRows({ columns: [...head, ...['min', 'max', 'histogram'].map(text)], rows }, output, style);
}

/** Bars for the parts of a range, `value (rows)` for the most common values. */
function shape(bins: Profile[number]['histogram']): string {
  if (bins.some((bin) => bin.to === null)) return bins.map(({ from, rows }) => `${from} (${rows})`).join(', ');
  const most = Math.max(1, ...bins.map((bin) => bin.rows));
  return bins.map(({ rows }) => (rows === 0 ? ' ' : (BARS[Math.ceil((rows / most) * BARS.length) - 1] ?? ''))).join('');
}
