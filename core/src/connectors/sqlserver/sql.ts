import type { RowRange } from '../../model/component.ts';
import { bracketed, tableOrQuery, tableParts } from '../shared/table-name.ts';
import type { ReadColumn } from './types.ts';

export interface ReadSettings {
  table?: string;
  query?: string;
  where?: string;
}

export function quoted(...parts: string[]): string {
  return parts.map((part) => `[${part.replaceAll(']', ']]')}]`).join('.');
}

export function fromSql(settings: ReadSettings): string {
  const what = tableOrQuery(settings);
  return 'table' in what ? `${quoted(...tableParts(what.table, 3))} AS t` : `${bracketed(what.query)} AS t`;
}

/** The statement that reads, with the texts to bind. */
export function readSql(
  settings: ReadSettings,
  columns: readonly ReadColumn[],
  range: RowRange | null,
  limit: number | null,
): { sql: string; values: string[] } {
  const all = settings.where === undefined ? [] : [bracketed(settings.where)];
  const values: string[] = [];
  if (range) {
    const bind = columns.find((column) => column.name === range.column)?.bind ?? 'nvarchar(4000)';
    const bounds: string[] = [];
    for (const [sign, text] of [['>=', range.from] as const, ['<', range.to] as const]) {
      if (text === null) continue;
      bounds.push(`${quoted(range.column)} ${sign} CAST(@p${values.length} AS ${bind})`);
      values.push(text);
    }
    const within = bounds.join(' AND ');
    all.push(range.nulls ? `((${within}) OR ${quoted(range.column)} IS NULL)` : within);
  }
  const select = columns.map((column) => column.select(quoted(column.name))).join(', ');
  const top = limit === null ? '' : `TOP (${limit}) `;
  const where = all.length > 0 ? ` WHERE ${all.join(' AND ')}` : '';
  return { sql: `SELECT ${top}${select} FROM ${fromSql(settings)}${where}`, values };
}
