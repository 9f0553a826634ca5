import type { Engine, FormatWriter, WriteRequest } from '../../model/component.ts';
import { SluiceError } from '../../model/error.ts';
import { typedColumn } from '../../model/json-sql.ts';
import { ident, literal, literalList } from '../../model/sql.ts';
import type { Column, DataType } from '../../model/type.ts';
import { copyToFiles } from '../shared/copy.ts';

const INFINITE = '_sluice_infinite:';

/** Parquet with logical types and zstd. */
export const parquetWriter: FormatWriter = {
  extension: '.parquet',

  async write(engine, request) {
    const values = request.columns.map(
      (c, i) => `${finite(typedColumn(c.name, c.type), c.type, i)} AS ${ident(c.name)}`,
    );
    const select = `SELECT ${values.join(', ')} FROM (${request.sql}) AS r`;
    const keep = request.partitionBy.length > 0 ? ', WRITE_PARTITION_COLUMNS true' : '';
    try {
      return await copyToFiles(engine, select, request, `FORMAT parquet, COMPRESSION zstd${keep}`, this.extension);
    } catch (error) {
      const index = new RegExp(`${INFINITE}(\\d+)`).exec((error as Error).message)?.[1];
      const column = index === undefined ? undefined : request.columns[Number(index)];
      throw column ? await infinite(engine, request, column) : error;
    }
  },

  read(files, columns) {
    const names = columns.map((c) => ident(c.name)).join(', ');
    return `SELECT ${names} FROM read_parquet(${literalList(files)}, hive_partitioning = false)`;
  },
};

/** Dates in Parquet are counts of days or microseconds: infinity would be written as a day of a far year, and read as one. */
function finite(value: string, type: DataType, index: number): string {
  if (type.kind !== 'date' && type.kind !== 'timestamp' && type.kind !== 'timestamptz') return value;
  return `CASE WHEN isinf(${value}) THEN error(${literal(INFINITE + index)}) ELSE ${value} END`;
}

async function infinite(engine: Engine, request: WriteRequest, column: Column): Promise<SluiceError> {
  const value = typedColumn(column.name, column.type);
  const [found] = await engine.rows(
    `SELECT n FROM (SELECT row_number() OVER () AS n, isinf(${value}) AS far FROM (${request.sql}) AS r) AS f WHERE far ORDER BY n LIMIT 1`,
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
