import type { RowRange } from '../../model/component.ts';
import { literal } from '../../model/sql.ts';
import { type Part, partsBetween, textsBetween } from '../shared/ranges.ts';
import { bracketed, tableOrQuery, tableParts } from '../shared/table-name.ts';
import type { ReadColumn } from './types.ts';

export interface ReadSettings {
  table?: string;
  query?: string;
  where?: string;
  partition_on?: string;
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
  part: string | null = null,
): { sql: string; values: string[] } {
  const all = settings.where === undefined ? [] : [bracketed(settings.where)];
  if (part !== null) all.push(part);
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

/** The least and the greatest value of a column, as texts. */
export function endsSql(settings: ReadSettings, column: ReadColumn): string {
  const name = quoted(column.name);
  const where = settings.where === undefined ? '' : ` WHERE ${bracketed(settings.where)}`;
  const ends = ['MIN', 'MAX'].map((end) => column.select(`${end}(${name})`));
  return `SELECT ${ends[0]} AS low, ${ends[1]} AS high FROM ${fromSql(settings)}${where}`;
}

/** Parts between the ends of a column, one where it has no value. */
export function partsOf(
  column: ReadColumn,
  ends: { low: unknown; high: unknown },
  count: number,
  bytes: number | null,
): Part[] {
  const isKnown = ends.low !== null && ends.high !== null && count > 1;
  const texts = isKnown ? textsBetween(column.type?.kind ?? '', String(ends.low), String(ends.high), count) : [];
  const bounds = (texts ?? []).map((text) => `CAST(${literal(text)} AS ${column.bind})`);
  return partsBetween(quoted(column.name), bounds, bytes);
}

/**
 * Whether nobody can write to a table's database, so that every session sees the same rows: it is read only, or a snapshot of another.
 * Sessions of SQL Server cannot share a moment otherwise.
 */
export function stillSql(table: string): [sql: string, values: string[]] {
  const [, , database] = [...tableParts(table, 3)].reverse();
  const sql = `SELECT CASE WHEN is_read_only = 1 OR source_database_id IS NOT NULL THEN 1 ELSE 0 END AS still FROM sys.databases
  WHERE database_id = DB_ID(${database === undefined ? '' : '@p0'})`;
  return [sql, database === undefined ? [] : [database]];
}

/** Bytes of a table's rows as the server counts them. */
export const SIZE = `SELECT SUM(used_page_count) * 8192 AS n FROM sys.dm_db_partition_stats WHERE object_id = OBJECT_ID(@p0) AND index_id < 2`;
