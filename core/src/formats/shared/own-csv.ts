import type { LocalFile, RawColumn } from '../../model/component.ts';
import { ident, literal } from '../../model/sql.ts';

/** Bytes that a buffer has beyond its file's, so that it is never filled, and the most that short rows need. */
const SLACK = 64 * 1024;
const BUFFER = 32 * 1024 * 1024;

/** A file of the spool that `Writer` wrote: lines of values in quotes, empty ones without quotes for NULL. */
export interface OwnCsv {
  path: string;
  /** Bytes of the file, and of its longest line. */
  size: number;
  longest: number;
}

/** The read_csv call over such a file; `types` are the columns' engine types by name, in the file's order. */
export function ownCsvSql(file: OwnCsv, types: Readonly<Record<string, string>>): string {
  // A buffer is allocated whole, so small files get a small one; a long row must fit in twice.
  const size = file.size + SLACK;
  const line = Math.min(size, Math.max(SLACK, file.longest * 2));
  const columns = Object.entries(types).map(([name, type]) => `${name}: ${literal(type)}`);
  const options = [
    'auto_detect=false',
    'header=false',
    "delim=','",
    `quote='"'`,
    `escape='"'`,
    "nullstr=['']",
    'allow_quoted_nulls=false',
    'parallel=false',
    `max_line_size=${line}`,
    `buffer_size=${Math.min(size, Math.max(BUFFER, line * 2))}`,
    "new_line='\\n'",
    `columns={${columns.join(', ')}}`,
  ];
  return `read_csv(${literal(file.path)}, ${options.join(', ')})`;
}

/** The part of a scan's SELECT for a file whose raw columns stand in such a file, in their order; those of JSON as its text. */
export function rawRowsSql(
  file: LocalFile,
  written: OwnCsv,
  columns: readonly RawColumn[],
  rowNumbers: boolean,
): string {
  const items = columns.map(
    ({ name, type }, i) => `${type?.kind === 'json' ? `c${i}::JSON` : `c${i}`} AS ${ident(name)}`,
  );
  items.push(`${file.ordinal}::INTEGER AS "_file"`);
  if (rowNumbers) items.push('n::BIGINT AS "_row"');
  return `SELECT ${items.join(', ')} FROM ${ownCsvSql(written, numberedText(columns.length))}`;
}

/** Types of `count` columns of text, c0 and on, and of the row's number behind them. */
export function numberedText(count: number): Record<string, string> {
  const names = Array.from({ length: count }, (_, i) => `c${i}`);
  return Object.fromEntries([...names, 'n'].map((name) => [name, 'VARCHAR']));
}
