import { mkdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { Add } from '../../delta/actions.ts';
import { partitionFolder, toUri } from '../../delta/paths.ts';
import { fileType, physicalType, type TableColumn } from '../../delta/types.ts';
import type { Engine } from '../../model/component.ts';
import { toDuckType } from '../../model/duck.ts';
import { SluiceError } from '../../model/error.ts';
import { explainInfinite, finiteSql } from '../../model/finite-sql.ts';
import { typedColumn } from '../../model/json-sql.ts';
import { ident, literal, literalList } from '../../model/sql.ts';
import type { Column } from '../../model/type.ts';
import { statsText, type ValueRange } from './stats.ts';

/** A data file that lies on this machine, with what the log will say of it. */
export interface NewFile {
  local: string;
  /** Below the table, with `/`. */
  path: string;
  rows: number;
  add: Add;
}

/** A column as the table wants it in its files. */
export type FileColumn = Pick<TableColumn, 'name' | 'type' | 'delta' | 'required'>;

export interface DataRequest {
  /** Yields `columns`, in any order. */
  sql: string;
  columns: readonly FileColumn[];
  /** A folder of the engine's; made where it is missing. */
  folder: string;
  /** What names of the files begin with: no other file's do. */
  name: string;
  partitionBy: readonly string[];
  /** Bytes after which a file ends, roughly; null: one file. */
  fileSize: number | null;
}

const PART = '_sluice_part';
const EMPTY = '_sluice_empty:';
const UNFIT = '_sluice_unfit:';
const NO_LIMIT = 1e15;

/**
 * Writes rows as Parquet files with their statistics; no file where there are no rows. Partition columns stand in the files too.
 * Throws `destination/bad-value` (data) for what Delta cannot hold, `destination/partition` (config) for a column that is no partition's.
 */
export async function writeData(engine: Pick<Engine, 'rows'>, request: DataRequest): Promise<NewFile[]> {
  const { columns, folder, partitionBy } = request;
  const parts = partitionBy.map((name) => columns.find((c) => c.name === name) ?? missing(name, columns));
  const items = columns.map((c, i) => `${held(c, i)} AS ${ident(c.name)}`);
  if (parts.length > 0) items.push(`md5(to_json([${parts.map((c) => notEmpty(c)).join(', ')}])::VARCHAR) AS ${PART}`);
  // The engine keeps a hundred files open: unordered rows of more partitions than that would end in many small files.
  const order = parts.length > 0 ? ` ORDER BY ${PART}` : '';
  const select = `SELECT ${items.join(', ')} FROM (${request.sql}) AS r${order}`;
  const written = await copy(engine, select, request, parts.length > 0).catch(async (error: unknown) => {
    throw refusedValue(error, columns) ?? (await explainInfinite(error, engine as Engine, request.sql, columns));
  });
  const kept = written.filter((file) => file.rows > 0);
  const values = parts.length > 0 ? await partitionValues(engine, kept, parts) : kept.map(() => ({}));
  const now = Date.now();
  const made: NewFile[] = [];
  for (const [i, file] of kept.entries()) {
    const of = values[i] ?? {};
    const own = `${request.name}-${String(i).padStart(5, '0')}.parquet`;
    const path = parts.length > 0 ? `${partitionFolder(of)}/${own}` : own;
    const local = join(folder, own);
    await rename(file.local, local);
    const stats = statsText(
      file.rows,
      columns.filter((c) => !partitionBy.includes(c.name)),
      file.ranges,
    );
    const add = {
      path: toUri(path),
      partitionValues: of,
      size: file.size,
      modificationTime: now,
      dataChange: true,
      stats,
    };
    made.push({ local, path, rows: file.rows, add });
  }
  return made;
}

interface Copied {
  local: string;
  rows: number;
  size: number;
  ranges: Map<string, ValueRange>;
}

/** Runs the engine's COPY, which says what is in each file that it made. */
async function copy(
  engine: Pick<Engine, 'rows'>,
  select: string,
  { folder, name, fileSize }: DataRequest,
  divided: boolean,
): Promise<Copied[]> {
  const options = 'FORMAT parquet, COMPRESSION zstd, RETURN_STATS true';
  const pattern = `FILENAME_PATTERN ${literal(`${name}-w{i}`)}, OVERWRITE_OR_IGNORE`;
  // A folder of its own: what stood in it before is none of these files.
  const into = join(folder, `${name}.d`);
  const layout = divided ? `PARTITION_BY (${PART}), ${pattern}` : `FILE_SIZE_BYTES ${fileSize ?? NO_LIMIT}, ${pattern}`;
  await mkdir(folder, { recursive: true });
  const rows = (await engine.rows(`COPY (${select}) TO ${literal(into)} (${options}, ${layout})`)) as unknown as Told[];
  return rows.map((row) => ({
    local: row.filename,
    rows: Number(row.count),
    size: Number(row.file_size_bytes),
    ranges: new Map(
      row.column_statistics.map(({ key, value }) => [
        key,
        Object.fromEntries(value.map((entry) => [entry.key, entry.value])) as ValueRange,
      ]),
    ),
  }));
}

interface Told {
  filename: string;
  count: string;
  file_size_bytes: string;
  column_statistics: { key: string; value: { key: string; value: string }[] }[];
}

async function partitionValues(
  engine: Pick<Engine, 'rows'>,
  files: readonly Copied[],
  parts: readonly Column[],
): Promise<Record<string, string | null>[]> {
  if (files.length === 0) return [];
  const texts = parts.map((c, i) => `any_value(${partitionText(ident(c.name), c)}) AS p${i}`);
  const rows = await engine.rows(
    `SELECT file_index::INTEGER AS f, ${texts.join(', ')} FROM read_parquet(${literalList(files.map((f) => f.local))}, hive_partitioning = false) GROUP BY ALL ORDER BY f`,
  );
  const byFile = new Map(rows.map((row) => [Number(row.f), row]));
  return files.map((_, i) =>
    Object.fromEntries(parts.map((c, p) => [c.name, (byFile.get(i)?.[`p${p}`] as string | null | undefined) ?? null])),
  );
}

/** A value's text as the protocol writes partition values. */
function partitionText(value: string, column: Column): string {
  switch (column.type.kind) {
    case 'timestamp':
      return `strftime(${value}, '%Y-%m-%d %H:%M:%S.%f')`;
    case 'timestamptz':
      return `strftime(CAST(${value} AS TIMESTAMP), '%Y-%m-%dT%H:%M:%S.%fZ')`;
    case 'binary':
    case 'list':
    case 'struct':
      throw new SluiceError(
        'destination/partition',
        'config',
        `Column "${column.name}" is ${column.type.kind}: Delta has no partitions of it.`,
        { where: { column: column.name }, hint: 'Partition by a column of plain values, such as a date.' },
      );
    default:
      return `CAST(${value} AS VARCHAR)`;
  }
}

/** An empty text would be read as null: Delta writes both alike. */
function notEmpty(column: Column): string {
  const text = partitionText(typedColumn(column.name, column.type), column);
  if (column.type.kind !== 'text') return text;
  return `CASE WHEN ${text} = '' THEN error(${literal(`${EMPTY}${column.name}`)}) ELSE ${text} END`;
}

/** A value as the file holds it: one that the table's own type would change, or a null where none may be, ends the query. */
function held(column: FileColumn, index: number): string {
  const { type, delta, required } = column;
  const value = finiteSql(typedColumn(column.name, type), type, index);
  const target = fileType(delta, type);
  const fail = `error(${literal(`${UNFIT}${index}`)})`;
  const isNarrow = typeof delta === 'string' && target !== toDuckType(physicalType(type));
  const kept = `CAST(TRY_CAST(${value} AS ${target}) AS ${toDuckType(type)}) IS NOT DISTINCT FROM ${value}`;
  const cast = isNarrow
    ? `CASE WHEN ${kept} THEN TRY_CAST(${value} AS ${target}) ELSE ${fail} END`
    : `CAST(${value} AS ${target})`;
  return required ? `coalesce(${cast}, ${fail})` : cast;
}

function refusedValue(error: unknown, columns: readonly FileColumn[]): SluiceError | null {
  const { message } = error as Error;
  const index = new RegExp(`${UNFIT}(\\d+)`).exec(message)?.[1];
  const unfit = index === undefined ? undefined : columns[Number(index)];
  if (unfit) {
    const { name, delta, required } = unfit;
    const why = required ? 'a null, which the table does not allow' : `a value that the table's ${delta} cannot hold`;
    return new SluiceError('destination/bad-value', 'data', `Column "${name}" holds ${why}.`, {
      where: { column: name },
      hint: 'Set such rows aside with a check, or change the column in the table.',
    });
  }
  const column = new RegExp(`${EMPTY}([^\\n]*)`).exec(message)?.[1];
  if (column === undefined) return null;
  return new SluiceError(
    'destination/bad-value',
    'data',
    `Column "${column}" holds an empty text: as a partition's value Delta reads it as null.`,
    { where: { column }, hint: `Make it null or another text in a transform, such as nullif(${column}, '').` },
  );
}

function missing(name: string, columns: readonly Column[]): never {
  throw new SluiceError('destination/partition', 'config', `The rows have no column "${name}" to partition by.`, {
    where: { column: name },
    hint: `Name columns as they are after the transforms: ${columns.map((c) => c.name).join(', ')}.`,
  });
}
