import type { LocalFile } from '../../model/component.ts';
import { SluiceError } from '../../model/error.ts';
import { textChunks, textStart } from '../shared/text.ts';
import { type Layout, layoutGrammar } from './layout.ts';
import { isBlank, RecordReader, type RecordShape, type RecordView } from './records.ts';

export interface Fault {
  code: 'format/row-width' | 'format/quote' | 'format/encoding';
  reason: string;
}

/** Values of a record; an empty one too many is a trailing delimiter. */
export function widthOf(record: RecordShape, columns: number): number {
  return record.width === columns + 1 && record.trailing ? columns : record.width;
}

/**
 * Visits a file's records of data until `visit` gives false: behind skipped lines and header; blank lines only where a
 * line is one column. `between` runs after each chunk.
 */
export async function visitData(
  path: string,
  layout: Layout,
  visit: (record: RecordView) => boolean,
  between: () => Promise<void> = async () => {},
): Promise<void> {
  const oneColumn = layout.names.length === 1;
  let header = layout.header;
  let stopped = false;
  const look = (record: RecordView): boolean => {
    if (header) header = isBlank(record);
    else if (oneColumn || !isBlank(record)) stopped = !visit(record);
    return !stopped;
  };
  const reader = new RecordReader(layoutGrammar(layout), {
    offset: await textStart(path, layout),
    line: 1,
    skip: layout.skip,
  });
  for await (const bytes of textChunks(path, layout)) {
    reader.push(bytes, false, look);
    await between();
    if (stopped) return;
  }
  reader.push(Buffer.alloc(0), true, look);
  await between();
}

/** What keeps a record from being a row, or null. */
export function faultOf(record: RecordShape, layout: Pick<Layout, 'encoding' | 'names'>): Fault | null {
  const columns = layout.names.length;
  if (record.fault === 'bytes') return { code: 'format/encoding', reason: noCharacter(layout.encoding) };
  if (record.fault === 'open') return { code: 'format/quote', reason: 'a quote that opens here is never closed' };
  if (record.fault === 'text') return { code: 'format/quote', reason: 'text stands behind a closing quote' };
  if (widthOf(record, columns) === columns) return null;
  return { code: 'format/row-width', reason: `expected ${columns} values, found ${record.width}` };
}

function noCharacter(encoding: string): string {
  if (encoding === 'utf-8') return 'the line holds bytes that are no UTF-8';
  return `the line holds bytes for which ${encoding} has no character`;
}

const HINTS: Record<Fault['code'], string> = {
  'format/row-width': 'Correct the line, or set `on_bad_row: quarantine` to set such rows aside.',
  'format/quote':
    'Correct the line, set `quote: ""` where the file quotes nothing, or `on_bad_row: quarantine` to set such rows aside.',
  'format/encoding':
    'Say how the file is written, such as `encoding: windows-1252`, or set `on_bad_row: quarantine` to set such rows aside.',
};

/** The error of a bad row. What was decoded has its place in bytes nowhere but in the copy, so it is named by its line alone. */
export function faultError(
  file: LocalFile,
  record: RecordShape,
  fault: Fault,
  layout: Pick<Layout, 'encoding'>,
): SluiceError {
  const offset = layout.encoding === 'utf-8' ? { byte_offset: record.start } : {};
  return new SluiceError(fault.code, 'data', `${file.name}, line ${record.line}: ${fault.reason}`, {
    where: { path: file.name, line: record.line, ...offset },
    hint: HINTS[fault.code],
  });
}

/** The error of a file's first record that is no row; null where all are. */
export async function firstFault(file: LocalFile, layout: Layout): Promise<SluiceError | null> {
  let found: SluiceError | null = null;
  await visitData(file.path, layout, (record) => {
    const fault = faultOf(record, layout);
    if (fault) found = faultError(file, record, fault, layout);
    return fault === null;
  });
  return found;
}
