import type { LocalFile } from '../../model/component.ts';
import { SluiceError } from '../../model/error.ts';
import { distinctNames, key } from '../shared/names.ts';
import type { Sample } from '../shared/sample.ts';
import type { FoundEncoding } from '../shared/text.ts';
import { widthOf } from './faults.ts';
import type { Layout } from './layout.ts';
import { type CsvRecord, isBlank, RecordReader, type RecordShape, type RecordView } from './records.ts';
import { type CsvSettings, grammarOf } from './settings.ts';

/** What the first bytes of one file say. */
export interface FileSniff {
  layout: Layout;
  /** Records of data that it was seen in. */
  records: number;
  /** Why the header was taken for one or not, in words. */
  header: string;
  encoding: FoundEncoding;
  /** What may be read otherwise than it is meant, in words. */
  doubt: string | null;
}

const DELIMITERS = [',', ';', '\t', '|'];
/** For one-column text that holds all of them: a separator that text does not use. */
const NEVER = '\u001f';
const MOST_RECORDS = 2000;

/** Excel's own first line, which names the delimiter and is no row. */
const SEPARATOR = /^(?:sep=(.)|"sep=(.)")[\t ;,]*(?:\r\n|\r|\n)/is;

/** The settings for a file that begins with such a line: it is skipped, and gives the delimiter where none is declared. */
function withSeparator(sample: Sample, settings: CsvSettings): CsvSettings {
  if (settings.skipRows > 0) return settings;
  const found = SEPARATOR.exec(sample.bytes.toString('latin1', 0, 32));
  const delimiter = found?.[1] ?? found?.[2];
  if (delimiter === undefined || (settings.delimiter !== null && settings.delimiter !== delimiter)) return settings;
  return { ...settings, skipRows: 1, delimiter };
}

/** Whether a sample ends before its first record does, so that more of the file is needed. */
export function isTooShort(sample: Sample, settings: CsvSettings): boolean {
  if (sample.whole) return false;
  const delimiters = settings.delimiter === null ? DELIMITERS : [settings.delimiter];
  return delimiters.some((delimiter) => readShapes(sample, settings, delimiter, 1).length === 0);
}

/** Finds out how a file is written. Null: it holds no record. `like` is what the run's first file has, where there is one. */
export function sniffFile(
  file: LocalFile,
  sample: Sample,
  given: CsvSettings,
  like: Pick<FileSniff, 'layout'> | null,
  encoding: FoundEncoding,
): FileSniff | null {
  const settings = withSeparator(sample, given);
  const preferred = like?.layout.delimiter ?? null;
  const found = settings.delimiter === null ? findDelimiter(sample, settings, preferred) : settings.delimiter;
  const records = readRecords(sample, settings, found);
  const [first] = records;
  if (!first) return null;
  const data = records.slice(1);
  const verdict = hasHeader(first, data, settings, like);
  const raw = verdict.header ? first.fields.map((field) => field.text) : [];
  const names = verdict.header ? raw : first.fields.map((_, i) => `column_${i + 1}`);
  if (verdict.header && first.fault) throw badHeader(file, first);
  if (settings.duplicateHeaders === 'fail') refuseDuplicates(file, first.line, raw);
  if (!verdict.header && like?.layout.header) throw noHeader(file, first, like);
  return {
    layout: {
      ...grammarOf(settings, found),
      encoding: encoding.encoding,
      footer: settings.skipFooter,
      header: verdict.header,
      skip: first.line - 1,
      names: distinctNames(names),
    },
    encoding,
    doubt: settings.delimiter === null && names.length === 1 ? splitBelow(file, sample, settings) : null,
    records: verdict.header ? data.length : records.length,
    header: verdict.reason,
  };
}

function refuseDuplicates(file: LocalFile, line: number, names: readonly string[]): void {
  const keys = names.map((name) => key(name.trim()));
  const twice = names.find((_, i) => keys[i] !== '' && keys.indexOf(keys[i] ?? '') < i);
  if (twice === undefined) return;
  throw new SluiceError(
    'format/duplicate-header',
    'data',
    `${file.name}, line ${line}: two columns are named ${twice}`,
    {
      where: { path: file.name, line, column: twice },
      hint: 'Give one of them another name in the file, or set `duplicate_headers: rename`.',
    },
  );
}

function badHeader(file: LocalFile, first: CsvRecord): SluiceError {
  const reason =
    first.fault === 'bytes'
      ? 'the header holds bytes that its encoding has no character for'
      : first.fault === 'open'
        ? 'a quote in the header is never closed'
        : 'text stands behind a closing quote in the header';
  return new SluiceError(
    first.fault === 'bytes' ? 'format/encoding' : 'format/quote',
    'data',
    `${file.name}, line ${first.line}: ${reason}`,
    {
      where: { path: file.name, line: first.line },
      hint: 'Correct the header, or set `quote` to the character that the file uses ("" where it uses none).',
    },
  );
}

function noHeader(file: LocalFile, first: CsvRecord, like: Pick<FileSniff, 'layout'>): SluiceError {
  const names = like.layout.names.slice(0, 5).join(', ');
  return new SluiceError(
    'format/no-header',
    'data',
    `${file.name}, line ${first.line}: the line is data, where the other files have a header (${names} …)`,
    {
      where: { path: file.name, line: first.line },
      hint: 'Set `header: true` where it is a header after all; else give the file one, or take files without a header in a job of their own.',
    },
  );
}

/** Complete records of a sample behind the skipped lines, blank ones left out. */
function readRecords(sample: Sample, settings: CsvSettings, delimiter: string): CsvRecord[] {
  return collect(sample, settings, delimiter, (record) => record.keep());
}

/** As `readRecords`, for what is asked under each delimiter: making texts of the values takes far longer than finding them. */
function readShapes(sample: Sample, settings: CsvSettings, delimiter: string, most = MOST_RECORDS): RecordShape[] {
  return collect(sample, settings, delimiter, (record) => record.shape(), most);
}

function collect<T>(
  sample: Sample,
  settings: CsvSettings,
  delimiter: string,
  take: (record: RecordView) => T,
  most = MOST_RECORDS,
): T[] {
  const start = { offset: 0, line: 1, skip: settings.skipRows };
  const taken: T[] = [];
  new RecordReader(grammarOf(settings, delimiter), start).push(sample.bytes, sample.whole, (record) => {
    if (!isBlank(record)) taken.push(take(record));
    return taken.length < most;
  });
  return taken;
}

interface Candidate {
  delimiter: string;
  columns: number;
  /** Share of the data records that have the header's width. */
  score: number;
}

/**
 * The delimiter under which the first record has several values and most others have as many. Where none splits the
 * first record the text is one column, whatever later values hold.
 */
function findDelimiter(sample: Sample, settings: CsvSettings, preferred: string | null): string {
  const order = preferred === null ? DELIMITERS : [preferred, ...DELIMITERS.filter((d) => d !== preferred)];
  const candidates: Candidate[] = [];
  for (const delimiter of order) {
    const [first, ...data] = readShapes(sample, settings, delimiter);
    const columns = first?.width ?? 0;
    if (columns < 2) continue;
    const alike = data.filter((record) => record.fault === null && widthOf(record, columns) === columns).length;
    const unsplit = data.length > 0 && data.every((record) => record.width === 1);
    if (unsplit) continue;
    candidates.push({ delimiter, columns, score: data.length === 0 ? 1 : alike / data.length });
  }
  candidates.sort((a, b) => b.score - a.score || b.columns - a.columns);
  const best = candidates[0];
  if (best) return best.delimiter;
  if (preferred === NEVER) return NEVER;
  const absent = order.find((d) => readShapes(sample, settings, d).every((record) => record.width === 1));
  return absent ?? NEVER;
}

/** Text of one column whose lines behind the first all split alike: that one may be a title, or another delimiter is meant. */
function splitBelow(file: LocalFile, sample: Sample, settings: CsvSettings): string | null {
  for (const delimiter of DELIMITERS) {
    const [first, ...data] = readShapes(sample, settings, delimiter);
    const width = data[0]?.width ?? 1;
    if (!first || data.length < 2 || width < 2 || !data.every((r) => r.width === width && r.fault === null)) continue;
    const shown = JSON.stringify(delimiter);
    return (
      `${file.name} is read as one column, because line ${first.line} holds no ${shown}; the lines behind it all hold ` +
      `${width} values by it. Set \`skip_rows\` where that line is no header, or \`delimiter\` where one column is meant.`
    );
  }
  return null;
}

const TYPED =
  /^\s*(?:[+-]?(?:\d[\d.,' ]*|[.,]\d+)(?:e[+-]?\d+)?%?|\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}(?:[T ].*)?|\d{1,2}:\d{2}(?::\d{2}.*)?|true|false|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})\s*$/i;

/** Most jobs have a header, so it takes a value of data in the first line (a number, date, id) over its like to deny it. */
function hasHeader(
  first: CsvRecord,
  data: readonly CsvRecord[],
  settings: CsvSettings,
  like: Pick<FileSniff, 'layout'> | null,
): { header: boolean; reason: string } {
  if (settings.header !== null) return { header: settings.header, reason: 'declared' };
  if (like && !like.layout.header) return { header: false, reason: 'as in the first file' };
  const names = distinctNames(first.fields.map((field) => field.text));
  if (like && names.some((name) => like.layout.names.includes(name)))
    return { header: true, reason: 'names of the first file' };
  for (const [i, field] of first.fields.entries()) {
    if (!TYPED.test(field.text)) continue;
    const below = data.map((record) => record.fields[i]?.text ?? '').filter((text) => text !== '');
    const typed = below.filter((text) => TYPED.test(text)).length;
    if (below.length === 0 || typed * 2 > below.length) {
      return { header: false, reason: `value ${i + 1} of line ${first.line} is data like the ones below it` };
    }
  }
  return { header: true, reason: `line ${first.line} holds names` };
}
