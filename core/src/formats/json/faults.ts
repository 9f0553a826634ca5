import { SluiceError } from '../../model/error.ts';
import { type JsonFile, placeIn } from './encoding.ts';
import type { Fault } from './records.ts';

const HINTS: Record<Fault['code'], string> = {
  'format/json': 'Correct the record, or set `on_bad_row: quarantine` to set such rows aside.',
  'format/encoding':
    'Set `encoding` where the file is not UTF-8, save it as UTF-8, or set `on_bad_row: quarantine` to set such rows aside.',
  'format/columns': 'Declare the column under `columns`, so that it is known before the first row is read.',
};

export function faultError(file: JsonFile, record: { line: number; start: number }, fault: Fault): SluiceError {
  return new SluiceError(fault.code, 'data', `${file.name}, line ${record.line}: ${fault.reason}`, {
    where: { path: file.name, line: record.line, ...placeIn(file, record.start) },
    hint: HINTS[fault.code],
  });
}
