import { open } from 'node:fs/promises';
import type { ByteRange, Engine, FormatReader, LocalFile } from '../../model/component.ts';
import { literal } from '../../model/sql.ts';
import { key } from '../shared/names.ts';
import { fileSchema } from './file-schema.ts';

/** Most footers are shorter: they come with the first request. */
const TAIL = 128 * 1024;
/** The footer's length and the closing mark. */
const END = 8;
/** Ranges that lie closer together come in one request. */
const GAP = 512 * 1024;

/**
 * Footer first, then the chunks of the wanted columns in every row group, and what lies between the last chunk and the footer
 * (indexes and filters). A file that is no Parquet is left as it is: reading it says so.
 */
export const fetchParts: NonNullable<FormatReader['fetchParts']> = async (file, columns, engine, get) => {
  const tail = Math.max(0, file.size - TAIL);
  await get(
    joined([
      [0, Math.min(END, file.size)],
      [tail, file.size],
    ]),
  );
  const length = await footerLength(file);
  if (length === null) return;
  const start = file.size - END - length;
  if (start < tail) await get([[start, tail]]);
  if (columns === null) return;
  await get(joined(await chunkRanges(file, columns, engine, Math.min(start, tail))));
};

/** Bytes of the footer; null where the file does not end as Parquet does. */
async function footerLength(file: LocalFile): Promise<number | null> {
  const handle = await open(file.path, 'r');
  try {
    const end = Buffer.alloc(END);
    await handle.read(end, 0, END, Math.max(0, file.size - END));
    const length = end.readUInt32LE(0);
    return end.toString('latin1', 4) === 'PAR1' && length + END < file.size ? length : null;
  } finally {
    await handle.close();
  }
}

async function chunkRanges(
  file: LocalFile,
  columns: readonly string[],
  engine: Engine,
  footer: number,
): Promise<ByteRange[]> {
  const wanted = new Set(columns.map(key));
  const schema = await fileSchema(file, engine);
  const raw = schema.columns.filter((column) => wanted.has(key(column.name))).map((column) => column.raw);
  const rows = await engine.rows(
    'SELECT path_in_schema AS path, least(data_page_offset, dictionary_page_offset, index_page_offset) AS start, ' +
      `total_compressed_size AS size FROM parquet_metadata(${literal(file.path)})`,
  );
  const ranges: ByteRange[] = [];
  let last = 0;
  for (const { path, start, size } of rows) {
    const range: ByteRange = [Number(start), Number(start) + Number(size)];
    last = Math.max(last, range[1]);
    // Fields of a nested column stand behind its name.
    if (raw.some((name) => path === name || String(path).startsWith(`${name}, `))) ranges.push(range);
  }
  if (last < footer) ranges.push([last, footer]);
  return ranges;
}

/** Ranges in order, neighbours made one. */
function joined(ranges: readonly ByteRange[]): ByteRange[] {
  const result: ByteRange[] = [];
  for (const [from, to] of [...ranges].sort((a, b) => a[0] - b[0])) {
    const before = result.at(-1);
    if (before && from <= before[1] + GAP) before[1] = Math.max(before[1], to);
    else result.push([from, to]);
  }
  return result;
}
