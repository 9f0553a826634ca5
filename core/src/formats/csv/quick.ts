import { open } from 'node:fs/promises';
import type { LocalFile } from '../../model/component.ts';
import type { Layout } from './layout.ts';
import { type Limits, type LineEnd, type Survey, survey } from './survey.ts';

/**
 * Reading before knowing: most files hold one record a line, and the engine reads those right. So it starts at once, in
 * parallel, while this counts the file's line ends. As many rows as lines: nothing was lost, split or merged. Otherwise the
 * rows are thrown away and the file is surveyed byte by byte.
 */
export interface QuickCount {
  rows: number;
  /** Something that the engine reads in another way than we do, with the same number of rows. */
  doubtful: boolean;
}

const LF = 10;
const CR = 13;
/** Where most first lines end. */
const FIRST_LINE = 64 * 1024;
/** Searched at a time: several searches find it in the processor's cache, and what else the thread does waits no longer. */
const SEARCHED = 512 * 1024;

/** Whether a layout's files may be read before they were looked at. */
export function mayBeQuick(layout: Layout): boolean {
  const plainMarks = layout.comment === null && layout.skip === 0 && /^[\x00-\x7f]$/.test(layout.delimiter);
  return plainMarks && layout.names.length > 1 && layout.quote === '"' && layout.escape === '"';
}

/** The file's line end, by its first one. null: none in the first bytes, or a lone CR. */
export async function firstLineEnd(file: LocalFile, limits: Limits): Promise<LineEnd | null> {
  const handle = await open(file.path, 'r');
  try {
    const most = Math.min(limits.chunk, file.size + 1);
    for (const size of new Set([Math.min(FIRST_LINE, most), most])) {
      const { buffer, bytesRead } = await handle.read(Buffer.allocUnsafe(size), 0, size, 0);
      const bytes = buffer.subarray(0, bytesRead);
      const at = bytes.indexOf(LF);
      if (at < 0) continue;
      const cr = bytes.indexOf(CR);
      if (cr >= 0 && cr < at - 1) return null;
      return cr === at - 1 && cr >= 0 ? '\r\n' : '\n';
    }
    return null;
  } finally {
    await handle.close();
  }
}

/** Counts the lines of a file that hold rows, chunk by chunk, so that other work of the thread goes on between. */
export async function countLines(
  file: LocalFile,
  layout: Layout,
  lineEnd: LineEnd,
  limits: Limits,
): Promise<QuickCount> {
  const handle = await open(file.path, 'r');
  // The engine drops one space before a quoted value and any number of them behind it.
  const d = layout.delimiter;
  const spaced = [`${d} "`, '\n "', `" ${d}`, '" \n', '" \r', '"  '];
  const size = Math.max(Math.min(limits.chunk, SEARCHED, file.size + 1), 16);
  const buffer = Buffer.allocUnsafe(size);
  let tail: Buffer = Buffer.alloc(0);
  let lines = 0;
  let doubtful = false;
  let last = LF;
  let place = 0;
  try {
    for (;;) {
      const { bytesRead } = await handle.read(buffer, 0, size, place);
      if (bytesRead === 0) break;
      const bytes = buffer.subarray(0, bytesRead);
      doubtful ||= acrossChunks(tail, bytes, spaced);
      for (let at = bytes.indexOf(LF); at >= 0; at = bytes.indexOf(LF, at + 1)) lines++;
      doubtful ||= (lineEnd === '\n' && bytes.includes(CR)) || hasMark(bytes, spaced);
      last = bytes[bytesRead - 1] ?? LF;
      tail = Buffer.from(bytes.subarray(-2));
      place += bytesRead;
    }
  } finally {
    await handle.close();
  }
  doubtful ||= tail.toString('latin1') === '" ';
  const rows = lines + (last === LF ? 0 : 1) - (layout.header ? 1 : 0);
  return { rows, doubtful };
}

/** Every mark holds a space beside a quote, and most text has neither pair: two searches instead of one for each mark. */
function hasMark(bytes: Buffer, marks: readonly string[]): boolean {
  return (bytes.includes('" ') || bytes.includes(' "')) && marks.some((mark) => bytes.includes(mark));
}

/** Marks of three bytes may lie across two chunks. */
function acrossChunks(tail: Buffer, bytes: Buffer, marks: readonly string[]): boolean {
  const seam = Buffer.concat([tail, bytes.subarray(0, 2)]);
  return marks.some((mark) => seam.includes(mark));
}

/** What was found out about files in this thread, so that a second reading does not find it out again. */
const surveys = new Map<string, Survey>();
const MOST = 1000;

function keyOf(file: LocalFile, checkRows: boolean): string {
  return JSON.stringify([file.path, file.size, file.modified_at, checkRows]);
}

export function wasSurveyed(file: LocalFile, checkRows: boolean): boolean {
  return surveys.has(keyOf(file, checkRows));
}

export async function surveyOnce(file: LocalFile, layout: Layout, checkRows: boolean, limits: Limits): Promise<Survey> {
  const key = keyOf(file, checkRows);
  const known = surveys.get(key);
  if (known) return known;
  const found = await survey(file.path, layout, checkRows, limits);
  if (surveys.size >= MOST) surveys.clear();
  surveys.set(key, found);
  return found;
}
