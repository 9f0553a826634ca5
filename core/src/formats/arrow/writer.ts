import { createWriteStream } from 'node:fs';
import { mkdir, mkdtemp, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { RecordBatch } from 'apache-arrow';
import type { Engine, FormatWriter, WriteRequest } from '../../model/component.ts';
import { explainInfinite } from '../../model/finite-sql.ts';
import { literal } from '../../model/sql.ts';
import type { Column } from '../../model/type.ts';
import { copyToFiles } from '../shared/copy.ts';
import { decodedSql } from '../shared/decoded.ts';
import { type Arrow, arrowLibrary } from './batches.ts';
import { dataOf, fieldOf } from './build.ts';
import { isNested, type Plain, plainColumns } from './plain.ts';
import { decoder } from './reader.ts';

/** A batch ends at so many rows, or at about so many bytes of texts. */
const BATCH_ROWS = 65_536;
const BATCH_BYTES = 16 * 1024 * 1024;

/** Files of Arrow's IPC format, uncompressed. */
export const arrowWriter: FormatWriter = {
  extension: '.arrow',

  async write(engine, request) {
    const { columns, folder, name, partitionBy, fileSize } = request;
    await mkdir(folder, { recursive: true });
    if (partitionBy.length > 0 || fileSize !== null) return divided(engine, request);
    const path = `${name}-00000${this.extension}`;
    const rows = await writeFile(engine, request.sql, columns, join(folder, path));
    return { rows, files: [{ path, size: (await stat(join(folder, path))).size }] };
  },

  async *stream(engine, sql, columns) {
    yield* ipcBytes(
      await arrowLibrary(),
      'stream',
      columns,
      batchesOf(engine, sql, columns, () => undefined),
    );
  },

  read(files, columns, scratch) {
    const local = files.map((path, ordinal) => ({ path, name: path, size: 0, modified_at: null, ordinal }));
    return decodedSql(decoder, local, columns, scratch);
  },
};

/** The engine divides rows into folders and by size as Parquet; each file of it becomes one of ours. */
async function divided(engine: Engine, request: WriteRequest): ReturnType<FormatWriter['write']> {
  const scratch = await mkdtemp(join(engine.spool, 'arrow-'));
  try {
    const keep = request.partitionBy.length > 0 ? ', WRITE_PARTITION_COLUMNS true' : '';
    const made = await copyToFiles(
      engine,
      request.sql,
      { ...request, folder: scratch },
      `FORMAT parquet, COMPRESSION uncompressed${keep}`,
      '.parquet',
    );
    const files: { path: string; size: number }[] = [];
    for (const file of made.files) {
      const path = file.path.replace(/\.parquet$/, arrowWriter.extension);
      const target = join(request.folder, path);
      await mkdir(dirname(target), { recursive: true });
      const from = `SELECT * FROM read_parquet(${literal(join(scratch, file.path))}, hive_partitioning = false)`;
      await writeFile(engine, from, request.columns, target);
      files.push({ path, size: (await stat(target)).size });
    }
    return { rows: made.rows, files };
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

async function writeFile(engine: Engine, sql: string, columns: readonly Column[], path: string): Promise<number> {
  let rows = 0;
  const batches = batchesOf(engine, sql, columns, (count) => {
    rows += count;
  });
  await pipeline(ipcBytes(await arrowLibrary(), 'file', columns, batches), createWriteStream(path));
  return rows;
}

/** Throws `destination/bad-value` for a date that is infinite. */
async function* batchesOf(
  engine: Engine,
  sql: string,
  columns: readonly Column[],
  onRows: (count: number) => void,
): AsyncGenerator<RecordBatch> {
  const arrow = await arrowLibrary();
  const schema = schemaOf(arrow, columns);
  let values: Plain[][] = columns.map(() => []);
  let size = 0;
  const batch = () => {
    const length = values[0]?.length ?? 0;
    const children = columns.map((column, i) => dataOf(arrow, column.type, nestedValues(column, values[i] ?? [])));
    const data = arrow.makeData({ type: new arrow.Struct(schema.fields), length, children });
    values = columns.map(() => []);
    size = 0;
    onRows(length);
    return new arrow.RecordBatch(schema, data);
  };
  try {
    for await (const rows of engine.stream(`SELECT ${plainColumns(columns)} FROM (${sql}) AS r`)) {
      for (const row of rows)
        for (const [i, value] of row.entries()) {
          values[i]?.push(value);
          if (typeof value === 'string' || value instanceof Uint8Array) size += value.length;
        }
      if ((values[0]?.length ?? 0) >= BATCH_ROWS || size >= BATCH_BYTES) yield batch();
    }
  } catch (error) {
    throw await explainInfinite(error, engine, sql, columns, 'Arrow');
  }
  if ((values[0]?.length ?? 0) > 0) yield batch();
}

function nestedValues(column: Column, values: readonly Plain[]): never[] {
  const found = isNested(column.type)
    ? values.map((value) => (value === null ? null : JSON.parse(String(value))))
    : values;
  return found as never[];
}

function schemaOf(arrow: Arrow, columns: readonly Column[]): InstanceType<Arrow['Schema']> {
  return new arrow.Schema(columns.map((column) => fieldOf(arrow, column)));
}

/** The bytes of a file or a stream, piece by piece; without batches the schema alone. */
async function* ipcBytes(
  arrow: Arrow,
  kind: 'file' | 'stream',
  columns: readonly Column[],
  batches: AsyncIterable<RecordBatch>,
): AsyncGenerator<Uint8Array> {
  const pieces: Uint8Array[] = [];
  const Sink = class extends arrow.AsyncByteQueue {
    override write(piece: Uint8Array): void {
      pieces.push(piece);
    }
  };
  const writer = kind === 'file' ? new arrow.RecordBatchFileWriter() : new arrow.RecordBatchStreamWriter();
  writer.reset(new Sink(), schemaOf(arrow, columns));
  for await (const batch of batches) {
    writer.write(batch);
    yield Buffer.concat(pieces.splice(0));
  }
  writer.finish();
  yield Buffer.concat(pieces.splice(0));
}
