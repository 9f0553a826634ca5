import { open } from 'node:fs/promises';
import type { Engine, LocalFile } from '../../model/component.ts';
import { fromDuckType } from '../../model/duck.ts';
import { SluiceError } from '../../model/error.ts';
import type { JsonObject } from '../../model/json.ts';
import { literal } from '../../model/sql.ts';
import type { DataType } from '../../model/type.ts';
import { distinctNames } from '../shared/names.ts';
import { plainPath } from '../shared/path.ts';

/** A file's columns: the name in the file, the run's name for it, the engine's type. Plain JSON: part of the dialect. */
export type FileSchema = JsonObject & { columns: { raw: string; name: string; engine: string }[] };

const MAGIC = 'PAR1';
const WIDEST_DECIMAL = 38;

/** Reads a file's footer. Throws `format/unreadable` that says what the file is instead. */
export async function fileSchema(file: LocalFile, engine: Engine): Promise<FileSchema> {
  const reason = await notParquet(file);
  if (reason !== null) throw unreadable(file, reason);
  const path = await plainPath(file, engine);
  try {
    const rows = await engine.rows(`DESCRIBE SELECT * FROM read_parquet(${literal(path)})`);
    const raw = rows.map((row) => String(row.column_name));
    const names = distinctNames(raw);
    const columns = rows.map((row, i) => ({
      raw: raw[i] ?? '',
      name: names[i] ?? '',
      engine: String(row.column_type),
    }));
    await refuseWideDecimals(file, path, columns, engine);
    return { columns };
  } catch (error) {
    if (error instanceof SluiceError) throw error;
    throw unreadable(file, firstLine(error as Error), error);
  }
}

/** The engine takes a decimal of more than 38 digits for a double and reads its bytes wrongly: such a file is not read at all. */
async function refuseWideDecimals(
  file: LocalFile,
  path: string,
  columns: FileSchema['columns'],
  engine: Engine,
): Promise<void> {
  if (!columns.some((column) => column.engine.includes('DOUBLE'))) return;
  const [wide] = await engine.rows(
    `SELECT name, precision, scale FROM parquet_schema(${literal(path)}) WHERE converted_type = 'DECIMAL' AND precision > ${WIDEST_DECIMAL}`,
  );
  if (!wide) return;
  const column = String(wide.name);
  const type = `decimal(${wide.precision},${wide.scale})`;
  throw new SluiceError(
    'format/unreadable',
    'data',
    `${file.name} cannot be read as Parquet: ${column} is ${type}, and decimals have at most ${WIDEST_DECIMAL} digits`,
    {
      where: { path: file.name, column },
      hint: 'Write the column with fewer digits or as text, or leave the file out with `exclude`.',
    },
  );
}

export function typeOf(column: { engine: string }): DataType {
  return fromDuckType(column.engine);
}

export function unreadable(file: LocalFile, reason: string, cause?: unknown): SluiceError {
  return new SluiceError('format/unreadable', 'data', `${file.name} cannot be read as Parquet: ${reason}`, {
    where: { path: file.name },
    hint: 'Write the file again, or leave it out with `exclude`.',
    cause,
  });
}

export function firstLine(error: Error): string {
  return error.message.split('\n')[0] ?? '';
}

/** What is wrong with a file by its first and last bytes; null: it begins and ends as Parquet does. */
async function notParquet(file: LocalFile): Promise<string | null> {
  const handle = await open(file.path, 'r').catch((cause: unknown) => {
    throw unreadable(file, String(cause), cause);
  });
  try {
    const { size } = await handle.stat();
    if (size === 0) return 'it is empty';
    const head = await handle.read(Buffer.alloc(4), 0, 4, 0);
    if (head.buffer.toString('latin1') !== MAGIC) return 'it is no Parquet file';
    const tail = await handle.read(Buffer.alloc(4), 0, 4, Math.max(0, size - 4));
    const end = tail.buffer.toString('latin1');
    if (end === 'PARE') return 'it is encrypted';
    return size < 12 || end !== MAGIC ? 'its end is missing: it was cut off or is still being written' : null;
  } finally {
    await handle.close();
  }
}
