import { columnAt } from '../connectors/shared/columns.ts';
import { scanSql } from '../formats/shared/scan-sql.ts';
import type { FormatReader, RawColumn, Sniffed } from '../model/component.ts';
import { ident, literal } from '../model/sql.ts';

/** What the plan calls the files of a source of columns: no format of a job has this name. */
export const COLUMNS = 'columns';

/** The reading of a source's columns, which knows their types without a look at any row. */
export function sniffedColumns(columns: readonly RawColumn[]): Sniffed {
  return { dialect: {}, columns: [...columns], evidence: [] };
}

/** Reads the files that sources of columns write; see `connectors/shared/columns.ts`. */
export const columnsReader: FormatReader = {
  sniff() {
    throw new Error('columns are described by their source');
  },

  async scan(files, sniffed, _settings, _engine, options) {
    const { columns } = sniffed;
    const named = columns.map(({ name, type }, i) => {
      // Parquet holds JSON as text.
      const value = type?.kind === 'json' ? `${columnAt(i)}::JSON` : columnAt(i);
      return `${value} AS ${ident(name)}`;
    });
    const parts = files.map((file) => {
      const row = options.rowNumbers ? [`file_row_number + 1 AS "_row"`] : [];
      const items = [...named, `${file.ordinal}::INTEGER AS "_file"`, ...row].join(', ');
      return `SELECT ${items} FROM read_parquet(${literal(file.path)}, file_row_number = ${options.rowNumbers})`;
    });
    return { sql: scanSql(parts, columns, options), rejects: null };
  },

  async explain() {
    return null;
  },
};
