import { createReadStream, createWriteStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Engine, LocalFile, RawColumn, Scan } from '../../model/component.ts';
import { ident, literal } from '../../model/sql.ts';
import { key } from '../shared/names.ts';
import { plainPath } from '../shared/path.ts';
import { lineStart } from '../shared/text.ts';
import { type ExactColumn, ExactRecords, type Kind } from './exact.ts';
import { countBefore, type Layout } from './records.ts';

/**
 * Reading before knowing: the engine reads a file's JSON in parallel while this thread looks whether it keeps every value as it
 * is written (`exact.ts`). Where it does not, the rows are thrown away and the file is read by our own tokeniser.
 */
export interface QuickFile {
  file: LocalFile;
  layout: Layout;
}

/** A field that a column takes. */
export interface QuickField {
  name: string;
  /** Digits that numbers of the sample have behind the point; null: none, or not always as many. */
  scale: number | null;
  json: boolean;
}

const CHUNK = 1024 * 1024;
/** Bytes of one record; a buffer of each thread is twice as long. */
const LONGEST = 4 * 1024 * 1024;
/** Beyond it a decimal of 15 digits has none before the point. */
const MOST_SCALE = 12;

/** What was found out about files in this thread, by `keyOf`. */
const known = new Map<string, 'exact' | 'unlike'>();
const MOST_KNOWN = 1000;

let made = 0;

/** Whether records with these fields can be asked of the engine: it tells no letter case of columns apart. */
export function mayBeQuick(fields: readonly QuickField[]): boolean {
  const names = new Set(fields.map(({ name }) => key(name)));
  return (
    fields.length > 0 &&
    names.size === fields.length &&
    !fields.some(({ name }) => /["\\]|^$/.test(name) || name.includes('\0'))
  );
}

/** The part of the scan's SELECT for a file, or null where the file is known, or seen by its head, not to be exact. */
export async function quickSql(
  { file, layout }: QuickFile,
  fields: readonly QuickField[],
  columns: readonly RawColumn[],
  engine: Engine,
  options: { rowNumbers: boolean; confirmed: boolean },
): Promise<string | null> {
  const before = known.get(keyOf(file, fields));
  if (before === 'unlike' || (before === undefined && !options.confirmed)) return null;
  if (before === undefined && !(await headIsExact(file, layout, fields))) return null;
  const path = await pathOf(file, engine);
  const types = fields.map(({ name }, i) => `${ident(name)}: ${literal(typeOf(kindOf(fields[i] as QuickField)))}`);
  const items = columns.map(({ name }, i) => {
    const field = fields[i] as QuickField;
    const value = ident(field.name);
    return `${kindOf(field).as === 'fixed' ? `${value}::VARCHAR` : value} AS ${ident(name)}`;
  });
  const from = `read_json(${literal(path)}, format=${literal(layout === 'array' ? 'array' : 'newline_delimited')}, auto_detect=false, compression='uncompressed', maximum_object_size=${LONGEST}, hive_partitioning=false, columns={${types.join(', ')}})`;
  items.push(`${file.ordinal}::INTEGER AS "_file"`);
  if (options.rowNumbers) items.push(`(row_number() OVER () + ${(await countBefore(file)).records})::BIGINT AS "_row"`);
  return `SELECT ${items.join(', ')} FROM ${from}`;
}

/** The confirmation of a scan of which some files were read in the quick way, and `others` rows and bad rows came from the others. */
export function confirmation(
  files: readonly QuickFile[],
  fields: readonly QuickField[],
  others: number,
  recheck: (file: QuickFile) => Promise<boolean>,
): Scan['confirm'] & {} {
  const looking = Promise.all(files.map((one) => exactRecords(one, fields)));
  // Asked for later; a file that went away meanwhile is the engine's to tell.
  looking.catch(() => undefined);
  return async (rows) => {
    const counts = await looking;
    let sure = true;
    for (const [i, one] of files.entries()) {
      const exact = counts[i] !== null && (rows !== null || (await recheck(one)));
      remember(one.file, fields, exact ? 'exact' : 'unlike');
      sure &&= exact;
    }
    const expected = counts.reduce<number>((sum, count) => sum + (count ?? 0), others);
    if (!sure || rows === null || rows === expected) return sure;
    for (const { file } of files) remember(file, fields, 'unlike');
    return false;
  };
}

function remember(file: LocalFile, fields: readonly QuickField[], found: 'exact' | 'unlike'): void {
  if (known.size >= MOST_KNOWN) known.clear();
  known.set(keyOf(file, fields), found);
}

function keyOf(file: LocalFile, fields: readonly QuickField[]): string {
  return JSON.stringify([file.path, file.size, file.modified_at, file.range ?? null, fields]);
}

function kindOf({ scale, json }: QuickField): Kind {
  if (json) return { as: 'json' };
  return scale !== null && scale > 0 && scale <= MOST_SCALE ? { as: 'fixed', scale } : { as: 'text' };
}

function typeOf(kind: Kind): string {
  if (kind.as === 'fixed') return `DECIMAL(18,${kind.scale})`;
  return kind.as === 'json' ? 'JSON' : 'VARCHAR';
}

function exactColumns(fields: readonly QuickField[]): ExactColumn[] {
  return fields.map((field) => ({ name: field.name, kind: kindOf(field) }));
}

async function headIsExact(file: LocalFile, layout: Layout, fields: readonly QuickField[]): Promise<boolean> {
  const handle = await open(file.path, 'r');
  try {
    const from = await lineStart(handle, file.range?.[0] ?? 0);
    const { buffer, bytesRead } = await handle.read(Buffer.allocUnsafe(CHUNK), 0, CHUNK, from);
    return new ExactRecords(exactColumns(fields), layout).push(buffer.subarray(0, bytesRead), false) >= 0;
  } finally {
    await handle.close();
  }
}

/** How many records a file, or a piece of one, has; null: the engine would not keep them as they are. */
async function exactRecords({ file, layout }: QuickFile, fields: readonly QuickField[]): Promise<number | null> {
  const exact = new ExactRecords(exactColumns(fields), layout);
  const handle = await open(file.path, 'r');
  try {
    const stop = await lineStart(handle, file.range?.[1] ?? Number.POSITIVE_INFINITY);
    let rest = Buffer.alloc(0);
    for (let at = await lineStart(handle, file.range?.[0] ?? 0), more = true; more; ) {
      const size = Math.max(0, Math.min(CHUNK, stop - at));
      const buffer = Buffer.allocUnsafe(rest.length + size);
      rest.copy(buffer);
      const { bytesRead } = await handle.read(buffer, rest.length, size, at);
      at += bytesRead;
      more = bytesRead > 0;
      const bytes = buffer.subarray(0, rest.length + bytesRead);
      const done = exact.push(bytes, !more);
      if (done < 0 || bytes.length - done > LONGEST / 2) return null;
      rest = bytes.subarray(done);
    }
    return exact.records;
  } finally {
    await handle.close();
  }
}

/** A path that the engine reads as one file: a piece of a file is copied into the spool. */
async function pathOf(file: LocalFile, engine: Engine): Promise<string> {
  if (!file.range) return plainPath(file, engine);
  const handle = await open(file.path, 'r');
  const start = await lineStart(handle, file.range[0]);
  const stop = await lineStart(handle, file.range[1]);
  await handle.close();
  const path = join(engine.spool, `json-${process.pid}-piece-${made++}.ndjson`);
  const end = stop === Number.POSITIVE_INFINITY ? stop : stop - 1;
  const piece = stop > start ? createReadStream(file.path, { start, end, highWaterMark: CHUNK }) : [];
  await pipeline(piece, createWriteStream(path));
  return path;
}
