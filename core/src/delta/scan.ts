import { toDuckType } from '../model/duck.ts';
import { SluiceError } from '../model/error.ts';
import { ident, literal, literalList } from '../model/sql.ts';
import type { DataType } from '../model/type.ts';
import { type DeltaType, physicalName, physicalType, type TableColumn } from './types.ts';

/** A data file that the engine can read. */
export interface ScanFile {
  path: string;
  /** Texts of its partition values by the columns' physical names. */
  partition: Readonly<Record<string, string | null>>;
  /** Numbers of rows that do not count, from 0. */
  deleted?: readonly number[];
  /** What stands for the file in the column `ScanOptions.file`; its place in the list where left out. */
  ordinal?: number;
}

export interface ScanOptions {
  /** Name of a column with the file's number. */
  file?: string;
  /** Name of a column with the row's number in its file, from 1, as the file counts. */
  row?: string;
}

type Rows = (sql: string) => Promise<Record<string, unknown>[]>;

/** The engine's own columns beside a file's. */
const VIRTUAL = new Set(['file_row_number', 'file_index', 'filename']);

/**
 * A SELECT of a table's columns, under their names and with the types of the job language, over its files: columns that a file
 * does not have are null, partition values come from the log, deleted rows are left out. `rows` looks at the files' schemas.
 */
export async function tableSql(
  rows: Rows,
  files: readonly ScanFile[],
  columns: readonly TableColumn[],
  options: ScanOptions = {},
): Promise<string> {
  const taken = columns.find((c) => VIRTUAL.has(c.physical.toLowerCase()));
  if (taken) throw takenName(taken.name);
  const indexed = files.map((file, index) => ({ file, index }));
  const parts: string[] = [];
  for (const some of [
    indexed.filter(({ file }) => !file.deleted?.length),
    indexed.filter(({ file }) => file.deleted?.length),
  ])
    if (some.length > 0) parts.push(await groupSql(rows, some, columns, options));
  return parts.length > 0 ? parts.join(' UNION ALL ') : emptySql(columns, options);
}

async function groupSql(
  rows: Rows,
  group: readonly { file: ScanFile; index: number }[],
  columns: readonly TableColumn[],
  options: ScanOptions,
): Promise<string> {
  const from = `read_parquet(${literalList(group.map(({ file }) => file.path))}, union_by_name = true, hive_partitioning = false)`;
  const described = await rows(`DESCRIBE SELECT * FROM ${from}`);
  const known = new Set(described.map((row) => String(row.column_name).toLowerCase()));
  const items = columns.map((column) => {
    const type = toDuckType(column.type);
    const value = column.partition
      ? partitionValue(
          group.map(({ file }) => file.partition[column.physical] ?? null),
          column.type,
        )
      : known.has(column.physical.toLowerCase())
        ? fileValue(ident(column.physical), column.delta, column.type)
        : `CAST(NULL AS ${type})`;
    return `${value} AS ${ident(column.name)}`;
  });
  const places = group.map(({ file, index }) => file.ordinal ?? index);
  const place =
    places.length === 1
      ? `${places[0]}::INTEGER`
      : `list_extract([${places.join(', ')}], file_index::BIGINT + 1)::INTEGER`;
  if (options.file) items.push(`${place} AS ${ident(options.file)}`);
  if (options.row) items.push(`(file_row_number + 1)::BIGINT AS ${ident(options.row)}`);
  return `SELECT ${items.join(', ')} FROM ${from}${butDeleted(group.map(({ file }) => file.deleted ?? []))}`;
}

/** The log's text of a partition value as its type; an empty text is null there. */
function partitionValue(texts: readonly (string | null)[], type: DataType): string {
  const values = texts.map((text) => (text === null || text === '' ? 'NULL' : literal(text)));
  const [first = 'NULL'] = values;
  const one = values.every((value) => value === first)
    ? first
    : `list_extract([${values.join(', ')}]::VARCHAR[], file_index::BIGINT + 1)`;
  return `CAST(${one} AS ${toDuckType(type)})`;
}

/** What a file holds as the job language's value. Fields of structs may have other names in the file, or be missing in it. */
export function fileValue(value: string, delta: DeltaType, type: DataType): string {
  const mapped = renamed(delta);
  const plain = mapped ? byNames(value, delta, 0) : value;
  if (typeof delta !== 'string' && delta.type === 'map') return `to_json(${plain})`;
  const physical = toDuckType(physicalType(type));
  const own = toDuckType(type);
  // A file may hold a narrower type than the table has now.
  const held = `CAST(${plain} AS ${physical})`;
  return physical === own ? held : `CAST(${held} AS ${own})`;
}

function renamed(delta: DeltaType): boolean {
  if (typeof delta === 'string') return false;
  if (delta.type === 'struct') return delta.fields.some((f) => physicalName(f) !== f.name || renamed(f.type));
  return delta.type === 'array' && renamed(delta.elementType);
}

function byNames(value: string, delta: DeltaType, depth: number): string {
  if (typeof delta === 'string' || !renamed(delta)) return value;
  if (delta.type === 'array') {
    const item = `x${depth}`;
    return `list_transform(${value}, lambda ${item}: ${byNames(item, delta.elementType, depth + 1)})`;
  }
  if (delta.type !== 'struct') return value;
  const fields = delta.fields.map(
    (f) => `${ident(f.name)} := ${byNames(`struct_extract(${value}, ${literal(physicalName(f))})`, f.type, depth)}`,
  );
  return `CASE WHEN ${value} IS NOT NULL THEN struct_pack(${fields.join(', ')}) END`;
}

/** Rows of more files than this one are told apart by their number and the file's. */
const FILE_STEP = 2 ** 40;

function butDeleted(deleted: readonly (readonly number[])[]): string {
  const keys = deleted.flatMap((rows, file) => rows.map((row) => file * FILE_STEP + row));
  if (keys.length === 0) return '';
  const list = `SELECT unnest([${keys.join(', ')}]::BIGINT[]) AS _sluice_gone`;
  return ` ANTI JOIN (${list}) AS gone ON file_index::BIGINT * ${FILE_STEP} + file_row_number = gone._sluice_gone`;
}

function emptySql(columns: readonly TableColumn[], options: ScanOptions): string {
  const items = columns.map((c) => `CAST(NULL AS ${toDuckType(c.type)}) AS ${ident(c.name)}`);
  if (options.file) items.push(`NULL::INTEGER AS ${ident(options.file)}`);
  if (options.row) items.push(`NULL::BIGINT AS ${ident(options.row)}`);
  return `SELECT ${items.join(', ')} WHERE false`;
}

function takenName(name: string): SluiceError {
  return new SluiceError('format/column-name', 'config', `A Delta table with a column ${name} cannot be read`, {
    where: { column: name },
    hint: 'The engine uses that name itself: rename the column in the table.',
  });
}
