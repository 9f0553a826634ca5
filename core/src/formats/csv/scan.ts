import { join } from 'node:path';
import type { Engine, LocalFile, Scan } from '../../model/component.ts';
import { ident, literal, literalList } from '../../model/sql.ts';
import { key } from '../shared/names.ts';
import { plainPath } from '../shared/path.ts';
import { scanSql } from '../shared/scan-sql.ts';
import { plainText } from '../shared/text.ts';
import { rejectsSql } from '../shared/writer.ts';
import { type Layout, sameLayout } from './layout.ts';
import { countLines, firstLineEnd, mayBeQuick, type QuickCount, surveyOnce, wasSurveyed } from './quick.ts';
import { rewrite } from './rewrite.ts';
import type { CsvSettings } from './settings.ts';
import { LIMITS, type Limits, type LineEnd } from './survey.ts';

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
  size: number;
  /** Bytes that its longest line may have. */
  line: number;
  lineEnd: LineEnd | null;
}

/** Bytes that a buffer has beyond the file's, so that it is never filled. */
const SLACK = 64 * 1024;

let made = 0;

/** Looks at each file, writes anew those that the engine would not read right, and puts the SELECT together. */
export async function buildScan(
  sources: readonly { file: LocalFile; layout: Layout }[],
  columns: readonly string[],
  settings: CsvSettings,
  engine: Engine,
  options: ScanOptions,
  limits: Limits = LIMITS,
): Promise<Scan> {
  // A sample is decoded as far as it is read.
  const files = options.limit === undefined ? await plainFiles(sources, engine) : sources;
  const quick = options.limit === undefined ? await quickScan(files, columns, settings, engine, options, limits) : null;
  if (quick) return quick;
  const name = `csv-${process.pid}-${made++}`;
  const rejects = options.skipBadRows ? join(engine.spool, `${name}.rejects.csv`) : null;
  let rejected = 0;
  const readable: Readable[] = [];
  for (const [i, { file, layout }] of files.entries()) {
    // A sample is written anew, because that reads no more of the file than it needs.
    const found = options.limit === undefined ? await surveyOnce(file, layout, options.skipBadRows, limits) : null;
    if (found?.regular) {
      const way = found.parallel && found.size > limits.onePiece ? 'parallel' : 'serial';
      const path = await plainPath(file, engine);
      readable.push({ file, layout, path, way, size: found.size, line: limits.line * 2, lineEnd: found.lineEnd });
      continue;
    }
    const rows = join(engine.spool, `${name}-${file.ordinal}.csv`);
    const limit = options.limit ?? null;
    const encoding = sources[i]?.layout.encoding ?? layout.encoding;
    const done = await rewrite(file, layout, { rows, rejects, nullValues: settings.nullValues, encoding, limit });
    rejected += done.rejects;
    readable.push({
      file,
      layout,
      path: rows,
      way: 'rewritten',
      size: done.size,
      line: Math.max(limits.line * 2, done.longest),
      lineEnd: '\n',
    });
  }
  const parts = grouped(readable, options.rowNumbers).map((group) =>
    groupSql(group, columns, { settings, rowNumbers: options.rowNumbers, limits }),
  );
  const texts = columns.map((name) => ({ name, type: null }));
  return {
    sql: scanSql(parts, texts, options),
    rejects: rejects !== null && rejected > 0 ? rejectsSql(rejects) : null,
  };
}

/** Files in UTF-8 without a footer, as all that follows reads them. */
async function plainFiles(
  files: readonly { file: LocalFile; layout: Layout }[],
  engine: Engine,
): Promise<{ file: LocalFile; layout: Layout }[]> {
  const plain: { file: LocalFile; layout: Layout }[] = [];
  for (const { file, layout } of files) {
    const form = { encoding: layout.encoding, footer: layout.footer };
    plain.push({ file: await plainText(file, form, engine), layout: { ...layout, encoding: 'utf-8', footer: 0 } });
  }
  return plain;
}

/** A scan that starts before the files were looked at, or null where that is not for them. */
async function quickScan(
  files: readonly { file: LocalFile; layout: Layout }[],
  columns: readonly string[],
  settings: CsvSettings,
  engine: Engine,
  options: ScanOptions,
  limits: Limits,
): Promise<Scan | null> {
  const fit = files.every(({ file, layout }) => mayBeQuick(layout) && !wasSurveyed(file, options.skipBadRows));
  if (!fit || files.length === 0) return null;
  const readable: Readable[] = [];
  for (const { file, layout } of files) {
    const lineEnd = await firstLineEnd(file, limits);
    if (lineEnd === null) return null;
    const way = file.size > limits.onePiece ? 'parallel' : 'serial';
    const path = await plainPath(file, engine);
    readable.push({ file, layout, path, way, size: file.size, line: limits.line * 2, lineEnd });
  }
  const reading = { settings, rowNumbers: options.rowNumbers, limits };
  const sql = grouped(readable, options.rowNumbers)
    .map((group) => groupSql(group, columns, reading))
    .join(' UNION ALL ');
  return { sql, rejects: null, confirm: confirmation(readable, options.skipBadRows, limits) };
}

/**
 * Counts lines while the engine reads, file by file, since the thread that counts is also the one that has to start the query; in doubt,
 * and where the query failed, each file is surveyed, which the next scan uses.
 */
function confirmation(readable: readonly Readable[], checkRows: boolean, limits: Limits): Scan['confirm'] & {} {
  const counting = countAll(readable, limits);
  // Asked for later; a file that went away meanwhile is the engine's to tell.
  counting.catch(() => undefined);
  return async (rows) => {
    if (rows !== null) {
      const counts = await counting;
      const expected = counts.reduce((sum, c) => sum + c.rows, 0);
      if (expected === rows && !counts.some((c) => c.doubtful)) return true;
    }
    const surveys = await Promise.all(readable.map((r) => surveyOnce(r.file, r.layout, checkRows, limits)));
    return rows === null && surveys.every((s, i) => s.regular && (s.parallel || readable[i]?.way === 'serial'));
  };
}

async function countAll(readable: readonly Readable[], limits: Limits): Promise<QuickCount[]> {
  const counts: QuickCount[] = [];
  for (const { file, layout, lineEnd } of readable)
    counts.push(await countLines(file, layout, lineEnd ?? '\n', limits));
  return counts;
}

/** Neighbours that one read can take. With row numbers each file is read by itself. */
function grouped(files: readonly Readable[], alone: boolean): Readable[][] {
  const groups: Readable[][] = [];
  for (const file of files) {
    const group = groups.at(-1);
    const first = group?.[0];
    const alike =
      first && first.way === file.way && first.lineEnd === file.lineEnd && sameLayout(first.layout, file.layout);
    if (group && alike && !alone) group.push(file);
    else groups.push([file]);
  }
  return groups;
}

interface Reading {
  settings: CsvSettings;
  rowNumbers: boolean;
  limits: Limits;
}

function groupSql(group: readonly Readable[], columns: readonly string[], reading: Reading): string {
  const first = group[0] as Readable;
  const { layout, way } = first;
  const places = new Map(layout.names.map((name, i) => [key(name), i]));
  const items = columns.map((name) => {
    const place = places.get(key(name));
    return `${place === undefined ? 'NULL::VARCHAR' : `c${place}`} AS ${ident(name)}`;
  });
  items.push(`${ordinalSql(group)} AS "_file"`);
  if (reading.rowNumbers) items.push(`${way === 'rewritten' ? 'n::BIGINT' : 'row_number() OVER ()'} AS "_row"`);
  return `SELECT ${items.join(', ')} FROM ${readCsv(group, first, reading)}`;
}

function ordinalSql(group: readonly Readable[]): string {
  if (group.length === 1) return `${group[0]?.file.ordinal ?? 0}::INTEGER`;
  const ordinals = group.map((file) => file.file.ordinal).join(', ');
  return `list_extract([${ordinals}], list_position(${literalList(group.map((file) => file.path))}, p))::INTEGER`;
}

function readCsv(group: readonly Readable[], first: Readable, reading: Reading): string {
  const { layout, way } = first;
  const rewritten = way === 'rewritten';
  const types = layout.names.map((_, i) => `c${i}: 'VARCHAR'`);
  if (rewritten) types.push("n: 'VARCHAR'");
  const quote = rewritten ? '"' : layout.quote;
  const escapeMark = rewritten ? '"' : layout.escape;
  const { settings, limits } = reading;
  // A buffer is allocated whole, so small files get a small one.
  const size = Math.max(...group.map((file) => file.size)) + SLACK;
  const line = Math.min(size, Math.max(...group.map((file) => file.line)));
  const buffer = Math.min(size, Math.max(limits.buffer, line * 2));
  const paths = group.map((file) => file.path);
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
    `max_line_size=${line}`,
    `buffer_size=${buffer}`,
    ...(first.lineEnd === null ? [] : [`new_line=${literal(JSON.stringify(first.lineEnd).slice(1, -1))}`]),
    ...(paths.length > 1 ? ["filename='p'"] : []),
    `columns={${types.join(', ')}}`,
  ];
  return `read_csv(${literalList(paths)}, ${options.join(', ')})`;
}
