import { open } from 'node:fs/promises';
import type { LocalFile } from '../../model/component.ts';
import { SluiceError } from '../../model/error.ts';
import { type Layout, layoutGrammar } from './layout.ts';
import { type CsvRecord, isBlank, RecordReader } from './records.ts';
import { bomLength } from './sample.ts';

export interface Fault {
  code: 'format/row-width' | 'format/quote' | 'format/encoding';
  reason: string;
}

const CHUNK = 1024 * 1024;

/** A file's records of data: behind skipped lines and header; blank lines only where a line is one column. */
export async function* dataRecords(path: string, layout: Layout): AsyncGenerator<CsvRecord> {
  const handle = await open(path, 'r');
  try {
    let reader: RecordReader | null = null;
    let header = layout.header;
    for (let at = 0; ; ) {
      const buffer = Buffer.allocUnsafe(CHUNK);
      const { bytesRead } = await handle.read(buffer, 0, CHUNK, at);
      let bytes = buffer.subarray(0, bytesRead);
      if (reader === null) {
        const bom = bomLength(bytes);
        reader = new RecordReader(layoutGrammar(layout), { offset: bom, line: 1, skip: layout.skip });
        bytes = bytes.subarray(bom);
      }
      at += bytesRead;
      for (const record of reader.push(bytes, bytesRead === 0)) {
        if (header) header = isBlank(record);
        else if (layout.names.length === 1 || !isBlank(record)) yield record;
      }
      if (bytesRead === 0) return;
    }
  } finally {
    await handle.close();
  }
}

/** What keeps a record from being a row, or null. An empty value too many is a trailing delimiter. */
export function faultOf(record: CsvRecord, columns: number): Fault | null {
  if (record.fault === 'bytes') return { code: 'format/encoding', reason: 'the line holds bytes that are no UTF-8' };
  if (record.fault === 'open') return { code: 'format/quote', reason: 'a quote that opens here is never closed' };
  if (record.fault === 'text') return { code: 'format/quote', reason: 'text stands behind a closing quote' };
  const found = record.fields.length;
  if (found === columns || (found === columns + 1 && record.fields[columns]?.text === '')) return null;
  return { code: 'format/row-width', reason: `expected ${columns} values, found ${found}` };
}

const HINTS: Record<Fault['code'], string> = {
  'format/row-width': 'Correct the line, or set `on_bad_row: quarantine` to set such rows aside.',
  'format/quote':
    'Correct the line, set `quote: ""` where the file quotes nothing, or `on_bad_row: quarantine` to set such rows aside.',
  'format/encoding': 'Save the file as UTF-8, or set `on_bad_row: quarantine` to set such rows aside.',
};

export function faultError(file: LocalFile, record: CsvRecord, fault: Fault): SluiceError {
  return new SluiceError(fault.code, 'data', `${file.name}, line ${record.line}: ${fault.reason}`, {
    where: { path: file.name, line: record.line, byte_offset: record.start },
    hint: HINTS[fault.code],
  });
}

/** The error of a file's first record that is no row; null where all are. */
export async function firstFault(file: LocalFile, layout: Layout): Promise<SluiceError | null> {
  for await (const record of dataRecords(file.path, layout)) {
    const fault = faultOf(record, layout.names.length);
    if (fault) return faultError(file, record, fault);
  }
  return null;
}
