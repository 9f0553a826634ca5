import type { RowRange } from '../../model/component.ts';
import { ident, literal } from '../../model/sql.ts';
import { patternParts } from '../../model/table-pattern.ts';
import { type Part, partsBetween, textsBetween } from '../shared/ranges.ts';
import { bracketed, tableOrQuery, tableParts } from '../shared/table-name.ts';
import type { ReadColumn } from './types.ts';

export interface ReadSettings {
  table?: string;
  query?: string;
  where?: string;
  partition_on?: string;
}

/** The parts of a table's name as the server keeps them: upper case where they stand without quotes. */
export function oracleParts(table: string): string[] {
  const parts = tableParts(table, 2);
  const written = patternParts(table);
  return parts.map((part, i) => (written[i]?.trim().startsWith('"') ? part : part.toUpperCase()));
}

/** `moment`: the system change number that is read as of. */
export function fromSql(settings: ReadSettings, moment: string | null = null): string {
  const what = tableOrQuery(settings);
  return 'table' in what
    ? `${ident(...oracleParts(what.table))}${moment === null ? '' : ` AS OF SCN ${moment}`} t`
    : `${bracketed(what.query)} t`;
}

/** The statement that reads, with the texts to bind. */
export function readSql(
  settings: ReadSettings,
  columns: readonly ReadColumn[],
  range: RowRange | null,
  limit: number | null,
  { part = null, moment = null }: { part?: string | null; moment?: string | null } = {},
): { sql: string; values: Record<string, string> } {
  const all = settings.where === undefined ? [] : [bracketed(settings.where)];
  if (part !== null) all.push(part);
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
  return { sql: `SELECT ${select} FROM ${fromSql(settings, moment)}${where}${top}`, values };
}

/** Whether rows can be divided by a column, by the kind that counts. */
export function kindOf({ type, guess }: ReadColumn): string {
  return (type ?? guess)?.kind ?? '';
}

/** The least and the greatest value of a column, as texts. */
export function endsSql(settings: ReadSettings, column: ReadColumn, moment: string): string {
  const where = settings.where === undefined ? '' : ` WHERE ${bracketed(settings.where)}`;
  const isTime = /^(date|timestamp)/.test(kindOf(column));
  const ends = ['MIN', 'MAX'].map((end) => `${end}(${ident(column.name)})`);
  const texts = ends.map((end) => (isTime ? column.select(end) : `TO_CHAR(FLOOR(${end}))`));
  return `SELECT ${texts.join(', ')} FROM ${fromSql(settings, moment)}${where}`;
}

/** Parts between the ends of a column, one where it has no value. */
export function partsOf(
  column: ReadColumn,
  [low, high]: readonly (string | null)[],
  count: number,
  bytes: number | null,
): Part[] {
  const texts = low && high && count > 1 ? textsBetween(kindOf(column), low, high, count) : [];
  return partsBetween(
    ident(column.name),
    (texts ?? []).map((text) => column.bind(literal(text))),
    bytes,
  );
}

/** The number of this moment. The second asks for no right, but tells a moment that may lie three seconds back. */
export const MOMENTS = [
  'SELECT TO_CHAR(DBMS_FLASHBACK.GET_SYSTEM_CHANGE_NUMBER) FROM dual',
  'SELECT TO_CHAR(TIMESTAMP_TO_SCN(SYSTIMESTAMP)) FROM dual',
];
/** Bytes of a table's rows as the server last counted them. */
export const SIZE = `SELECT num_rows * avg_row_len FROM all_tables
  WHERE table_name = :name AND owner = COALESCE(:owner, SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA'))`;
