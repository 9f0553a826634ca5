import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { guardedCast, plainRule } from '../../engine/typing/cast.ts';
import { widerType } from '../../engine/typing/widen.ts';
import type { FormatReader, LocalFile, RawColumn } from '../../model/component.ts';
import { toDuckType } from '../../model/duck.ts';
import { SluiceError } from '../../model/error.ts';
import { ident, literal } from '../../model/sql.ts';
import { type Column, type DataType, formatType, sameType } from '../../model/type.ts';
import { distinctNames, key } from './names.ts';
import { numberedText, ownCsvSql } from './own-csv.ts';
import { scanSql } from './scan-sql.ts';
import { FLUSH, Writer } from './writer.ts';

/** Takes a row's values in the order of the file's columns, as the text that the engine casts; false: enough. */
export type TakeRow = (values: readonly (string | null)[]) => boolean;

/** What a format of typed rows that the engine cannot read itself has to know. */
export interface RowDecoder {
  /** The columns of a file, by its head. Throws `format/*`. */
  columns(file: LocalFile): Promise<Column[]>;
  /** Gives every row; `between` is awaited after each piece, so that memory is bounded by it. Throws `format/*`. */
  rows(file: LocalFile, take: TakeRow, between: (bytes: number) => Promise<void>): Promise<void>;
}

const LOSSY = 'sluice-changed:';
const TEXT: DataType = { kind: 'text' };

let made = 0;

/** A file's rows in the spool, as the engine reads them. */
export interface SpooledRows {
  /** What stands behind FROM; `n` is the row's number, from 1. */
  from: string;
  /** The value of a column of the file by its place. */
  value(place: number): string;
}

/** What a reader of typed rows that the engine cannot read itself is made of. */
export interface DeclaredFormat {
  /** The columns of a file, by its head. Throws `format/*`. */
  columns(file: LocalFile): Promise<Column[]>;
  /** Writes rows up to a limit into the spool, under `path` and an ending. Throws `format/*`. */
  spool(
    file: LocalFile,
    own: readonly Column[],
    path: string,
    limit: number,
    onBytes: (count: number) => void,
  ): Promise<SpooledRows>;
}

/** A reader that writes a file's rows as text into the spool, from where the engine reads them with the types that the file declares. */
export function decodedReader(decoder: RowDecoder): FormatReader {
  return declaredReader({
    columns: (file) => decoder.columns(file),
    async spool(file, own, path, limit, onBytes) {
      const written = await writeRows(decoder, file, `${path}.csv`, limit, onBytes);
      return {
        from: ownCsvSql({ path: `${path}.csv`, ...written }, numberedText(own.length)),
        value: (place) => castSql(`c${place}`, own[place]?.type ?? TEXT),
      };
    },
  });
}

/** A reader of rows that lie in the spool. Files are matched by column names; a column that a file lacks is NULL there. */
export function declaredReader(format: DeclaredFormat): FormatReader {
  return {
    async sniff(files) {
      const columns = new Map<string, Column & { file: LocalFile }>();
      const evidence: string[] = [];
      let before = '';
      for (const file of files) {
        const own = named(await format.columns(file));
        const text = own.map((column) => `${column.name} ${formatType(column.type)}`).join(', ');
        if (text !== before) evidence.push(`${file.name}: ${text}`);
        before = text;
        for (const column of own) {
          const known = columns.get(key(column.name));
          const type = known ? commonType(known, { ...column, file }) : column.type;
          columns.set(key(column.name), { name: known?.name ?? column.name, type, file: known?.file ?? file });
        }
      }
      return { dialect: {}, columns: [...columns.values()].map(({ name, type }) => ({ name, type })), evidence };
    },

    async scan(files, sniffed, _settings, engine, options) {
      const parts: string[] = [];
      for (const file of files) {
        const own = named(await format.columns(file));
        refuseNew(file, own, sniffed.columns);
        const path = join(engine.spool, `rows-${process.pid}-${made++}`);
        const limit = options.limit ?? Number.POSITIVE_INFINITY;
        const rows = await format.spool(file, own, path, limit, (count) => engine.readBytes?.(count));
        parts.push(partSql(file, own, sniffed.columns, rows, options.rowNumbers));
      }
      return { sql: scanSql(parts, sniffed.columns, options), rejects: null };
    },

    async explain(error, files) {
      const found = new RegExp(`${LOSSY}(\\d+):([^\\n]*)`).exec(error.message);
      if (!found) return null;
      const file = files.find(({ ordinal }) => ordinal === Number(found[1]));
      const column = found[2] ?? '';
      return new SluiceError(
        'format/schema-conflict',
        'data',
        `${file?.name ?? 'A file'}: a value of ${column} cannot be kept under the column's common type`,
        {
          where: { ...(file ? { path: file.name } : {}), column },
          hint: 'Types of one column differ between files. Write the files with one type.',
        },
      );
    },
  };
}

/**
 * A SELECT of these columns of files that our own writer made, for a look; their rows are written as text into `folder`, where
 * they have to stay as long as it is used.
 */
export async function decodedSql(
  decoder: RowDecoder,
  files: readonly LocalFile[],
  columns: readonly Column[],
  folder: string,
): Promise<string> {
  const parts: string[] = [];
  for (const file of files) {
    const own = await decoder.columns(file);
    const path = join(folder, `rows-${process.pid}-${made++}.csv`);
    const written = await writeRows(decoder, file, path, Number.POSITIVE_INFINITY, () => undefined);
    const value = (place: number) => castSql(`c${place}`, own[place]?.type ?? TEXT);
    const items = valuesSql(file, own, columns, value);
    parts.push(`SELECT ${items.join(', ')} FROM ${ownCsvSql({ path, ...written }, numberedText(own.length))}`);
  }
  return parts.join(' UNION ALL ');
}

function named(columns: readonly Column[]): Column[] {
  const names = distinctNames(columns.map(({ name }) => name));
  return columns.map(({ type }, i) => ({ name: names[i] ?? '', type }));
}

/** Throws where one of two types is text and the other not: as text the values would no longer be what they were. */
function commonType(known: Column & { file: LocalFile }, found: Column & { file: LocalFile }): DataType {
  if (sameType(known.type, found.type)) return known.type;
  const type = widerType(known.type, found.type);
  if (type.kind !== 'text') return type;
  const types = `${formatType(known.type)} in ${known.file.name} and ${formatType(found.type)} in ${found.file.name}`;
  throw new SluiceError('format/schema-conflict', 'data', `Column ${known.name} is ${types}`, {
    where: { path: found.file.name, column: known.name },
    hint: 'Write the files with one type, or load them by jobs of their own.',
  });
}

/** A file outside the sample must fit the run's columns. */
function refuseNew(file: LocalFile, own: readonly Column[], columns: readonly RawColumn[]): void {
  const known = new Map(columns.map((column) => [key(column.name), column.type ?? TEXT]));
  for (const { name, type } of own) {
    const wanted = known.get(key(name));
    if (wanted && (sameType(wanted, type) || sameType(widerType(wanted, type), wanted))) continue;
    const found = `${name} ${formatType(type)}`;
    throw new SluiceError('format/columns', 'data', `${file.name} has a column that the run did not see: ${found}`, {
      where: { path: file.name, column: name },
      hint: 'Run again: the columns are then found before the first row is read.',
    });
  }
}

async function writeRows(
  decoder: RowDecoder,
  file: LocalFile,
  path: string,
  limit: number,
  onBytes: (count: number) => void,
): Promise<{ size: number; longest: number }> {
  const writer = new Writer(await open(path, 'w'));
  let rows = 0;
  let longest = 0;
  const take: TakeRow = (values) => {
    const before = writer.size;
    for (const value of values) {
      if (value === null) {
        writer.text(',');
        continue;
      }
      writer.quotedText(value);
    }
    writer.text(`${++rows}\n`);
    longest = Math.max(longest, writer.size - before);
    return rows < limit;
  };
  try {
    await decoder.rows(file, take, async (bytes) => {
      onBytes(bytes);
      await writer.flush(FLUSH);
    });
    await writer.flush(0);
    return { size: writer.written, longest };
  } finally {
    await writer.close();
  }
}

function partSql(
  file: LocalFile,
  own: readonly Column[],
  columns: readonly RawColumn[],
  rows: SpooledRows,
  rowNumbers: boolean,
): string {
  const items = valuesSql(file, own, columns, rows.value);
  items.push(`${file.ordinal}::INTEGER AS "_file"`);
  if (rowNumbers) items.push('n::BIGINT AS "_row"');
  return `SELECT ${items.join(', ')} FROM ${rows.from}`;
}

/** The run's columns from those of a file. */
function valuesSql(
  file: LocalFile,
  own: readonly Column[],
  columns: readonly RawColumn[],
  read: SpooledRows['value'],
): string[] {
  const places = new Map(own.map((column, i) => [key(column.name), i]));
  return columns.map((column) => {
    const type = column.type ?? TEXT;
    const place = places.get(key(column.name));
    const found = place === undefined ? undefined : own[place];
    if (place === undefined || !found) return `NULL::${toDuckType(type)} AS ${ident(column.name)}`;
    const value = read(place);
    if (sameType(found.type, type)) return `${value} AS ${ident(column.name)}`;
    const lossy = `error(${literal(`${LOSSY}${file.ordinal}:${column.name}`)})`;
    return `${guardedCast(value, found.type, plainRule(type, false)).checked(lossy)} AS ${ident(column.name)}`;
  });
}

function castSql(value: string, type: DataType): string {
  if (type.kind === 'text') return value;
  if (type.kind === 'binary') return `unhex(${value})`;
  // The engine takes JSON inside of a nested text for the text itself.
  const plain = withoutJson(type);
  return plain === type ? `${value}::${toDuckType(type)}` : `${value}::${toDuckType(plain)}::${toDuckType(type)}`;
}

/** A nested type with text for the JSON inside; the type itself where there is none. */
function withoutJson(type: DataType): DataType {
  if (type.kind === 'list') {
    const item = type.item.kind === 'json' ? TEXT : withoutJson(type.item);
    return item === type.item ? type : { kind: 'list', item };
  }
  if (type.kind !== 'struct') return type;
  const fields = type.fields.map((f) => ({ ...f, type: f.type.kind === 'json' ? TEXT : withoutJson(f.type) }));
  return fields.every((field, i) => field.type === type.fields[i]?.type) ? type : { kind: 'struct', fields };
}
