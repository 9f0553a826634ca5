import type { Add } from '../../delta/actions.ts';
import type { TableColumn } from '../../delta/types.ts';
import { toDuckType } from '../../model/duck.ts';
import { ident, literal } from '../../model/sql.ts';
import type { DataType } from '../../model/type.ts';
import type { LocalEngine } from '../shared/duck-instance.ts';

/** Types whose bounds every writer states so that nothing lies beyond them. Of times some cut digits off. */
const BOUNDED: ReadonlySet<DataType['kind']> = new Set(['int', 'bigint', 'decimal', 'date', 'text']);

/**
 * Of some files those that may hold a row with one of the keys of the relation `rows`, by their partition values and statistics;
 * a file without statistics may hold any.
 */
export async function filesThatMayHold(
  engine: LocalEngine,
  files: readonly Add[],
  keys: readonly TableColumn[],
  rows: string,
): Promise<Add[]> {
  const columns = keys.filter((key) => key.partition || BOUNDED.has(key.type.kind));
  if (columns.length === 0 || files.length < 2) return [...files];
  const stats = files.map(({ stats }) => (stats ? literal(stats) : 'NULL')).join(', ');
  const listed = [`unnest(range(${files.length}))::INTEGER AS i`, `unnest([${stats}]::VARCHAR[]) AS stats`];
  const tests: string[] = [];
  const bounds: string[] = [];
  for (const [n, key] of columns.entries()) {
    const type = toDuckType(key.type);
    const name = ident(key.name);
    if (key.partition) {
      const values = files.map(({ partitionValues: of }) => textOrNull(of[key.physical])).join(', ');
      listed.push(`unnest([${values}]::VARCHAR[]) AS p${n}`);
      tests.push(`coalesce(CAST(p${n} AS ${type}) IN (SELECT ${name} FROM ${rows}), false)`);
      continue;
    }
    bounds.push(`min(${name}) AS lo${n}, max(${name}) AS hi${n}`);
    const bound = (side: string) =>
      `TRY_CAST(json_extract_string(stats, ${literal(pointer(side, key.physical))}) AS ${type})`;
    tests.push(`coalesce(${bound('maxValues')} >= lo${n}, true)`, `coalesce(${bound('minValues')} <= hi${n}, true)`);
  }
  const range = bounds.length > 0 ? `, (SELECT ${bounds.join(', ')} FROM ${rows}) AS r` : '';
  const found = await engine.rows(
    `SELECT i FROM (SELECT ${listed.join(', ')}) AS f${range} WHERE ${tests.join(' AND ')} ORDER BY i`,
  );
  return found.flatMap(({ i }) => files[Number(i)] ?? []);
}

function textOrNull(text: string | null | undefined): string {
  return text === null || text === undefined || text === '' ? 'NULL' : literal(text);
}

/** Where a column's bound stands in the statistics (RFC 6901). */
function pointer(side: string, name: string): string {
  return `/${side}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`;
}
