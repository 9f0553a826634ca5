import type { ColumnBuffer } from '../../columnar/column.ts';
import { ColumnFile } from '../../columnar/file.ts';
import type { FormatReader, LocalFile } from '../../model/component.ts';
import { literal } from '../../model/sql.ts';
import type { Column } from '../../model/type.ts';
import { declaredReader } from './decoded.ts';

/** As `RowDecoder`, for a format whose values are bytes that can be put into columns as they are. */
export interface ColumnDecoder {
  /** The columns of a file, by its head: each of a type that `ColumnFile` writes. Throws `format/*`. */
  columns(file: LocalFile): Promise<Column[]>;
  /**
   * Puts every row's values into the columns, calls `row` behind each, and ends where that gives false. `between` is awaited
   * after each piece, so that memory is bounded by it. Throws `format/*`.
   */
  rows(
    file: LocalFile,
    columns: readonly ColumnBuffer[],
    row: () => boolean,
    between: (bytes: number) => Promise<void>,
  ): Promise<void>;
}

/** A reader that moves a file's values into columns in the spool, from where the engine reads them as the types that they have. */
export function columnReader(decoder: ColumnDecoder): FormatReader {
  return declaredReader({
    columns: (file) => decoder.columns(file),
    async spool(file, own, base, limit, onBytes) {
      const path = `${base}.parquet`;
      const columns = own.map(({ type }, i) => ({ name: `c${i}`, type }));
      const to = await ColumnFile.create(path, [...columns, { name: 'n', type: { kind: 'bigint' } }]);
      const number = to.columns[own.length] as ColumnBuffer;
      let rows = 0;
      try {
        await decoder.rows(
          file,
          to.columns,
          () => {
            number.whole(++rows);
            return rows < limit;
          },
          async (bytes) => {
            onBytes(bytes);
            if (to.full) await to.flush();
          },
        );
        await to.finish();
      } catch (error) {
        await to.discard();
        throw error;
      }
      return {
        from: `read_parquet(${literal(path)}, hive_partitioning = false)`,
        value: (place) => (own[place]?.type.kind === 'json' ? `c${place}::JSON` : `c${place}`),
      };
    },
  });
}
