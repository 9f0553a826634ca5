import type { RawColumn } from '../../model/component.ts';
import { toDuckType } from '../../model/duck.ts';
import { ident } from '../../model/sql.ts';

/** One SELECT of a scan's parts, with the columns that every scan has where there are none; `limit`: rows at the most. */
export function scanSql(
  parts: readonly string[],
  columns: readonly RawColumn[],
  options: { rowNumbers: boolean; limit?: number },
): string {
  const all = parts.length > 0 ? parts.join(' UNION ALL ') : emptySql(columns, options.rowNumbers);
  return options.limit === undefined ? all : `SELECT * FROM (${all}) LIMIT ${options.limit}`;
}

function emptySql(columns: readonly RawColumn[], rowNumbers: boolean): string {
  const items = columns.map(({ name, type }) => `NULL::${toDuckType(type ?? { kind: 'text' })} AS ${ident(name)}`);
  items.push('NULL::INTEGER AS "_file"');
  if (rowNumbers) items.push('NULL::BIGINT AS "_row"');
  return `SELECT ${items.join(', ')} WHERE false`;
}
