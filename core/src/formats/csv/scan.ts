import { symlink } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Engine, LocalFile, Scan } from '../../model/component.ts';
import { ident, literal, literalList } from '../../model/sql.ts';
import { key, type Layout, sameLayout } from './layout.ts';
import { rewrite } from './rewrite.ts';
import type { CsvSettings } from './settings.ts';
import { LONGEST_LINE, survey } from './survey.ts';

export interface ScanOptions {
  rowNumbers: boolean;
  limit?: number;
  skipBadRows: boolean;
}

/** A file as the engine will read it. */
interface Readable {
  file: LocalFile;
  layout: Layout;
  path: string;
  /** `rewritten` files end in the row's number. */
  way: 'parallel' | 'serial' | 'rewritten';
}

/** Files up to this size are one piece of work to the engine whether in parallel or not. */
const ONE_PIECE = 8_000_000;

let made = 0;

/** Looks at each file, writes anew those that the engine would not read right, and puts the SELECT together. */
export async function buildScan(
  files: readonly { file: LocalFile; layout: Layout }[],
  columns: readonly string[],
  settings: CsvSettings,
  engine: Engine,
  options: ScanOptions,
): Promise<Scan> {
  const name = `csv-${process.pid}-${made++}`;
  const rejects = options.skipBadRows ? join(engine.spool, `${name}.rejects.csv`) : null;
  let rejected = 0;
  const readable: Readable[] = [];
  for (const { file, layout } of files) {
    const found = await wayOf(file, layout, options);
    if (found !== 'rewritten') {
      readable.push({ file, layout, path: await plainPath(file, engine, name), way: found });
      continue;
    }
    const rows = join(engine.spool, `${name}-${file.ordinal}.csv`);
    const limit = options.limit ?? null;
    const done = await rewrite(file, layout, { rows, rejects, nullValues: settings.nullValues, limit });
    rejected += done.rejects;
    readable.push({ file, layout, path: rows, way: 'rewritten' });
  }
  const parts = grouped(readable, options.rowNumbers).map((group) =>
    groupSql(group, columns, settings, options.rowNumbers),
  );
  const body = parts.length > 0 ? parts.join(' UNION ALL ') : emptySql(columns, options.rowNumbers);
  const limited = options.limit === undefined ? body : `SELECT * FROM (${body}) LIMIT ${options.limit}`;
  return { sql: limited, rejects: rejects !== null && rejected > 0 ? rejectsSql(rejects) : null };
}

/** A sample is written anew, because that reads no more of the file than it needs. */
async function wayOf(file: LocalFile, layout: Layout, options: ScanOptions): Promise<Readable['way']> {
  if (options.limit !== undefined) return 'rewritten';
  const found = await survey(file.path, layout, options.skipBadRows);
  if (!found.regular) return 'rewritten';
  return found.parallel && file.size > ONE_PIECE ? 'parallel' : 'serial';
}

/** The engine takes `*`, `?` and `[` in a path for a pattern: such a file is reached by a link. */
async function plainPath(file: LocalFile, engine: Engine, name: string): Promise<string> {
  if (!/[*?[]/.test(file.path)) return file.path;
  const link = join(engine.spool, `${name}-${file.ordinal}.link.csv`);
  await symlink(resolve(file.path), link);
  return link;
}

/** Neighbours that one read can take. With row numbers each file is read by itself. */
function grouped(files: readonly Readable[], alone: boolean): Readable[][] {
  const groups: Readable[][] = [];
  for (const file of files) {
    const group = groups.at(-1);
    const first = group?.[0];
    const alike = first && first.way === file.way && sameLayout(first.layout, file.layout);
    if (group && alike && !alone) group.push(file);
    else groups.push([file]);
  }
  return groups;
}

function groupSql(
  group: readonly Readable[],
  columns: readonly string[],
  settings: CsvSettings,
  rowNumbers: boolean,
): string {
  const first = group[0] as Readable;
  const { layout, way } = first;
  const places = new Map(layout.names.map((name, i) => [key(name), i]));
  const items = columns.map((name) => {
    const place = places.get(key(name));
    return `${place === undefined ? 'NULL::VARCHAR' : `c${place}`} AS ${ident(name)}`;
  });
  items.push(`${ordinalSql(group)} AS "_file"`);
  if (rowNumbers) items.push(`${way === 'rewritten' ? 'n::BIGINT' : 'row_number() OVER ()'} AS "_row"`);
  const paths = group.map((file) => file.path);
  return `SELECT ${items.join(', ')} FROM ${readCsv(paths, layout, settings, way)}`;
}

function ordinalSql(group: readonly Readable[]): string {
  if (group.length === 1) return `${group[0]?.file.ordinal ?? 0}::INTEGER`;
  const ordinals = group.map((file) => file.file.ordinal).join(', ');
  return `list_extract([${ordinals}], list_position(${literalList(group.map((file) => file.path))}, p))::INTEGER`;
}

function readCsv(paths: readonly string[], layout: Layout, settings: CsvSettings, way: Readable['way']): string {
  const rewritten = way === 'rewritten';
  const types = layout.names.map((_, i) => `c${i}: 'VARCHAR'`);
  if (rewritten) types.push("n: 'VARCHAR'");
  const quote = rewritten ? '"' : layout.quote;
  const escapeMark = rewritten ? '"' : layout.escape;
  const longest = LONGEST_LINE * 2;
  const options = [
    'auto_detect=false',
    `header=${!rewritten && layout.header}`,
    `skip=${rewritten ? 0 : layout.skip}`,
    `delim=${literal(rewritten ? ',' : layout.delimiter)}`,
    `quote=${literal(quote)}`,
    `escape=${literal(quote === '' ? '' : escapeMark)}`,
    `nullstr=${literalList(rewritten ? [''] : settings.nullValues)}`,
    'allow_quoted_nulls=false',
    `parallel=${way === 'parallel'}`,
    `max_line_size=${longest}`,
    `buffer_size=${longest * 2}`,
    ...(paths.length > 1 ? ["filename='p'"] : []),
    `columns={${types.join(', ')}}`,
  ];
  return `read_csv(${literalList(paths)}, ${options.join(', ')})`;
}

function rejectsSql(path: string): string {
  const types = ['_file', 'line', 'byte_offset', 'code', 'reason', 'row'].map((name) => `${ident(name)}: 'VARCHAR'`);
  return (
    'SELECT "_file"::INTEGER AS "_file", line::BIGINT AS line, byte_offset::BIGINT AS byte_offset, code, reason, "row" ' +
    `FROM read_csv(${literal(path)}, auto_detect=false, header=false, delim=',', quote='"', escape='"', ` +
    `allow_quoted_nulls=false, parallel=false, columns={${types.join(', ')}})`
  );
}

function emptySql(columns: readonly string[], rowNumbers: boolean): string {
  const items = [...columns.map((name) => `NULL::VARCHAR AS ${ident(name)}`), 'NULL::INTEGER AS "_file"'];
  if (rowNumbers) items.push('NULL::BIGINT AS "_row"');
  return `SELECT ${items.join(', ')} WHERE false`;
}
