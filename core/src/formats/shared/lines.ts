import { isUtf8 } from 'node:buffer';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { Engine, LocalFile, Scan, Sniffed } from '../../model/component.ts';
import { SluiceError } from '../../model/error.ts';
import { knownEncoding } from './encodings.ts';
import { ownCsvSql } from './own-csv.ts';
import { type TextForm, textChunks, textStart } from './text.ts';
import { FLUSH, KEPT_TEXT, rejectLine, rejectsSql, Writer } from './writer.ts';

/** How formats read a file whose rows are its lines. */
export interface LineSettings {
  /** One of the specs' names; `auto`: to be found out. */
  encoding: string;
  /** Lines before the first row and behind the last one. */
  skip: number;
  footer: number;
  /** Lines without anything but spaces are rows too. */
  blanks: boolean;
  /** The characters that a whole line has at least, where lines are padded; null: any number. */
  reach: number | null;
}

/** The line that is being visited. One object serves all lines. */
interface Line {
  bytes: Buffer;
  /** Its first byte in `bytes`, and the first one behind it. */
  from: number;
  to: number;
  /** Physical number, from 1, and place of its first byte in the file. */
  line: number;
  start: number;
  /** It ends in a line end. */
  ended: boolean;
  /** It holds bytes that stand for no character. */
  bad: boolean;
}

const LF = 10;
const CR = 13;
const SPACE = 32;
/** Ends files that DOS programs wrote. */
const SUBSTITUTE = 26;
/** A longer line is no line of data. */
const LONGEST_LINE = 64 * 1024 * 1024;

/** Visits the lines of a text until `visit` gives false. Ends may be LF, CRLF or CR. `between` runs after each chunk. */
async function visitLines(
  path: string,
  form: TextForm,
  visit: (line: Line) => boolean,
  between: (bytes: number) => Promise<void> = async () => {},
): Promise<void> {
  const line: Line = {
    bytes: Buffer.alloc(0),
    from: 0,
    to: 0,
    line: 0,
    start: await textStart(path, form),
    ended: true,
    bad: false,
  };
  let pending: Buffer = Buffer.alloc(0);
  // Takes what is complete; `last` says that no bytes follow. false: enough.
  const take = (last: boolean): boolean => {
    const bytes = pending;
    const valid = isUtf8(bytes);
    line.bytes = bytes;
    let at = 0;
    let lf = -2;
    let cr = -2;
    while (at < bytes.length) {
      if (lf !== -1 && lf < at) lf = bytes.indexOf(LF, at);
      if (cr !== -1 && cr < at) cr = bytes.indexOf(CR, at);
      const end = cr >= 0 && (lf < 0 || cr < lf) ? cr : lf;
      const known = end >= 0 && !(end === cr && end + 1 === bytes.length && !last);
      if (!known && !last && bytes.length - at < LONGEST_LINE) break;
      line.from = at;
      line.to = known ? end : bytes.length;
      line.ended = known;
      line.line++;
      line.bad = !valid && !isUtf8(bytes.subarray(at, line.to));
      if (!visit(line)) return false;
      const next = known ? end + (end === cr && bytes[end + 1] === LF ? 2 : 1) : bytes.length;
      line.start += next - at;
      at = next;
    }
    pending = bytes.subarray(at);
    return true;
  };
  for await (const chunk of textChunks(path, form)) {
    pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
    const more = take(false);
    await between(chunk.length);
    if (!more) return;
  }
  take(true);
  await between(0);
}

interface Fault {
  code: 'format/encoding' | 'format/row-width' | 'format/line-length';
  reason: string;
}

interface Written {
  rows: number;
  rejects: number;
  size: number;
  longest: number;
}

/** Lines and rows of a file before a piece of it. */
interface Before {
  lines: number;
  rows: number;
}

interface WriteOptions {
  /** Rows and lines are numbered as in the whole file, which costs a pass over what lies before a piece; else from the piece on. */
  numbered: boolean;
  /** Where the rows go, in the one form that the engine reads without fail: text, number of the row, of the line, place in bytes. */
  rows: string;
  /** Where bad rows go; null: the first one is thrown. */
  rejects: string | null;
  limit: number;
  /** Told of bytes as they are read. */
  onBytes: (count: number) => void;
}

/** Writes a file's rows anew. Throws `format/*` errors at the first bad one where `rejects` is null. */
async function writeLines(
  file: LocalFile,
  form: TextForm,
  settings: LineSettings,
  options: WriteOptions,
): Promise<Written> {
  const rows = new Writer(await open(options.rows, 'w'));
  const rejects = options.rejects === null ? null : new Writer(await open(options.rejects, 'a'));
  const done = { rows: 0, rejects: 0, size: 0, longest: 0 };
  const placed = form.encoding === 'utf-8';
  const faultOf = faults(form, settings);
  // Where nobody asks for numbers it is enough to know whether the lines to skip are over.
  const most = options.numbered || settings.reach !== null ? Number.POSITIVE_INFINITY : settings.skip;
  const before = await countBefore(file, form, settings, most, faultOf);
  const numberOf = (line: Line) => (options.numbered ? before.lines : 0) + line.line;
  let found: { place: { line: number; start: number | null }; fault: Fault } | null = null;
  const take = (line: Line): boolean => {
    if (!isRow(line, before.lines + line.line, settings)) return true;
    const fault = faultOf(line);
    const place = { line: numberOf(line), start: placed ? line.start : null };
    if (fault && !rejects) {
      found = { place, fault };
      return false;
    }
    if (fault) {
      const text = line.bytes.toString('utf8', line.from, Math.min(line.to, line.from + KEPT_TEXT));
      rejects?.text(rejectLine(file.ordinal, place, fault, text));
      done.rejects++;
      return true;
    }
    const size = rows.size;
    rows.value(line.bytes, line.from, line.to);
    done.rows++;
    rows.text(`${before.rows + done.rows + done.rejects},${place.line},${place.start ?? ''}\n`);
    done.longest = Math.max(done.longest, rows.size - size);
    return done.rows < options.limit;
  };
  try {
    await visitLines(file.path, form, take, async (bytes) => {
      options.onBytes(bytes);
      await rows.flush(FLUSH);
      await rejects?.flush(FLUSH);
    });
    await rows.flush(0);
    await rejects?.flush(0);
    if (found) await throwFault(file, form, settings, found, options.numbered);
    return { ...done, size: rows.written };
  } finally {
    await rows.close();
    await rejects?.close();
  }
}

/** What lies before a piece of a file, up to so many lines; `seen` gets to see its rows. */
async function countBefore(
  file: LocalFile,
  form: TextForm,
  settings: LineSettings,
  most: number,
  seen: (line: Line) => unknown = () => {},
): Promise<Before> {
  const from = file.range?.[0] ?? 0;
  const before = { lines: 0, rows: 0 };
  if (from === 0 || most === 0) return before;
  await visitLines(file.path, { ...form, range: [0, from] }, (line) => {
    before.lines++;
    if (isRow(line, line.line, settings)) {
      before.rows++;
      seen(line);
    }
    return before.lines < most;
  });
  return before;
}

/** Lines of a file before the piece of it. */
export async function linesBefore(file: LocalFile, sniffed: Sniffed, settings: LineSettings): Promise<number> {
  const encoding = await knownEncoding(file, sniffed.dialect, settings.encoding);
  const all = Number.POSITIVE_INFINITY;
  return (await countBefore(file, { encoding, footer: settings.footer }, settings, all)).lines;
}

function isRow(line: Line, number: number, settings: LineSettings): boolean {
  return number > settings.skip && (settings.blanks || !isBlank(line)) && !isDosEnd(line);
}

/** What keeps a line from being a row. The last line of a file whose lines were whole so far is cut off where it is short and does not end. */
function faults(form: TextForm, { reach }: LineSettings): (line: Line) => Fault | null {
  let whole = 0;
  let short = false;
  return (line) => {
    if (line.bad) {
      const kind = form.encoding === 'utf-8' ? 'that are no UTF-8' : `for which ${form.encoding} has no character`;
      return { code: 'format/encoding', reason: `the line holds bytes ${kind}` };
    }
    if (line.to - line.from >= LONGEST_LINE) {
      return { code: 'format/line-length', reason: `the line is longer than ${LONGEST_LINE} bytes` };
    }
    if (reach === null || short) return null;
    if (hasCharacters(line, reach)) whole++;
    else if (!line.ended && whole > 0) {
      return { code: 'format/row-width', reason: `the file's last line is cut off before character ${reach}` };
    } else short = true;
    return null;
  };
}

/** Whether a line has at least so many characters. */
function hasCharacters(line: Line, most: number): boolean {
  let count = 0;
  for (let i = line.from; i < line.to && count < most; i++) if (((line.bytes[i] as number) & 0xc0) !== 0x80) count++;
  return count >= most;
}

function isBlank(line: Line): boolean {
  for (let i = line.from; i < line.to; i++) if (line.bytes[i] !== SPACE) return false;
  return true;
}

function isDosEnd(line: Line): boolean {
  return !line.ended && line.to === line.from + 1 && line.bytes[line.from] === SUBSTITUTE;
}

const HINTS: Record<Fault['code'], string> = {
  'format/encoding':
    'Say how the file is written, such as `encoding: windows-1252`, or set `on_bad_row: quarantine` to set such rows aside.',
  'format/row-width':
    'Fetch the file again; where its last line is whole, end it in a line end. Or set `on_bad_row: quarantine` to set it aside.',
  'format/line-length': 'Look whether the file is text, or set `on_bad_row: quarantine` to set such rows aside.',
};

async function throwFault(
  file: LocalFile,
  form: TextForm,
  settings: LineSettings,
  { place, fault }: { place: { line: number; start: number | null }; fault: Fault },
  numbered: boolean,
): Promise<never> {
  const before = numbered ? 0 : (await countBefore(file, form, settings, Number.POSITIVE_INFINITY)).lines;
  const line = before + place.line;
  throw new SluiceError(fault.code, 'data', `${file.name}, line ${line}: ${fault.reason}`, {
    where: { path: file.name, line, ...(place.start === null ? {} : { byte_offset: place.start }) },
    hint: HINTS[fault.code],
  });
}

let made = 0;

/** The lines of some files as a relation. */
export interface Lines {
  /** A SELECT for each file: `t` its text, `n` the row's number, `l` its line, `o` its place in bytes or NULL, `f` the file's ordinal. */
  parts: string[];
  /** As `Scan.rejects`. */
  rejects: string | null;
  /** `n` and `l` count from the file's beginning, not from that of the piece. */
  numbered: boolean;
}

/** Makes the lines of files readable by the engine. Throws `format/*` errors where bad rows are not skipped. */
export async function scanLines(
  files: readonly LocalFile[],
  sniffed: Sniffed,
  settings: LineSettings,
  engine: Engine,
  options: { rowNumbers: boolean; limit?: number; skipBadRows: boolean },
): Promise<Lines> {
  const name = `lines-${process.pid}-${made++}`;
  const rejects = options.skipBadRows ? join(engine.spool, `${name}.rejects.csv`) : null;
  const limit = options.limit ?? Number.POSITIVE_INFINITY;
  const onBytes = (count: number) => engine.readBytes?.(count);
  const numbered = options.limit === undefined && (options.rowNumbers || options.skipBadRows);
  const parts: string[] = [];
  let rejected = 0;
  for (const file of files) {
    const encoding = await knownEncoding(file, sniffed.dialect, settings.encoding);
    const rows = join(engine.spool, `${name}-${file.ordinal}.csv`);
    const form = { encoding, footer: settings.footer, ...(file.range ? { range: file.range } : {}) };
    const done = await writeLines(file, form, settings, { rows, rejects, limit, numbered, onBytes });
    rejected += done.rejects;
    parts.push(linesSql(file, rows, done));
  }
  return { parts, rejects: rejects !== null && rejected > 0 ? rejectsSql(rejects) : null, numbered };
}

function linesSql(file: LocalFile, path: string, written: Written): string {
  const types = { t: 'VARCHAR', n: 'BIGINT', l: 'BIGINT', o: 'BIGINT' };
  return `SELECT t, n, l, o, ${file.ordinal}::INTEGER AS f FROM ${ownCsvSql({ ...written, path }, types)}`;
}

/** The scan of lines by a SELECT list for `t`; `where` keeps rows out, which a SELECT made by `rejects` then yields. */
export function linesScan(
  lines: Lines,
  items: string,
  options: { rowNumbers: boolean; limit?: number },
  filter?: { where: string; rejects: ((lines: string) => string) | null },
): Scan {
  const number = options.rowNumbers ? ', n AS "_row"' : '';
  const none = `SELECT NULL::VARCHAR AS t, NULL::BIGINT AS n, NULL::BIGINT AS l, NULL::BIGINT AS o, NULL::INTEGER AS f WHERE false`;
  const where = filter ? ` WHERE ${filter.where}` : '';
  const parts = (lines.parts.length > 0 ? lines.parts : [none]).map(
    (part) => `SELECT ${items}, f AS "_file"${number} FROM (${part})${where}`,
  );
  const sql = parts.join(' UNION ALL ');
  const more = filter?.rejects ? lines.parts.map(filter.rejects) : [];
  const rejects = [...(lines.rejects === null ? [] : [lines.rejects]), ...more];
  return {
    sql: options.limit === undefined ? sql : `SELECT * FROM (${sql}) LIMIT ${options.limit}`,
    rejects: rejects.length > 0 ? rejects.join(' UNION ALL ') : null,
  };
}
