import type { RowRange } from '../../model/component.ts';
import { ident } from '../../model/sql.ts';
import { patternParts } from '../../model/table-pattern.ts';
import { bracketed, tableOrQuery, tableParts } from '../shared/table-name.ts';
import type { ReadColumn } from './types.ts';

export interface ReadSettings {
  table?: string;
  query?: string;
  where?: string;
}

/** The parts of a table's name as the server keeps them: upper case where they stand without quotes. */
export function oracleParts(table: string): string[] {
  const parts = tableParts(table, 2);
  const written = patternParts(table);
  return parts.map((part, i) => (written[i]?.trim().startsWith('"') ? part : part.toUpperCase()));
}

export function fromSql(settings: ReadSettings): string {
  const what = tableOrQuery(settings);
  return 'table' in what ? `${ident(...oracleParts(what.table))} t` : `${bracketed(what.query)} t`;
}

/** The statement that reads, with the texts to bind. */
export function readSql(
  settings: ReadSettings,
  columns: readonly ReadColumn[],
  range: RowRange | null,
  limit: number | null,
): { sql: string; values: Record<string, string> } {
  const all = settings.where === undefined ? [] : [bracketed(settings.where)];
  const values: Record<string, string> = {};
  if (range) {
    const bind = columns.find((column) => column.name === range.column)?.bind ?? ((name: string) => name);
    const bounds: string[] = [];
    for (const [sign, name, text] of [['>=', 'low', range.from] as const, ['<', 'high', range.to] as const]) {
      if (text === null) continue;
      bounds.push(`${ident(range.column)} ${sign} ${bind(`:${name}`)}`);
      values[name] = text;
    }
    const within = bounds.join(' AND ');
    all.push(range.nulls ? `((${within}) OR ${ident(range.column)} IS NULL)` : within);
  }
  const select = columns.map((column) => column.select(ident(column.name))).join(', ');
  const where = all.length > 0 ? ` WHERE ${all.join(' AND ')}` : '';
  const top = limit === null ? '' : ` FETCH FIRST ${limit} ROWS ONLY`;
  return { sql: `SELECT ${select} FROM ${fromSql(settings)}${where}${top}`, values };
}
