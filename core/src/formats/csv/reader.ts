import type { FormatReader, LocalFile, Sniffed } from '../../model/component.ts';
import { SluiceError } from '../../model/error.ts';
import type { JsonObject } from '../../model/json.ts';
import { guessed, refuseUnsaid } from '../shared/encodings.ts';
import { headGone } from '../shared/kept.ts';
import { key } from '../shared/names.ts';
import { lineBytes } from '../shared/sample.ts';
import { encodingOf, textSample } from '../shared/text.ts';
import { firstFault } from './faults.ts';
import { type Dialect, type Layout, layoutOf, sameLayout } from './layout.ts';
import { buildScan } from './scan.ts';
import { type CsvSettings, readSettings } from './settings.ts';
import { type FileSniff, isTooShort, sniffFile } from './sniff.ts';

/** Bytes looked at in each of the first files, and in each one after them, where the header is what matters. */
const FULL_SAMPLE = 256 * 1024;
const HEAD_SAMPLE = 32 * 1024;
const FULL_SAMPLES = 16;
/** A first record that is longer is no header but a quote that is never closed. */
const LONGEST_HEADER = 16 * 1024 * 1024;

/** Layouts of files that were first seen by a scan, so that an error of that scan finds its place. */
const lateLayouts = new WeakMap<Sniffed, Map<number, Layout | null>>();

export const csv: FormatReader = {
  lines: true,
  async sniff(files, settings) {
    const read = readSettings(settings);
    const seen: { file: LocalFile; found: FileSniff | null }[] = [];
    for (const file of files) seen.push({ file, found: await sniffOne(file, read, seen) });
    const first = seen.find(({ found }) => found !== null)?.file;
    return { ...toSniffed(seen), ...(first ? await lineBytes(first) : {}) };
  },

  pin(sniffed, settings) {
    const { layouts } = sniffed.dialect as Dialect;
    const [first] = layouts;
    const read = readSettings(settings);
    const shared = <K extends keyof Layout>(key: K) => first && layouts.every((layout) => layout[key] === first[key]);
    const found: JsonObject = {};
    if (!first) return found;
    if (read.delimiter === null && shared('delimiter') && first.names.length > 1) found.delimiter = first.delimiter;
    if (read.header === null && shared('header')) found.header = first.header;
    if (read.encoding === 'auto' && shared('encoding')) found.encoding = first.encoding;
    return found;
  },

  async again(settings, file) {
    const read = readSettings(settings);
    const source = await file();
    const found = source && (await sniffBytes(source, read, FULL_SAMPLE, null));
    if (!found) throw headGone();
    const { names, delimiter } = found.layout;
    const { quote } = read;
    const named = (name: string) => (quote === '' ? name : quote + name.replaceAll(quote, read.escape + quote) + quote);
    const fixed = { header: true, delimiter, encoding: 'utf-8', skip_rows: 0, skip_footer: 0 };
    return {
      settings: { ...settings, ...fixed },
      head: `${names.map(named).join(delimiter)}\n`,
      write: (text) => `${text}\n`,
      alone: (text) => /[\r\n]/.test(text) || (quote !== '' && text.includes(quote)),
    };
  },

  async scan(files, sniffed, settings, engine, options) {
    const read = readSettings(settings);
    const columns = sniffed.columns.map((column) => column.name);
    const known = await layouts(files, sniffed, read);
    const filled = known.flatMap(({ file, layout }) => (layout === null ? [] : [{ file, layout }]));
    return buildScan(filled, columns, read, engine, options);
  },

  async explain(error, files, sniffed) {
    if (!isReaderError(error)) return null;
    const named = files.filter((file) => error.message.includes(file.path));
    for (const file of named.length > 0 ? named : files) {
      const layout = layoutOf(sniffed.dialect as Dialect, file.ordinal) ?? lateLayouts.get(sniffed)?.get(file.ordinal);
      const found = layout ? await firstFault(file, layout) : null;
      if (found) return found;
    }
    const [file] = named;
    const [reason = ''] = error.message.split('\n');
    return new SluiceError('format/unreadable', 'data', `${file?.name ?? 'A CSV file'} cannot be read: ${reason}`, {
      ...(file ? { where: { path: file.name } } : {}),
      hint: 'Declare the dialect (delimiter, quote, escape) under `format`.',
      cause: error,
    });
  },
};

/** Errors of the engine's CSV reader; other errors of the same query are none of ours. */
function isReaderError(error: Error): boolean {
  return /CSV Error on|CSV Parser|CSV File|CSV Reader|read_csv|not utf-8 encoded/i.test(error.message);
}

async function sniffOne(
  file: LocalFile,
  settings: CsvSettings,
  seen: readonly { found: FileSniff | null }[],
): Promise<FileSniff | null> {
  const first = seen.find((entry) => entry.found !== null)?.found ?? null;
  return sniffBytes(file, settings, seen.length < FULL_SAMPLES ? FULL_SAMPLE : HEAD_SAMPLE, first);
}

/** Sniffs a file's first bytes: as many as are asked for, or as its first record takes. */
async function sniffBytes(
  file: LocalFile,
  settings: CsvSettings,
  least: number,
  like: Pick<FileSniff, 'layout'> | null,
): Promise<FileSniff | null> {
  const encoding = await encodingOf(file, settings.encoding);
  const form = { encoding: encoding.encoding, footer: settings.skipFooter };
  for (let size = least; ; size *= 8) {
    const sample = await textSample(file, form, size);
    if (!isTooShort(sample, settings)) return sniffFile(file, sample, settings, like, encoding);
    if (size >= LONGEST_HEADER) throw endlessHeader(file);
  }
}

function endlessHeader(file: LocalFile): SluiceError {
  return new SluiceError(
    'format/quote',
    'data',
    `${file.name}: its first line does not end, or a quote in it is never closed`,
    {
      where: { path: file.name, line: 1 },
      hint: 'Correct the header, or set `quote` to the character that the file uses ("" where it uses none).',
    },
  );
}

function toSniffed(seen: readonly { file: LocalFile; found: FileSniff | null }[]): Sniffed {
  const names = new Map<string, string>();
  const layouts: Layout[] = [];
  const places: Dialect['files'] = [];
  const evidence: string[] = [];
  const warnings: string[] = [];
  for (const { file, found } of seen) {
    if (found === null) {
      places.push([file.ordinal, null]);
      evidence.push(`${file.name} is empty: no rows`);
      continue;
    }
    if (found.encoding.guessed) warnings.push(guessed(file, found.encoding));
    if (found.doubt !== null) warnings.push(found.doubt);
    const before = names.size;
    for (const name of found.layout.names) if (!names.has(key(name))) names.set(key(name), name);
    if (before > 0 && names.size > before) {
      const added = [...names.values()].slice(before).join(', ');
      evidence.push(`${file.name} has columns that files before it lack (NULL there): ${added}`);
    }
    let index = layouts.findIndex((layout) => sameLayout(layout, found.layout));
    if (index < 0) {
      index = layouts.push(found.layout) - 1;
      evidence.push(layoutEvidence(file, found));
    }
    places.push([file.ordinal, index]);
  }
  for (const layout of layouts) {
    const own = new Set(layout.names.map(key));
    const missing = [...names].filter(([name]) => !own.has(name)).map(([, name]) => name);
    if (missing.length > 0)
      evidence.push(`files with the columns ${layout.names.join(', ')} lack ${missing.join(', ')}: NULL there`);
  }
  const dialect: Dialect = { layouts, files: places };
  return { dialect, columns: [...names.values()].map((name) => ({ name, type: null })), evidence, warnings };
}

function layoutEvidence(file: LocalFile, found: FileSniff): string {
  const { layout } = found;
  const delimiter = layout.names.length === 1 ? 'one column' : `delimiter ${JSON.stringify(layout.delimiter)}`;
  const header = layout.header ? `header (${found.header})` : `no header (${found.header})`;
  const skipped = layout.skip > 0 ? `, ${layout.skip} lines skipped` : '';
  const encoding = found.encoding.reason === null ? '' : `, ${found.encoding.reason}`;
  return `${file.name}: ${delimiter}, ${layout.names.length} columns, ${header}${skipped}${encoding}; seen in ${found.records} rows of its head`;
}

/** Each file's layout; a file that the dialect does not know is looked at now, and must fit the run's columns. */
async function layouts(
  files: readonly LocalFile[],
  sniffed: Sniffed,
  settings: CsvSettings,
): Promise<{ file: LocalFile; layout: Layout | null }[]> {
  const dialect = sniffed.dialect as Dialect;
  const columns = new Set(sniffed.columns.map((column) => key(column.name)));
  const [example] = dialect.layouts;
  const like = example ? { layout: example } : null;
  const said = new Set(dialect.layouts.map((known) => known.encoding));
  const found = [];
  for (const file of files) {
    let layout = layoutOf(dialect, file.ordinal);
    if (layout === undefined) {
      const late = await sniffBytes(file, settings, HEAD_SAMPLE, like);
      if (late) refuseUnsaid(file, late.encoding, said);
      layout = late?.layout ?? null;
      const unknown = layout?.names.filter((name) => !columns.has(key(name))) ?? [];
      if (unknown.length > 0) throw unknownColumns(file, unknown);
      const known = lateLayouts.get(sniffed) ?? new Map<number, Layout | null>();
      lateLayouts.set(sniffed, known.set(file.ordinal, layout));
    }
    found.push({ file, layout });
  }
  return found;
}

function unknownColumns(file: LocalFile, names: readonly string[]): SluiceError {
  return new SluiceError(
    'format/columns',
    'data',
    `${file.name} has columns that the run did not see before: ${names.join(', ')}`,
    {
      where: { path: file.name },
      hint: 'Run again with fewer files at a time: the columns are then found before the first row is read.',
    },
  );
}
