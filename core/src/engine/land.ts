import { join } from 'node:path';
import type { Engine, FormatReader, LocalFile } from '../model/component.ts';
import { SluiceError } from '../model/error.ts';
import type { Stream } from '../model/job.ts';
import { ident, literal, literalList } from '../model/sql.ts';
import { formatType } from '../model/type.ts';
import { masksAny, sourceMasks } from './mask.ts';
import { fileMap, placed, type RunFacts, typedSql } from './pipeline.ts';
import { FILE, RAW, REJECT, type StreamPlan } from './stream-plan.ts';

/** What a task wrote into its spool: typed rows with their marks, and the rows that could not be split into columns. */
export interface Landed {
  parts: string[];
  rejects: string[];
  /** Those that were skipped included. */
  rows_read: number;
  /** Rows that were left out before they were read, since none of their row group is wanted; the footer tells how many. */
  rows_skipped: number;
  /** Bad rows among the parts. */
  rows_marked: number;
  /** Rows that never became columns. */
  rows_unsplit: number;
  bytes_read: number;
  bytes_landed: number;
}

export interface LandInput {
  stream: Stream;
  plan: StreamPlan;
  reader: FormatReader;
  files: readonly LocalFile[];
  facts: RunFacts;
  /** Names the parts, so that tasks do not meet. */
  name: string;
  /** Rows to read at the most, for a preview. */
  limit?: number;
}

/** Lands files as typed Parquet parts with `_sluice_file`, `_sluice_row` and the mark of each bad row. */
export async function land(engine: Engine, input: LandInput): Promise<Landed> {
  const { stream, plan, reader, files, facts } = input;
  const skipBadRows = stream.on_bad_row !== 'fail';
  const scan = await reader.scan(files, plan.sniffed, plan.formatSettings, engine, {
    rowNumbers: plan.numbered,
    skipBadRows,
    ...(input.limit === undefined ? {} : { limit: input.limit }),
  });
  const part = join(engine.spool, `${input.name}.parquet`);
  // Where a bad row fails the stream anyway the first one may end the query; it is placed by a second look.
  const typed = typedSql(scan.sql, plan, files, facts, {
    mark: skipBadRows,
    hidden: true,
    rowNumbers: plan.numbered,
    masks: sourceMasks(stream),
  });
  const marked = skipBadRows
    ? typed
    : `SELECT *, NULL::VARCHAR AS ${ident(REJECT)}, NULL::VARCHAR AS ${ident(RAW)} FROM (${typed})`;
  const kept = await engine.changed(`COPY (${marked}) TO ${literal(part)} (FORMAT parquet, COMPRESSION lz4_raw)`);
  const rejects: string[] = [];
  let unsplit = 0;
  if (skipBadRows && scan.rejects !== null) {
    const file = join(engine.spool, `${input.name}.rejects.parquet`);
    unsplit = await engine.changed(
      `COPY (${unsplitSql(scan.rejects, files, masksAny(stream))}) TO ${literal(file)} (FORMAT parquet)`,
    );
    if (unsplit > 0) rejects.push(file);
  }
  const skipped = skippedRows(files);
  const [stats] = await engine.rows(
    `SELECT count(*) FILTER (WHERE ${ident(REJECT)} IS NOT NULL) AS marked FROM read_parquet(${literal(part)})`,
  );
  return {
    parts: [part],
    rejects,
    rows_read: kept + unsplit + skipped,
    rows_skipped: skipped,
    rows_marked: Number(stats?.marked ?? 0),
    rows_unsplit: unsplit,
    bytes_read: files.reduce((sum, f) => sum + f.size, 0),
    bytes_landed: await landedBytes(engine, part),
  };
}

function skippedRows(files: readonly LocalFile[]): number {
  return files.reduce((sum, file) => (file.skipped ?? []).reduce((n, [from, to]) => n + to - from, sum), 0);
}

async function landedBytes(engine: Engine, part: string): Promise<number> {
  const [row] = await engine.rows(
    `SELECT coalesce(sum(total_uncompressed_size), 0) AS bytes FROM parquet_metadata(${literal(part)})`,
  );
  return Number(row?.bytes ?? 0);
}

/** A row that is no columns cannot be masked column by column: where any is, its text stays behind. */
function unsplitSql(rejects: string, files: readonly LocalFile[], withhold: boolean): string {
  const text = withhold ? 'NULL::VARCHAR AS "row"' : '"row"';
  const again = files.some(({ row }) => row !== undefined);
  const place = again
    ? `${fileMap(files, ({ row }) => String(row ?? 'NULL'))}::BIGINT AS row_number, NULL::BIGINT AS byte_offset`
    : 'line AS row_number, byte_offset';
  return `SELECT code, reason, ${pathOf(files)} AS path, ${place}, ${text} FROM (${placed(rejects, false)}) AS unsplit`;
}

/** The source's own name of a row's file. */
export function pathOf(files: readonly { ordinal: number; name: string }[]): string {
  if (files.length === 0) return 'NULL::VARCHAR';
  const pairs = files.map((f) => `(${f.ordinal}, ${literal(f.name)})`).join(', ');
  return `(SELECT name FROM (VALUES ${pairs}) AS names(ordinal, name) WHERE ordinal = ${ident(FILE)})`;
}

/** The error of a row that breaks a declared type, with its place. */
export function badRow(stream: Stream, reject: string, path: string, row: number): SluiceError {
  const column = reject.slice(reject.indexOf(':') + 1);
  const code = reject.slice(0, reject.indexOf(':'));
  const rule = stream.columns.find((c) => c.name === column);
  const type = rule?.type ? ` ${formatType(rule.type)}` : '';
  const what = code === 'type/null' ? 'is empty, and nullable is false' : `does not fit its declared type${type}`;
  return new SluiceError(code, 'data', `${path}, row ${row}: ${column} ${what}`, {
    where: { stream: stream.name, path, row, column },
    hint: `Correct the value, or set \`on_bad_row: quarantine\` to set such rows aside${code === 'type/value' ? patternOf(rule) : ''}.`,
  });
}

/** Dates and times are read as ISO 8601 where no pattern is declared, which those who see them written otherwise have to be told. */
function patternOf(rule: Stream['columns'][number] | undefined): string {
  if (rule?.format) return ` (the pattern is ${rule.format})`;
  const timed = ['date', 'time', 'timestamp', 'timestamptz'].includes(rule?.type?.kind ?? '');
  return timed ? '; where it is not written as ISO 8601, give the column a `format` such as "%d/%m/%Y"' : '';
}

/** Rows of landed parts that passed, with their hidden columns. */
export function goodRows(parts: readonly string[]): string {
  return (
    `SELECT * EXCLUDE (${ident(REJECT)}, ${ident(RAW)}) FROM read_parquet(${literalList(parts)}) ` +
    `WHERE ${ident(REJECT)} IS NULL`
  );
}
