import { open } from 'node:fs/promises';
import type { LocalFile } from '../../model/component.ts';
import { SluiceError } from '../../model/error.ts';
import { bomLength } from '../shared/sample.ts';
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

const CHUNK = 1024 * 1024;

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
  const handle = await open(path, 'r');
  const oneColumn = layout.names.length === 1;
  let header = layout.header;
  let stopped = false;
  const look = (record: RecordView): boolean => {
    if (header) header = isBlank(record);
    else if (oneColumn || !isBlank(record)) stopped = !visit(record);
    return !stopped;
  };
  try {
    let reader: RecordReader | null = null;
    for (let at = 0; !stopped; ) {
      const buffer = Buffer.allocUnsafe(CHUNK);
      const { bytesRead } = await handle.read(buffer, 0, CHUNK, at);
      let bytes = buffer.subarray(0, bytesRead);
      if (reader === null) {
        const bom = bomLength(bytes);
        reader = new RecordReader(layoutGrammar(layout), { offset: bom, line: 1, skip: layout.skip });
        bytes = bytes.subarray(bom);
      }
      at += bytesRead;
      reader.push(bytes, bytesRead === 0, look);
      await between();
      if (bytesRead === 0) return;
    }
  } finally {
    await handle.close();
  }
}

/** What keeps a record from being a row, or null. */
export function faultOf(record: RecordShape, columns: number): Fault | null {
  if (record.fault === 'bytes') return { code: 'format/encoding', reason: 'the line holds bytes that are no UTF-8' };
  if (record.fault === 'open') return { code: 'format/quote', reason: 'a quote that opens here is never closed' };
  if (record.fault === 'text') return { code: 'format/quote', reason: 'text stands behind a closing quote' };
  if (widthOf(record, columns) === columns) return null;
  return { code: 'format/row-width', reason: `expected ${columns} values, found ${record.width}` };
}

const HINTS: Record<Fault['code'], string> = {
  'format/row-width': 'Correct the line, or set `on_bad_row: quarantine` to set such rows aside.',
  'format/quote':
    'Correct the line, set `quote: ""` where the file quotes nothing, or `on_bad_row: quarantine` to set such rows aside.',
  'format/encoding': 'Save the file as UTF-8, or set `on_bad_row: quarantine` to set such rows aside.',
};

export function faultError(file: LocalFile, record: RecordShape, fault: Fault): SluiceError {
  return new SluiceError(fault.code, 'data', `${file.name}, line ${record.line}: ${fault.reason}`, {
    where: { path: file.name, line: record.line, byte_offset: record.start },
    hint: HINTS[fault.code],
  });
}

/** The error of a file's first record that is no row; null where all are. */
export async function firstFault(file: LocalFile, layout: Layout): Promise<SluiceError | null> {
  let found: SluiceError | null = null;
  await visitData(file.path, layout, (record) => {
    const fault = faultOf(record, layout.names.length);
    if (fault) found = faultError(file, record, fault);
    return fault === null;
  });
  return found;
}
