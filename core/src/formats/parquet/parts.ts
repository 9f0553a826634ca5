import { open } from 'node:fs/promises';
import type { ByteRange, Engine, FormatReader, LocalFile, RowSpan } from '../../model/component.ts';
import type { ColumnTest, RowTest } from '../../model/row-test.ts';
import { literal } from '../../model/sql.ts';
import { sameType } from '../../model/type.ts';
import { key } from '../shared/names.ts';
import { type FileSchema, fileSchema, typeOf } from './file-schema.ts';
import { readFooter } from './footer.ts';
import { groupsThatMay } from './skip.ts';

/** Most footers are shorter: they come with the first request. */
const TAIL = 128 * 1024;
/** The footer's length and the closing mark. */
const END = 8;
/** Ranges that lie closer together come in one request. */
const GAP = 512 * 1024;

/**
 * Footer first, then the chunks of the wanted columns in every row group that may hold a wanted row, and what lies between the last
 * chunk and the footer (indexes and filters). A file that is no Parquet is left as it is: reading it says so.
 */
export const fetchParts: NonNullable<FormatReader['fetchParts']> = async (file, { columns, test }, engine, get) => {
  const tail = Math.max(0, file.size - TAIL);
  await get(
    joined([
      [0, Math.min(END, file.size)],
      [tail, file.size],
    ]),
  );
  const length = await footerLength(file);
  if (length === null) return [];
  const start = file.size - END - length;
  if (start < tail) await get([[start, tail]]);
  if (columns === null) return [];
  const schema = await fileSchema(file, engine);
  const chosen = test && (await choose(file, [start, file.size - END], schema, test, engine));
  await get(joined(await chunkRanges(file, columns, schema, engine, Math.min(start, tail), chosen?.kept ?? null)));
  if (!chosen) return [];
  await layFooter(file, chosen.footer);
  return chosen.skipped;
};

interface Chosen {
  /** Groups that stay, by their index. */
  kept: ReadonlySet<number>;
  skipped: RowSpan[];
  /** The footer that tells of these alone. */
  footer: Buffer;
}

/** null where every group may hold a row that is wanted, or nothing sure can be said. */
async function choose(
  file: LocalFile,
  [from, to]: ByteRange,
  schema: FileSchema,
  test: RowTest,
  engine: Engine,
): Promise<Chosen | null> {
  try {
    const footer = readFooter(await bytesAt(file, from, to));
    const named = new Map(schema.columns.map((column) => [key(column.name), column]));
    const leafOf = ({ column, type }: ColumnTest) => {
      const found = named.get(key(column));
      return found && sameType(typeOf(found), type) ? (footer.leaves.get(found.raw) ?? null) : null;
    };
    const kept = await groupsThatMay(test, footer, leafOf, engine);
    if (kept.length === footer.groups.length) return null;
    return { kept: new Set(kept), skipped: spansWithout(footer.groups, new Set(kept)), footer: footer.only(kept) };
  } catch {
    // A footer that we cannot follow, or a constant that fits no value: reading says what is wrong, if anything is.
    return null;
  }
}

function spansWithout(groups: readonly { rows: number }[], kept: ReadonlySet<number>): RowSpan[] {
  const spans: RowSpan[] = [];
  let at = 0;
  for (const [i, { rows }] of groups.entries()) {
    const last = spans.at(-1);
    if (!kept.has(i)) {
      if (last?.[1] === at) last[1] += rows;
      else spans.push([at, at + rows]);
    }
    at += rows;
  }
  return spans;
}

/** Lays a footer, which is no longer than the file's own, at the file's end: to its readers the file has no other groups. */
async function layFooter(file: LocalFile, footer: Buffer): Promise<void> {
  const end = Buffer.from('0000PAR1');
  end.writeUInt32LE(footer.length);
  const handle = await open(file.path, 'r+');
  try {
    await handle.write(Buffer.concat([footer, end]), 0, footer.length + END, file.size - END - footer.length);
  } finally {
    await handle.close();
  }
}

async function bytesAt(file: LocalFile, from: number, to: number): Promise<Buffer> {
  const handle = await open(file.path, 'r');
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(to - from), 0, to - from, from);
    return buffer.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}

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
  schema: FileSchema,
  engine: Engine,
  footer: number,
  kept: ReadonlySet<number> | null,
): Promise<ByteRange[]> {
  if (kept?.size === 0) return [];
  const wanted = new Set(columns.map(key));
  const raw = schema.columns.filter((column) => wanted.has(key(column.name))).map((column) => column.raw);
  const rows = await engine.rows(
    'SELECT row_group_id AS id, path_in_schema AS path, least(data_page_offset, dictionary_page_offset, index_page_offset) AS start, ' +
      `total_compressed_size AS size FROM parquet_metadata(${literal(file.path)})`,
  );
  const ranges: ByteRange[] = [];
  let last = 0;
  for (const { id, path, start, size } of rows) {
    const range: ByteRange = [Number(start), Number(start) + Number(size)];
    last = Math.max(last, range[1]);
    if (kept && !kept.has(Number(id))) continue;
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
