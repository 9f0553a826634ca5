import type { Engine } from './engine.ts';
import { SluiceError } from './error.ts';
import { typedColumn } from './json-sql.ts';
import { literal } from './sql.ts';
import type { Column, DataType } from './type.ts';

const INFINITE = '_sluice_infinite:';

/** Dates in Parquet and Arrow are counts of days or microseconds: infinity would be written as a day of a far year, and read as one. */
export function finiteSql(value: string, type: DataType, index: number): string {
  if (!isMoment(type)) return value;
  return `CASE WHEN isinf(${value}) THEN error(${literal(INFINITE + index)}) ELSE ${value} END`;
}

/**
 * The error of a query whose column `finiteSql` found infinite, as `destination/bad-value` with row and column; any other as it is.
 * `format`: the name that users know.
 */
export async function explainInfinite(
  error: unknown,
  engine: Engine,
  sql: string,
  columns: readonly Column[],
  format = 'Parquet',
): Promise<unknown> {
  const index = new RegExp(`${INFINITE}(\\d+)`).exec((error as Error).message)?.[1];
  const column = index === undefined ? undefined : columns[Number(index)];
  return column ? infinite(engine, sql, column, format) : error;
}

function isMoment(type: DataType): boolean {
  return type.kind === 'date' || type.kind === 'timestamp' || type.kind === 'timestamptz';
}

async function infinite(engine: Engine, sql: string, { name, type }: Column, format: string): Promise<SluiceError> {
  const far = farSql(typedColumn(name, type), type, 0);
  const [found] = await engine.rows(
    `SELECT n FROM (SELECT row_number() OVER () AS n, ${far} AS far FROM (${sql}) AS r) AS f WHERE far ORDER BY n LIMIT 1`,
  );
  const row = Number(found?.n ?? 0);
  const kind = isMoment(type) ? type.kind : 'date or time';
  const taken = isMoment(type) ? `, such as CASE WHEN isfinite(${name}) THEN ${name} END,` : '';
  return new SluiceError(
    'destination/bad-value',
    'data',
    `Row ${row}, column "${name}": ${format} has no ${kind} that is infinite.`,
    {
      where: { row, column: name },
      hint: `Take it out in a transform${taken} or set such rows aside with a check.`,
    },
  );
}

/** Whether a value is infinite or holds one that is. */
function farSql(value: string, type: DataType, depth: number): string {
  if (isMoment(type)) return `coalesce(isinf(${value}), false)`;
  if (type.kind === 'list') {
    const item = `x${depth}`;
    return `coalesce(len(list_filter(${value}, lambda ${item}: ${farSql(item, type.item, depth + 1)})) > 0, false)`;
  }
  if (type.kind !== 'struct') return 'false';
  const fields = type.fields.map((f) => farSql(`struct_extract(${value}, ${literal(f.name)})`, f.type, depth));
  return `(${fields.join(' OR ')})`;
}
