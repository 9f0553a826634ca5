import { rename, rm } from 'node:fs/promises';
import type { Engine, RawColumn } from '../../model/component.ts';
import { castText } from '../../model/duck.ts';
import { SluiceError } from '../../model/error.ts';
import { ident, literal } from '../../model/sql.ts';
import { type DataType, formatType } from '../../model/type.ts';
import { throughPipe } from './fifo.ts';

/**
 * The file that a source of columns hands to the engine: Parquet, whose columns stand in the order of `describe` and are called
 * by their place (`c0`, `c1` …), so that no name of the source's meets one of the engine's.
 */
export function columnAt(index: number): string {
  return `c${index}`;
}

/** A column as it comes in text, and how the engine reads it. */
export interface TextColumn extends RawColumn {
  /** Turns the engine's expression for the text into one that its type is cast from. Left out: the text as it stands. */
  read?: (text: string) => string;
}

const MIN_LINE = 8_000_000;
const MAX_LINE = 1_000_000_000;
const UNREAD = 'sluice-read:';

/**
 * Writes rows that arrive as CSV bytes (comma, quotes doubled, LF, no header; nothing is null, "" is empty text; a single column
 * has a second one behind it, which is not read, because an empty line is passed over) into such a file, without a row becoming a JavaScript value. Returns rows and bytes. Throws `source/value` (data) naming the column
 * whose value its type cannot hold, `source/row-size` for a row that the task's memory cannot hold.
 */
export async function spoolCsv(
  engine: Engine,
  path: string,
  columns: readonly TextColumn[],
  source: AsyncIterable<Uint8Array>,
): Promise<{ rows: number; bytes: number }> {
  let bytes = 0;
  async function* counted(): AsyncGenerator<Uint8Array> {
    for await (const chunk of source) {
      bytes += chunk.byteLength;
      yield chunk;
    }
  }
  const pipe = `${path}.csv`;
  const part = `${path}.part`;
  try {
    const rows = await throughPipe(pipe, counted(), () => engine.changed(copySql(engine, pipe, part, columns)));
    await rename(part, path);
    return { rows, bytes };
  } catch (error) {
    await rm(part, { force: true });
    throw explained(error, columns);
  }
}

/** Bytes that one row may have: an eighth of the memory, within bounds. */
export function mostOfRow(engine: Engine): number {
  return Math.round(Math.min(MAX_LINE, Math.max(MIN_LINE, engine.memory / 8)));
}

/**
 * Makes of the columns that such a file holds as text what their types say, where they are anything else. Throws `source/value` as
 * `spoolCsv` does.
 */
export async function castColumns(
  engine: Engine,
  path: string,
  columns: readonly (TextColumn & { stored: DataType })[],
): Promise<void> {
  const isCast = ({ type, stored }: TextColumn & { stored: DataType }) => type !== null && type.kind !== stored.kind;
  if (!columns.some(isCast)) return;
  const part = `${path}.cast`;
  const values = columns.map((c, i) => (isCast(c) ? `${readSql(c, i)} AS ${columnAt(i)}` : columnAt(i))).join(', ');
  try {
    await engine.run(
      `COPY (SELECT ${values} FROM read_parquet(${literal(path)})) TO ${literal(part)} (FORMAT parquet, COMPRESSION lz4_raw)`,
    );
    await rename(part, path);
  } catch (error) {
    await rm(part, { force: true });
    throw explained(error, columns);
  }
}

function copySql(engine: Engine, pipe: string, part: string, columns: readonly TextColumn[]): string {
  const line = mostOfRow(engine);
  const read = columns.map((_, i) => columnAt(i));
  const names = (read.length === 1 ? [...read, 'filler'] : read).map((name) => `${name}: 'VARCHAR'`).join(', ');
  const options =
    `auto_detect = false, header = false, delim = ',', quote = '"', escape = '"', new_line = '\\n', nullstr = '', ` +
    `allow_quoted_nulls = false, strict_mode = true, parallel = false, max_line_size = ${line}, buffer_size = ${line}`;
  const values = columns.map((column, i) => `${readSql(column, i)} AS ${columnAt(i)}`).join(', ');
  const rows = `read_csv(${literal(pipe)}, ${options}, columns = {${names}})`;
  return `COPY (SELECT ${values} FROM ${rows}) TO ${literal(part)} (FORMAT parquet, COMPRESSION lz4_raw)`;
}

function readSql(column: TextColumn, index: number): string {
  const text = ident(columnAt(index));
  const type: DataType = column.type ?? { kind: 'text' };
  const same = (item: string) => item;
  return castSql(text, type, column.read ?? same, `error('${UNREAD}${index}')`);
}

/** Lists arrive as a JSON array of texts: a cast of the whole list would make null of an item that does not fit. */
function castSql(text: string, type: DataType, read: (text: string) => string, fail: string): string {
  if (type.kind === 'list') {
    const item = castSql('item', type.item, read, fail);
    const items = `from_json(${text}, '["VARCHAR"]')`;
    return item === 'item' ? items : `list_transform(${items}, lambda item: ${item})`;
  }
  const value = read(text);
  if (type.kind === 'text' || type.kind === 'json') return value;
  const cast = type.kind === 'binary' ? value : castText(value, type);
  return `CASE WHEN ${text} IS NOT NULL THEN coalesce(${cast}, ${fail}) END`;
}

function explained(error: unknown, columns: readonly TextColumn[]): unknown {
  if (!(error instanceof Error) || error instanceof SluiceError) return error;
  const index = new RegExp(`${UNREAD}(\\d+)`).exec(error.message)?.[1];
  const column = index === undefined ? undefined : columns[Number(index)];
  if (column) return unread(column);
  return /maximum line size/i.test(error.message) ? rowTooLarge() : error;
}

/** The error of a value that its column's type cannot hold. */
export function unread({ name, type }: RawColumn): SluiceError {
  const text = formatType(type ?? { kind: 'text' });
  return new SluiceError('source/value', 'data', `Column ${name} holds a value that ${text} cannot hold`, {
    where: { column: name },
    hint: 'Read it as text: cast it in a `query`.',
  });
}

export function rowTooLarge(): SluiceError {
  return new SluiceError('source/row-size', 'config', 'A row is larger than the memory of its task can hold', {
    hint: 'Raise `compute.memory`: a row may take an eighth of it.',
  });
}

/** Two columns that differ only in case cannot stand side by side in the engine. Throws `source/duplicate-column` (config). */
export function requireDistinct(columns: readonly RawColumn[]): void {
  const seen = new Map<string, string>();
  for (const { name } of columns) {
    const other = seen.get(name.toLowerCase());
    if (other !== undefined) {
      throw new SluiceError('source/duplicate-column', 'config', `The columns "${other}" and "${name}" have one name`, {
        where: { column: name },
        hint: 'Read them by a `query` that names one of them otherwise.',
      });
    }
    seen.set(name.toLowerCase(), name);
  }
}
