import type { Engine } from './engine.ts';
import { SluiceError } from './error.ts';
import { typedColumn } from './json-sql.ts';
import { literal } from './sql.ts';
import type { Column, DataType } from './type.ts';

const INFINITE = '_sluice_infinite:';

/** Dates in Parquet are counts of days or microseconds: infinity would be written as a day of a far year, and read as one. */
export function finiteSql(value: string, type: DataType, index: number): string {
  if (type.kind !== 'date' && type.kind !== 'timestamp' && type.kind !== 'timestamptz') return value;
  return `CASE WHEN isinf(${value}) THEN error(${literal(INFINITE + index)}) ELSE ${value} END`;
}

/** The error of a query whose column `finiteSql` found infinite, as `destination/bad-value` with row and column; any other as it is. */
export async function explainInfinite(
  error: unknown,
  engine: Engine,
  sql: string,
  columns: readonly Column[],
): Promise<unknown> {
  const index = new RegExp(`${INFINITE}(\\d+)`).exec((error as Error).message)?.[1];
  const column = index === undefined ? undefined : columns[Number(index)];
  return column ? infinite(engine, sql, column) : error;
}

async function infinite(engine: Engine, sql: string, column: Column): Promise<SluiceError> {
  const value = typedColumn(column.name, column.type);
  const [found] = await engine.rows(
    `SELECT n FROM (SELECT row_number() OVER () AS n, isinf(${value}) AS far FROM (${sql}) AS r) AS f WHERE far ORDER BY n LIMIT 1`,
  );
  const row = Number(found?.n ?? 0);
  return new SluiceError(
    'destination/bad-value',
    'data',
    `Row ${row}, column "${column.name}": Parquet has no ${column.type.kind} that is infinite.`,
    {
      where: { row, column: column.name },
      hint: `Take it out in a transform, such as CASE WHEN isfinite(${column.name}) THEN ${column.name} END, or set such rows aside with a check.`,
    },
  );
}
